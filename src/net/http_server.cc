#include "net/http_server.h"

#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <optional>
#include <thread>
#include <vector>

#include "base/log.h"
#include "net/asio.h"
#include "net/http/connection.h"
#include "net/http/connection_host.h"
#include "net/listen_error.h"

namespace hadron::net {
namespace {

constexpr std::chrono::milliseconds kAcceptBackOff{100};
constexpr std::chrono::minutes kLogEvery{1};

std::optional<asio::ip::address> ParseAddress(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  if (text == "localhost") return asio::ip::make_address("127.0.0.1");
  ErrorCode ec;
  const auto address = asio::ip::make_address(std::string(text), ec);
  if (ec) return std::nullopt;
  return address;
}

}  // namespace

/// The listening socket and the threads. The acceptor belongs to its strand once Start() was
/// called.
class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, asio::ip::address address, HttpHandler& handler,
       MemoryBudget* budget)
      : address_(std::move(address)),
        host_(std::make_shared<ConnectionHost>(std::move(options), handler, budget)),
        strand_(asio::make_strand(host_->NextContext())),
        acceptor_(strand_),
        retry_(strand_) {
    for (const auto& context : host_->contexts) work_.push_back(asio::make_work_guard(*context));
  }

  base::Status Bind();
  void Start();
  void StopAccepting();
  void Stop();

  std::uint16_t port() const { return port_; }
  const ConnectionHost& host() const { return *host_; }

 private:
  using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Strand>;

  ErrorCode Listen();
  void Accept();
  void OnAccept(ErrorCode ec, Socket socket);
  void WarnFull();
  void RunThread(unsigned index);

  const asio::ip::address address_;
  std::shared_ptr<ConnectionHost> host_;
  Strand strand_;
  Acceptor acceptor_;
  Timer retry_;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  std::uint16_t port_ = 0;
  bool accepting_ = false;  ///< an accept is pending; strand only
  base::TimePoint warned_{};
  std::vector<std::jthread> threads_;
};

ErrorCode HttpServer::Impl::Listen() {
  const asio::ip::tcp::endpoint endpoint(address_, host_->options.port);
  ErrorCode ec;
  acceptor_.open(endpoint.protocol(), ec);
  if (ec) return ec;
  acceptor_.set_option(Acceptor::reuse_address(true), ec);
  if (endpoint.protocol() == asio::ip::tcp::v6()) {
    acceptor_.set_option(asio::ip::v6_only(false), ec);
  }
  if (host_->options.reuse_port) {
    const int on = 1;
    ::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  }
  acceptor_.bind(endpoint, ec);
  if (ec) return ec;
  acceptor_.listen(Acceptor::max_listen_connections, ec);
  if (ec) return ec;
  port_ = acceptor_.local_endpoint(ec).port();
  return ec;
}

base::Status HttpServer::Impl::Bind() {
  const HttpServerOptions& options = host_->options;
  const ErrorCode ec = Listen();
  if (!ec) return base::OkStatus();
  ErrorCode ignored;
  acceptor_.close(ignored);
  return ListenFailure(options.address, options.port, ec.value(), options.option);
}

void HttpServer::Impl::Start() {
  host_->on_closed = [this] { asio::post(strand_, [this] { Accept(); }); };
  asio::post(strand_, [this] { Accept(); });
  for (unsigned i = 0; i < host_->options.threads; ++i) {
    threads_.emplace_back([this, i] { RunThread(i); });
  }
}

void HttpServer::Impl::RunThread(unsigned index) {
  const std::string name = host_->options.thread_name + std::to_string(index);
  ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
  for (;;) {
    try {
      host_->contexts[index]->run();
      return;
    } catch (const std::exception& e) {
      // Memory ran out under one connection: it ends with its operations, the others go on.
      base::LogError("I/O task failed", {{"thread", name}, {"error", e.what()}});
    }
  }
}

void HttpServer::Impl::Accept() {
  if (accepting_ || !acceptor_.is_open()) return;
  if (host_->connections() >= host_->options.max_connections) return WarnFull();
  accepting_ = true;
  acceptor_.async_accept(asio::make_strand(host_->NextContext()),
                         [this](ErrorCode ec, Socket socket) {
                           accepting_ = false;
                           OnAccept(ec, std::move(socket));
                         });
}

void HttpServer::Impl::OnAccept(ErrorCode ec, Socket socket) {
  if (!acceptor_.is_open() || ec == asio::error::operation_aborted) return;
  if (!ec) {
    std::make_shared<Connection>(host_, std::move(socket))->Start();
    return Accept();
  }
  if (ec == asio::error::connection_aborted) return Accept();
  // Out of descriptors or memory: connections that end will free some.
  base::LogWarning("cannot accept connections", {{"error", ec.message()}});
  retry_.expires_after(kAcceptBackOff);
  retry_.async_wait([this](ErrorCode wait_ec) {
    if (!wait_ec) Accept();
  });
}

void HttpServer::Impl::WarnFull() {
  const base::TimePoint now = std::chrono::steady_clock::now();
  if (now - warned_ < kLogEvery) return;
  warned_ = now;
  base::LogWarning("connection limit reached, new ones wait in the kernel's queue",
                   {{"option", host_->options.option + "-max-connections"},
                    {"limit", host_->options.max_connections}});
}

void HttpServer::Impl::StopAccepting() {
  host_->draining.store(true);
  const auto close = [this] {
    ErrorCode ec;
    acceptor_.close(ec);
    retry_.cancel();
  };
  if (threads_.empty()) return close();
  asio::post(strand_, close);
}

void HttpServer::Impl::Stop() {
  StopAccepting();
  if (!threads_.empty()) {
    // On the acceptor's strand, behind its close: no connection comes after this look at them.
    asio::post(strand_, [this] {
      for (const auto& connection : host_->Open()) connection->Abort();
    });
  }
  work_.clear();
  threads_.clear();
  host_->on_closed = nullptr;
  // A thread whose connections waited for their answers alone ended before it was told to abort
  // them.
  host_->Retire();
}

// ---- public -------------------------------------------------------------------------------------

base::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Create(HttpServerOptions options,
                                                               HttpHandler& handler,
                                                               MemoryBudget* budget) {
  const auto address = ParseAddress(options.address);
  if (!address) {
    return base::InvalidArgument("'" + options.address + "' is not an IP address; choose " +
                                 options.option + "-address");
  }
  if (options.threads == 0) {
    return base::InvalidArgument("the server needs at least one thread; choose " + options.option +
                                 "-thread-count");
  }
  try {
    auto impl = std::make_unique<Impl>(std::move(options), *address, handler, budget);
    return std::make_unique<HttpServer>(std::move(impl));
  } catch (const std::exception& e) {  // no descriptor left for the event queue
    return base::Unavailable(std::string("cannot set up I/O: ") + e.what());
  }
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() { Stop(); }

base::Status HttpServer::Bind() { return impl_->Bind(); }
std::uint16_t HttpServer::port() const { return impl_->port(); }
void HttpServer::Start() { impl_->Start(); }
void HttpServer::StopAccepting() { impl_->StopAccepting(); }
void HttpServer::Stop() { impl_->Stop(); }
std::size_t HttpServer::connections() const { return impl_->host().connections(); }

bool HttpServer::WaitForAnswers(base::TimePoint until) const {
  constexpr std::chrono::milliseconds kLook{2};
  while (impl_->host().answering.load() > 0) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

}  // namespace hadron::net
