// Floor of REST: Beast, one io_context thread. A body is read into one buffer of Content-Length
// bytes and sent back from it.
#include "net/asio.h"
// Asio before Beast, with what it needs.
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "bench/floor.h"

namespace hadron::bench {
namespace {

namespace asio = ::boost::asio;
namespace beast = ::boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using net::ErrorCode;

constexpr std::size_t kReadBytes = 64UL << 10U;
constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

/// One connection. The chain of handlers keeps it alive.
class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket) : socket_(std::move(socket)) {
    socket_.set_option(tcp::no_delay(true));
    input_.reserve(kReadBytes);  // Beast reads what fits: 512 bytes at a time otherwise
  }

  void ReadHead() {
    parser_.emplace();
    parser_->body_limit(kNoLimit);  // boost::none refuses every body in Boost 1.74
    http::async_read_header(socket_, input_, *parser_,
                            [self = shared_from_this()](ErrorCode error, std::size_t) {
                              if (!error) self->ReadBody();
                            });
  }

 private:
  void ReadBody() {
    const std::size_t length = parser_->content_length().value_or(0);
    body_ = std::make_unique_for_overwrite<char[]>(length);
    parser_->get().body() = {body_.get(), length, false};
    http::async_read(socket_, input_, *parser_,
                     [self = shared_from_this(), length](ErrorCode error, std::size_t) {
                       if (!error) self->Write(length);
                     });
  }

  void Write(std::size_t length) {
    response_ = {http::status::ok, 11};
    response_.body() = {body_.get(), length};
    response_.prepare_payload();
    http::async_write(socket_, response_,
                      [self = shared_from_this()](ErrorCode error, std::size_t) {
                        if (!error) self->ReadHead();
                      });
  }

  tcp::socket socket_;
  beast::flat_buffer input_;
  std::optional<http::request_parser<http::buffer_body>> parser_;
  std::unique_ptr<char[]> body_;
  http::response<http::span_body<char>> response_;
};

void Accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](ErrorCode error, tcp::socket socket) {
    if (!error) std::make_shared<Session>(std::move(socket))->ReadHead();
    Accept(acceptor);
  });
}

}  // namespace

base::Status RunHttpFloor(const std::string& port_file) {
  asio::io_context context(1);
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  Accept(acceptor);
  HADRON_RETURN_IF_ERROR(WritePort(port_file, "http", acceptor.local_endpoint().port()));
  context.run();
  return {};
}

}  // namespace hadron::bench
