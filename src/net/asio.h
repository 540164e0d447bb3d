#pragma once

// The only way Asio is included: Boost 1.74's awaitable header needs <utility> before it under
// g++ 12. Private to net: public headers show our own types.
#include <utility>

// clang-format off
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
// clang-format on

namespace hadron::net {

namespace asio = ::boost::asio;
using ErrorCode = ::boost::system::error_code;

/// One strand per connection; sockets and timers carry it as a concrete type, which saves the
/// type-erased executor's virtual calls.
using Strand = asio::strand<asio::io_context::executor_type>;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Strand>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Strand>;

}  // namespace hadron::net
