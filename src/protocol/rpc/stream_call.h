#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "base/status.h"
#include "protocol/rpc/infer_exchange.h"
#include "protocol/rpc/mailbox.h"
#include "protocol/rpc/rpc_worker.h"
#include "serving/inference_request.h"

namespace hadron::protocol::rpc {

/// One ModelStreamInfer call. Requests are handed to the engine as they come; answers leave in the
/// order of the requests, one write at a time. A request's failure is an answer like any other,
/// unless the client asked for the strict mode, in which the first one ends the stream.
/// Keeps itself alive while gRPC owes it an event. Worker's thread only.
///
///   waiting -> open -> half closed -> finishing -> gone    the client has sent all, all is
///   answered open -> finishing                                      strict failure, or the server
///   shuts down any -> gone                                            cancelled
class StreamCall : public Closable, public std::enable_shared_from_this<StreamCall> {
 public:
  static void Await(RpcWorker& worker);
  explicit StreamCall(RpcWorker& worker) : worker_(worker) {}
  ~StreamCall() override;

  /// Answers what has come, then ends with UNAVAILABLE.
  void CloseGently() override;

 private:
  /// A request whose answer has not been written.
  struct Waiting {
    IncomingInfer incoming;  ///< until it is handed to the engine
    InferAnswer answer;
    bool accepted = false;
    std::optional<base::Status> outcome;  ///< set when `message` is ready
    grpc::ByteBuffer message;
  };
  /// While so much waits for a client that does not read, nothing more is read from it.
  static constexpr std::size_t kMaxWaiting = 4096;
  static constexpr std::size_t kMaxWaitingBytes = 64U << 20U;

  void OnRequest(bool ok);
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);
  void OnDone(bool ok);
  void Issue();
  /// Has the request's model loaded; OnModel goes on.
  void AwaitModel(const Waiting& waiting, std::uint64_t number);
  void OnModel(std::uint64_t number, base::StatusOr<model::ModelHandle> found,
               serving::Place place);
  /// Hands the request to the engine.
  void Run(Waiting& waiting, std::uint64_t number, serving::Place place);
  void OnResponse(std::uint64_t number, serving::InferenceResponse response);
  void SetOutcome(Waiting& waiting, base::Status status, std::optional<WireWriter> response);
  /// Starts whatever can be started now: a write, the end, a read.
  void Advance();
  void WriteOrFinish();
  bool MayRead() const;
  void Write();
  void Read();
  void Finish(const base::Status& status);
  void Abandon();
  void Settle();

  RpcWorker& worker_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_{&context_};
  Event<StreamCall> on_request_{this, &StreamCall::OnRequest};
  Event<StreamCall> on_read_{this, &StreamCall::OnRead};
  Event<StreamCall> on_written_{this, &StreamCall::OnWritten};
  Event<StreamCall> on_finished_{this, &StreamCall::OnFinished};
  Event<StreamCall> on_done_{this, &StreamCall::OnDone};
  grpc::ByteBuffer incoming_;
  std::deque<Waiting> waiting_;     ///< by number, the oldest first
  std::uint64_t first_number_ = 0;  ///< number of waiting_.front()
  std::size_t waiting_bytes_ = 0;   ///< of ready messages
  std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  bool strict_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool half_closed_ = false;
  bool closing_ = false;
  bool finishing_ = false;
  bool done_ = false;
  int owed_ = 0;
  std::shared_ptr<StreamCall> self_;
};

}  // namespace hadron::protocol::rpc
