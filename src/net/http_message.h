#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/io_buf.h"
#include "base/unique_function.h"

/// Requests and responses of the HTTP server as handlers see them: no word of Boost.
namespace hadron::net {

/// Header fields in the order they came; names compare without case. One text holds them all, so a
/// request costs two allocations. A value type.
class HttpHeaders {
 public:
  void Add(std::string_view name, std::string_view value);
  /// Value of the first field of that name.
  std::optional<std::string_view> Find(std::string_view name) const;
  std::size_t size() const { return fields_.size(); }
  std::string_view name(std::size_t i) const { return Text(fields_[i].name); }
  std::string_view value(std::size_t i) const { return Text(fields_[i].value); }

 private:
  struct Range {
    std::uint32_t at;
    std::uint32_t size;
  };
  struct Field {
    Range name;
    Range value;
  };
  std::string_view Text(Range r) const { return std::string_view(text_).substr(r.at, r.size); }

  std::string text_;
  std::vector<Field> fields_;
};

/// One request. Move it where it is needed; the body's slices keep their memory (and its place in
/// the request-memory budget) until the last one is released.
struct HttpRequest {
  std::string method;
  std::vector<std::string> segments;  ///< of the path, percent-decoded: {"v2", "models", "digits"}
  std::string query;
  HttpHeaders headers;
  base::IoBuf body;
  std::string peer;  ///< "192.0.2.7:50312"
  bool peer_is_loopback = false;
  /// Becomes true when the client has gone before the answer. Never null.
  std::shared_ptr<const std::atomic<bool>> cancelled;
};

struct HttpResponse {
  int status = 200;
  /// Content-Length and Connection are the server's business.
  std::vector<std::pair<std::string, std::string>> headers;
  base::IoBuf body;
  bool close = false;  ///< end the connection after this answer
};

/// `{"error": "<message>"}` with its content type.
HttpResponse ErrorResponse(int status, std::string_view message);
HttpResponse JsonResponse(std::string json);

/// Makes an answer where it is written.
using ResponseMaker = base::UniqueFunction<HttpResponse()>;

/// Where an answer goes; the connection implements it. Thread-safe.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  virtual void Respond(HttpResponse response) = 0;
  /// The same with an answer that is still to be made, on the sink's own thread.
  virtual void RespondWith(ResponseMaker make) { Respond(make()); }
  /// Runs work of the request on the sink's own thread; dropped when nobody waits any more.
  virtual void Continue(base::UniqueFunction<void()> work) { work(); }
};

/// The duty to answer one request. Any thread may fulfil it, once; dropped without an answer it
/// answers 500. Move-only.
///
///     std::move(responder).Send(JsonResponse(R"({"live":true})"));
class HttpResponder {
 public:
  explicit HttpResponder(std::shared_ptr<ResponseSink> sink) : sink_(std::move(sink)) {}
  HttpResponder(HttpResponder&&) noexcept = default;
  HttpResponder& operator=(HttpResponder&& other) noexcept {
    std::swap(sink_, other.sink_);
    return *this;
  }
  HttpResponder(const HttpResponder&) = delete;
  HttpResponder& operator=(const HttpResponder&) = delete;
  ~HttpResponder();

  void Send(HttpResponse response) &&;
  /// Has the answer made on the connection's io thread: for threads that have no time to encode
  /// one.
  void SendMade(ResponseMaker make) &&;
  /// Goes on with the request on the connection's io thread, for threads that have no time for it:
  /// `next` gets the responder back.
  void Then(base::UniqueFunction<void(HttpResponder)> next) &&;

 private:
  std::shared_ptr<ResponseSink> sink_;
};

/// What the server calls. Both functions run on an io thread, must not block, may be called by
/// several threads at once and outlive the server's threads.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  /// The header has arrived, the body has not been read (`head.body` is empty): an answer here
  /// refuses the request before its body costs anything, and ends the connection if there is one.
  virtual std::optional<HttpResponse> Refuse(const HttpRequest& head);
  virtual void Handle(HttpRequest request, HttpResponder responder) = 0;
};

}  // namespace hadron::net
