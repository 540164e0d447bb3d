#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>

#include "base/status.h"
#include "protocol/rpc/infer_exchange.h"
#include "protocol/rpc/mailbox.h"
#include "protocol/rpc/rpc_worker.h"
#include "serving/inference_request.h"

namespace hadron::protocol::rpc {

/// One ModelInfer call: waits for a request, hands it to the engine, answers. It keeps itself alive
/// while gRPC owes it an event; the engine knows it weakly, so a call whose client has gone ends at
/// once, whatever the device does. Worker's thread only.
///
///   waiting -> running -> finishing -> gone     the usual way; running begins with a wait for the
///                                               model where that has to be loaded
///   waiting -> gone                             the server shuts down
///   running -> gone                             cancelled, or past its deadline
class InferCall : public std::enable_shared_from_this<InferCall> {
 public:
  /// Makes a call that waits for the next request. When one comes it makes its successor.
  static void Await(RpcWorker& worker);
  explicit InferCall(RpcWorker& worker) : worker_(worker) {}

 private:
  void OnRequest(bool ok);
  void OnDone(bool ok);
  void OnFinished(bool ok);
  /// Has the model loaded; OnModel goes on.
  void AwaitModel();
  void OnModel(base::StatusOr<model::ModelHandle> found, serving::Place place);
  /// Hands the request to the engine.
  void Run(serving::Place place);
  void OnResponse(serving::InferenceResponse response);
  void Finish(const base::Status& status, const grpc::ByteBuffer& message);
  /// One event less is owed; with the last one the call is gone.
  void Settle();

  RpcWorker& worker_;
  grpc::ServerContext context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_{&context_};
  Event<InferCall> on_request_{this, &InferCall::OnRequest};
  Event<InferCall> on_done_{this, &InferCall::OnDone};
  Event<InferCall> on_finished_{this, &InferCall::OnFinished};
  IncomingInfer incoming_;
  InferAnswer answer_;
  std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  int owed_ = 0;
  bool finishing_ = false;
  std::shared_ptr<InferCall> self_;
};

}  // namespace hadron::protocol::rpc
