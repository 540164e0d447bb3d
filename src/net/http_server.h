#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/status.h"
#include "net/http_message.h"
#include "net/http_options.h"
#include "net/memory_budget.h"

namespace hadron::net {

/// HTTP/1.1 server: keep-alive, pipelining, chunked and sized bodies, Expect: 100-continue. Each
/// connection lives on one of `threads` threads. Input is hostile: whatever a peer sends
/// is answered with JSON `{"error": ...}` (400, 408, 413, 431, 503, 505) or the connection ends.
///
/// Life: Create -> Bind -> Start -> StopAccepting -> Stop. Bind fails before anything is loaded.
/// Every function is for the one thread that owns the server; connections() for any.
///
///     HADRON_ASSIGN_OR_RETURN(auto server, HttpServer::Create(options, handler, &budget));
///     HADRON_RETURN_IF_ERROR(server->Bind());
///     server->Start();
class HttpServer {
 public:
  /// `handler` and `budget` (may be null) outlive the server and all bodies. INVALID_ARGUMENT for
  /// options that make no sense.
  static base::StatusOr<std::unique_ptr<HttpServer>> Create(HttpServerOptions options,
                                                            HttpHandler& handler,
                                                            MemoryBudget* budget = nullptr);
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);  ///< through Create
  ~HttpServer();

  /// Takes the port. Fails with the texts of ListenFailure (listen_error.h).
  base::Status Bind();
  /// The port taken; 0 before Bind.
  std::uint16_t port() const;
  /// Starts the threads and accepts.
  void Start();

  /// New connections are refused from now on; answers carry `Connection: close`.
  void StopAccepting();
  /// Waits until every request handed to the handler has been answered and written; false when
  /// `until` came first. For the drain: it looks every few milliseconds.
  bool WaitForAnswers(base::TimePoint until) const;
  /// Ends all connections and joins the threads. Called by the destructor too.
  void Stop();

  std::size_t connections() const;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadron::net
