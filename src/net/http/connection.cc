#include "net/http/connection.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cstring>
#include <exception>

#include "base/log.h"
#include "net/url.h"

namespace hadron::net {
namespace {

constexpr std::size_t kFirstInput = 8 * 1024;
constexpr std::uint64_t kBodyProgress = 64 * 1024;
/// A chunk header may need some room beside a header section that fills its limit.
constexpr std::size_t kInputSlack = 1024;

RequestParser::Limits ParserLimits(const HttpServerOptions& options) {
  return {options.max_header_bytes, options.max_header_fields, options.max_chunks};
}

bool IsLoopback(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
  }
  return address.is_loopback();
}

bool IsWouldBlock(const ErrorCode& ec) {
  return ec == asio::error::would_block || ec == asio::error::try_again;
}

}  // namespace

std::span<std::byte> InputBuffer::Prepare(std::size_t limit) {
  if (begin_ > 0) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == bytes_.size()) {
    const std::size_t size = std::min(std::max(kFirstInput, bytes_.size() * 2), limit);
    if (size > bytes_.size()) bytes_.resize(size);
  }
  return std::span(bytes_).subspan(end_);
}

Connection::Connection(std::shared_ptr<ConnectionHost> host, Socket socket)
    : host_(std::move(host)),
      socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      parser_(ParserLimits(host_->options)),
      body_(host_->budget, host_->options.max_body_bytes) {}

Connection::~Connection() { host_->Remove(this); }

void Connection::Start() {
  host_->Add(shared_from_this());
  asio::dispatch(socket_.get_executor(), [self = shared_from_this()] {
    ErrorCode ec;
    self->socket_.non_blocking(true, ec);
    self->socket_.set_option(asio::ip::tcp::no_delay(true), ec);
    const auto endpoint = self->socket_.remote_endpoint(ec);
    if (ec) return self->Close();
    self->peer_ = fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
    self->peer_is_loopback_ = IsLoopback(endpoint.address());
    self->SetDeadlineIn(self->host_->options.header_timeout);
    self->Read();
  });
}

template <typename Task>
void Connection::Do(Task task) {
  const std::shared_ptr<ConnectionHost> host = host_;  // the task may be the last to hold us
  asio::dispatch(socket_.get_executor(), std::move(task));
  host->RunLeft();
}

void Connection::Abort() {
  Do([self = shared_from_this()] { self->Close(); });
}

// ---- reading ------------------------------------------------------------------------------------

std::span<std::byte> Connection::ReadTarget() {
  reading_body_ = state_ == State::kSizedBody && input_.empty();
  if (reading_body_) return body_.Remaining();
  if (state_ == State::kLingering) input_.Clear();
  return input_.Prepare(host_->options.max_header_bytes + kInputSlack);
}

void Connection::Read() {
  if (reading_ || eof_ || state_ == State::kClosed) return;
  const std::span<std::byte> target = ReadTarget();
  if (target.empty()) return;  // enough pipelined requests; Pump() reads on after the next answer
  reading_ = true;
  socket_.async_read_some(asio::buffer(target.data(), target.size()),
                          [self = shared_from_this()](ErrorCode ec, std::size_t bytes) {
                            self->reading_ = false;
                            self->OnRead(ec, bytes);
                          });
}

void Connection::OnRead(ErrorCode ec, std::size_t bytes) {
  if (state_ == State::kClosed) return;
  if (ec == asio::error::eof) return OnEof();
  if (ec) return Close();
  if (reading_body_) {
    body_.Commit(bytes);
  } else {
    input_.Commit(bytes);
  }
  Pump();
}

void Connection::OnEof() {
  eof_ = true;
  if (state_ == State::kLingering) return Close();
  if (state_ == State::kAnswering) return ProbePeer();
  Pump();
}

/// A peer that has sent its end may have gone, or may wait for its answer with the other half open:
/// both look the same until we send. An interim answer is legal at any time, a live HTTP/1.1 peer
/// skips it, and the kernel of a gone one resets the connection.
void Connection::ProbePeer() {
  if (http11_) SendInterim();
  if (state_ == State::kClosed) return;
  socket_.async_wait(Socket::wait_error, [self = shared_from_this()](ErrorCode ec) {
    if (!ec) self->OnPeerError();
  });
}

void Connection::OnPeerError() {
  if (state_ != State::kAnswering) return;
  pollfd query{socket_.native_handle(), 0, 0};
  const bool gone = ::poll(&query, 1, 0) > 0 && (query.revents & (POLLERR | POLLHUP)) != 0;
  if (gone) Close();
}

// ---- parsing ------------------------------------------------------------------------------------

void Connection::Pump() {
  if (pumping_) return;  // an answer given inside the handler comes by here; the loop below goes on
  pumping_ = true;
  while (Advance()) {
  }
  pumping_ = false;
  Read();
}

bool Connection::Advance() {
  switch (state_) {
    case State::kHeader:
      return AdvanceHeader();
    case State::kSizedBody:
      return AdvanceSizedBody();
    case State::kChunkedBody:
      return AdvanceChunkedBody();
    default:
      return false;
  }
}

bool Connection::AdvanceHeader() {
  // Some old clients end a body with a line break that belongs to nothing.
  while (!parser_.started() && !input_.empty() &&
         (input_.data()[0] == std::byte{'\r'} || input_.data()[0] == std::byte{'\n'})) {
    input_.Consume(1);
  }
  const RequestParser::Step step = parser_.ParseHeader(input_.data());
  input_.Consume(step.consumed);
  switch (step.progress) {
    case RequestParser::Progress::kNeedMore:
      return WaitForHeader();
    case RequestParser::Progress::kFailed:
      return Fail(parser_.error().status, parser_.error().message);
    default:
      return BeginRequest();
  }
}

bool Connection::WaitForHeader() {
  if (!eof_) {
    if (parser_.started() && next_mark_ == 0) {
      next_mark_ = 1;  // once a request: one byte a second must not keep it alive
      SetDeadlineIn(host_->options.header_timeout);
    }
    return false;
  }
  if (parser_.started()) return Fail(400, "connection closed in the middle of a request header");
  Close();
  return false;
}

bool Connection::BeginRequest() {
  RequestParser::Header& header = parser_.header();
  http11_ = header.http11;
  keep_alive_ = header.keep_alive;
  head_only_ = header.method == "HEAD";
  auto target = ParseRequestTarget(header.target);
  if (!target) return Fail(400, "malformed HTTP request: bad request target");
  request_ = {};
  request_.method = std::move(header.method);
  request_.segments = std::move(target->segments);
  request_.query = std::move(target->query);
  request_.headers = std::move(header.fields);
  request_.peer = peer_;
  request_.peer_is_loopback = peer_is_loopback_;
  next_mark_ = 0;
  return BeginBody();
}

bool Connection::BeginBody() {
  const RequestParser::Header& header = parser_.header();
  const bool has_body = header.chunked || header.content_length > 0;
  const std::uint64_t limit = host_->options.max_body_bytes;
  if (header.content_length > limit) {
    return Fail(413, fmt::format("request body of {} bytes exceeds the maximum allowed value of {} "
                                 "bytes (--http-max-request-size)",
                                 header.content_length, limit));
  }
  if (auto refusal = host_->handler.Refuse(request_)) {
    StartWriting(std::move(*refusal), has_body);
    return true;
  }
  if (!has_body) return Dispatch();
  state_ = header.chunked ? State::kChunkedBody : State::kSizedBody;
  if (!header.chunked) {
    const base::Status reserved = body_.Reserve(header.content_length);
    if (!reserved.ok()) return Fail(reserved);
  }
  if (header.expects_continue && input_.empty()) SendInterim();
  return true;
}

bool Connection::AdvanceSizedBody() {
  const std::span<std::byte> room = body_.Remaining();
  const std::size_t take = std::min(room.size(), input_.data().size());
  if (take > 0) std::memcpy(room.data(), input_.data().data(), take);
  input_.Consume(take);
  body_.Commit(take);
  return body_.complete() ? Dispatch() : WaitForBody();
}

bool Connection::AdvanceChunkedBody() {
  base::Status failure;
  RequestParser::BodySink sink = [this, &failure](std::span<const std::byte> bytes) {
    failure = body_.Append(bytes);
    return failure.ok();
  };
  const RequestParser::Step step = parser_.ParseChunks(input_.data(), sink);
  input_.Consume(step.consumed);
  if (!failure.ok()) return Fail(failure);
  switch (step.progress) {
    case RequestParser::Progress::kDone:
      return Dispatch();
    case RequestParser::Progress::kFailed:
      return Fail(parser_.error().status, parser_.error().message);
    default:
      break;
  }
  if (input_.data().size() >= host_->options.max_header_bytes) {
    return Fail(400, "malformed HTTP request: chunk header or trailer is longer than 64 KiB");
  }
  return WaitForBody();
}

bool Connection::WaitForBody() {
  if (eof_) {
    return Fail(
        400, fmt::format("connection closed after {} bytes of the request body{}", body_.received(),
                         parser_.header().chunked
                             ? std::string(", before the last chunk")
                             : fmt::format(" of {}", parser_.header().content_length)));
  }
  if (body_.received() >= next_mark_) {
    next_mark_ = body_.received() + kBodyProgress;
    SetDeadlineIn(host_->options.body_timeout);
  }
  return false;
}

bool Connection::Dispatch() {
  state_ = State::kAnswering;
  deadline_ = TimePoint::max();  // the handler has its own; a timer that fires sees this
  answering_ = true;
  ++host_->answering;
  cancelled_ = std::make_shared<std::atomic<bool>>(false);
  request_.cancelled = cancelled_;
  request_.body = body_.Take();
  HttpResponder responder(shared_from_this());
  try {
    host_->handler.Handle(std::exchange(request_, {}), std::move(responder));
  } catch (const std::exception& e) {
    base::LogError("request handler failed", {{"error", e.what()}});
  }
  if (eof_ && state_ == State::kAnswering) ProbePeer();
  return true;
}

// ---- answering ----------------------------------------------------------------------------------

bool Connection::Fail(int status, std::string_view message) {
  StartWriting(ErrorResponse(status, message), true);
  return true;
}

bool Connection::Fail(const base::Status& status) {
  if (status.code() != base::StatusCode::kResourceExhausted) return Fail(413, status.message());
  HttpResponse response = ErrorResponse(503, status.message());
  response.headers.emplace_back("Retry-After", "1");
  StartWriting(std::move(response), true);
  return true;
}

void Connection::Respond(HttpResponse response) {
  if (closed_.load()) return;
  Do([self = shared_from_this(), response = std::move(response)]() mutable {
    self->Answer(std::move(response));
  });
}

void Connection::RespondWith(ResponseMaker make) {
  if (closed_.load()) return;
  Do([self = shared_from_this(), make = std::move(make)]() mutable {
    if (self->state_ != State::kAnswering) return;
    try {
      self->Answer(make());
    } catch (const std::exception& e) {
      base::LogError("encoding an answer failed", {{"error", e.what()}});
      self->Answer(ErrorResponse(500, "the answer could not be encoded"));
    }
  });
}

void Connection::Continue(base::UniqueFunction<void()> work) {
  if (closed_.load()) return;
  Do([self = shared_from_this(), work = std::move(work)]() mutable {
    if (self->state_ != State::kAnswering) return;
    try {
      work();
    } catch (const std::exception& e) {
      base::LogError("request handler failed", {{"error", e.what()}});
    }
  });
}

void Connection::Answer(HttpResponse response) {
  if (state_ != State::kAnswering) return;
  const bool close = response.close || !keep_alive_ || host_->draining.load();
  StartWriting(std::move(response), close);
}

void Connection::StartWriting(HttpResponse response, bool close) {
  state_ = State::kWriting;
  close_after_write_ = close;
  const std::string_view kept = http11_ ? "" : "keep-alive";  // what each version does not assume
  writer_.Begin(std::move(response), close ? "close" : kept, head_only_);
  WriteSome();
}

void Connection::WriteSome() {
  if (state_ != State::kWriting) return;
  while (!writer_.done()) {
    ErrorCode ec;
    const std::size_t written = socket_.write_some(writer_.buffers(), ec);
    if (IsWouldBlock(ec)) {
      // A slow reader gets the time that a slow writer gets.
      SetDeadlineIn(host_->options.body_timeout);
      socket_.async_wait(Socket::wait_write, [self = shared_from_this()](ErrorCode wait_ec) {
        if (!wait_ec) self->WriteSome();
      });
      return;
    }
    if (ec) return Close();
    writer_.Consume(written);
  }
  OnWritten();
}

void Connection::OnWritten() {
  DoneAnswering();
  if (close_after_write_) return Linger();
  NextRequest();
}

void Connection::DoneAnswering() {
  if (answering_) --host_->answering;
  answering_ = false;
}

void Connection::NextRequest() {
  state_ = State::kHeader;
  parser_.Reset();
  next_mark_ = 0;
  head_only_ = false;
  SetDeadlineIn(host_->options.idle_timeout);
  Pump();
}

/// 25 bytes: either they fit into the socket's buffer, or the peer has not read for a long time.
void Connection::SendInterim() {
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  ErrorCode ec;
  const std::size_t written = socket_.write_some(asio::buffer(kContinue), ec);
  if (ec || written != kContinue.size()) Close();
}

void Connection::Linger() {
  ErrorCode ec;
  socket_.shutdown(Socket::shutdown_send, ec);
  if (ec || eof_) return Close();
  state_ = State::kLingering;
  SetDeadlineIn(host_->options.linger_timeout);
  Read();
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  closed_.store(true);
  if (cancelled_ != nullptr && answering_) cancelled_->store(true);
  DoneAnswering();
  ErrorCode ec;
  timer_.cancel();
  socket_.close(ec);
  host_->Remove(this);
}

// ---- time ---------------------------------------------------------------------------------------

// The timer is armed for the earliest deadline there was, and looks again when it fires: a request
// that is read, answered and written at once never touches it.

void Connection::SetDeadlineIn(std::chrono::milliseconds from_now) {
  SetDeadline(std::chrono::steady_clock::now() + from_now);
}

void Connection::SetDeadline(TimePoint when) {
  deadline_ = when;
  if (when < armed_for_) Arm(when);
}

void Connection::Arm(TimePoint when) {
  armed_for_ = when;
  timer_.expires_at(when);
  timer_.async_wait([self = shared_from_this()](ErrorCode ec) {
    if (!ec) self->OnTimer();
  });
}

void Connection::OnTimer() {
  armed_for_ = TimePoint::max();
  if (state_ == State::kClosed || deadline_ == TimePoint::max()) return;
  if (std::chrono::steady_clock::now() < deadline_) return Arm(deadline_);
  OnTimeout();
}

void Connection::OnTimeout() {
  deadline_ = TimePoint::max();
  const bool in_request = state_ == State::kSizedBody || state_ == State::kChunkedBody ||
                          (state_ == State::kHeader && parser_.started());
  if (!in_request) return Close();
  Fail(408, "the request did not arrive in time");
}

}  // namespace hadron::net
