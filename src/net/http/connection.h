#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/asio.h"
#include "net/http/body_buffer.h"
#include "net/http/connection_host.h"
#include "net/http/request_parser.h"
#include "net/http/response_writer.h"
#include "net/http_message.h"

namespace hadron::net {

/// Bytes read and not yet parsed, in one piece. Memory moves only in Prepare(), which therefore
/// must not be called while a read into it is pending.
class InputBuffer {
 public:
  std::span<const std::byte> data() const { return {bytes_.data() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  void Consume(std::size_t n) { begin_ += n; }
  void Commit(std::size_t n) { end_ += n; }
  void Clear() { begin_ = end_ = 0; }
  /// Room behind the data; empty when `limit` bytes wait to be parsed.
  std::span<std::byte> Prepare(std::size_t limit);

 private:
  std::vector<std::byte> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// One client connection: reads, parses, hands over, writes; one request at a time, in order. Lives
/// as long as an operation or a responder refers to it. All members belong to the connection's
/// strand, except `closed_`; Respond() and Abort() may be called on any thread.
class Connection final : public ResponseSink, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ConnectionHost> host, Socket socket);
  ~Connection() override;

  void Start();
  /// Ends the connection, whatever it is doing.
  void Abort();
  void Respond(HttpResponse response) override;
  void RespondWith(ResponseMaker make) override;
  void Continue(base::UniqueFunction<void()> work) override;

 private:
  /// kHeader -> kSizedBody or kChunkedBody -> kAnswering -> kWriting -> kHeader; any reading state
  /// -> kWriting (a refusal) -> kLingering -> kClosed; anything -> kClosed.
  enum class State : std::uint8_t {
    kHeader,       ///< between requests, or in the middle of a header
    kSizedBody,    ///< a body of known length is arriving
    kChunkedBody,  ///< chunks are arriving
    kAnswering,    ///< the handler has the request
    kWriting,      ///< the answer is on its way
    kLingering,    ///< the last answer is written; late bytes are read and dropped so that the peer
                   ///< gets to read it before the reset that closing would cause
    kClosed,       ///< nothing happens any more
  };
  using TimePoint = std::chrono::steady_clock::time_point;

  // Reading.
  void Read();
  std::span<std::byte> ReadTarget();
  void OnRead(ErrorCode ec, std::size_t bytes);
  void OnEof();
  void ProbePeer();
  void OnPeerError();

  // Parsing. The Advance functions take one step and return whether there may be another.
  void Pump();
  bool Advance();
  bool AdvanceHeader();
  bool AdvanceSizedBody();
  bool AdvanceChunkedBody();
  bool WaitForHeader();
  bool WaitForBody();
  bool BeginRequest();
  bool BeginBody();
  bool Dispatch();

  // Answering.
  bool Fail(int status, std::string_view message);
  bool Fail(const base::Status& status);
  void Answer(HttpResponse response);
  void StartWriting(HttpResponse response, bool close);
  void WriteSome();
  void OnWritten();
  void SendInterim();
  void NextRequest();
  void Linger();
  void Close();
  void DoneAnswering();
  /// On the connection's own thread, now if this is it.
  template <typename Task>
  void Do(Task task);

  // Time.
  void SetDeadline(TimePoint when);
  void SetDeadlineIn(std::chrono::milliseconds from_now);
  void Arm(TimePoint when);
  void OnTimer();
  void OnTimeout();

  const std::shared_ptr<ConnectionHost> host_;
  Socket socket_;
  Timer timer_;
  std::string peer_;
  bool peer_is_loopback_ = false;
  std::atomic<bool> closed_{false};

  State state_ = State::kHeader;
  InputBuffer input_;
  RequestParser parser_;
  BodyBuffer body_;
  HttpRequest request_;
  std::shared_ptr<std::atomic<bool>> cancelled_;
  ResponseWriter writer_;

  bool reading_ = false;       ///< a read is pending
  bool reading_body_ = false;  ///< and its bytes go to the body
  bool eof_ = false;           ///< the peer sends nothing more
  bool pumping_ = false;       ///< Pump() is on the stack
  bool http11_ = false;
  bool keep_alive_ = true;
  bool head_only_ = false;
  bool close_after_write_ = false;
  bool answering_ = false;       ///< counted in host_->answering
  std::uint64_t next_mark_ = 0;  ///< body bytes at which the deadline moves on

  TimePoint deadline_ = TimePoint::max();
  TimePoint armed_for_ = TimePoint::max();
};

}  // namespace hadron::net
