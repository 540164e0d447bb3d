#include "protocol/rpc/infer_call.h"

#include <optional>
#include <string>
#include <utility>

#include "protocol/rpc/byte_buffer.h"
#include "protocol/status_map.h"
#include "protocol/validation.h"

namespace hadron::protocol::rpc {

void InferCall::Await(RpcWorker& worker) {
  auto call = std::make_shared<InferCall>(worker);
  call->self_ = call;
  call->context_.AsyncNotifyWhenDone(&call->on_done_);
  worker.service().RequestModelInfer(&call->context_, &call->request_, &call->responder_,
                                     &worker.queue(), &worker.queue(), &call->on_request_);
}

void InferCall::OnRequest(bool ok) {
  if (!ok) return self_.reset();  // of a call that never began gRPC owes nothing more
  owed_ = 1;                      // OnDone
  Await(worker_);
  const base::Status status = Guarded([&]() -> base::Status {
    HADRON_RETURN_IF_ERROR(worker_.backend().CheckAccess({ApiGroup::kInference}, context_));
    HADRON_ASSIGN_OR_RETURN(const base::IoBuf bytes,
                            FromByteBuffer(request_, worker_.backend().services.request_memory));
    request_.Clear();
    return ReadInfer(worker_.backend(), bytes, incoming_, answer_);
  });
  if (!status.ok()) return Finish(status, {});
  if (answer_.model == nullptr) return AwaitModel();
  Run({});
}

void InferCall::AwaitModel() {
  worker_.backend().engine.load()->Await(
      *worker_.backend().models.load(), WantedModel(incoming_, cancelled_),
      [call = weak_from_this(), mailbox = worker_.mailbox()](
          base::StatusOr<model::ModelHandle> found, serving::Place place) {
        mailbox->Post([call, found = std::move(found), place = std::move(place)]() mutable {
          if (const auto alive = call.lock()) alive->OnModel(std::move(found), std::move(place));
        });
      });
}

void InferCall::OnModel(base::StatusOr<model::ModelHandle> found, serving::Place place) {
  if (!found.ok()) return Finish(std::move(found).status(), {});
  answer_.model = *std::move(found);
  Run(std::move(place));
}

void InferCall::Run(serving::Place place) {
  serving::InferenceRequest request;
  const base::Status status = Guarded([&] {
    HADRON_RETURN_IF_ERROR(
        AcceptInfer(worker_.backend(), std::exchange(incoming_, {}), request, answer_));
    return TakeCaller(worker_.backend(), context_, request);
  });
  if (!status.ok()) return Finish(status, {});
  request.cancelled = cancelled_;
  if (place.taken()) {
    ShortenTimeout(request, worker_.backend().services.clock->Now() - answer_.received);
  }
  worker_.backend().engine.load()->Infer(
      std::move(request),
      [call = weak_from_this(), mailbox = worker_.mailbox()](serving::InferenceResponse response) {
        mailbox->Post([call, response = std::move(response)]() mutable {
          if (const auto alive = call.lock()) alive->OnResponse(std::move(response));
        });
      },
      std::move(place));
}

void InferCall::OnResponse(serving::InferenceResponse response) {
  grpc::ByteBuffer message;
  const base::Status status = Guarded([&]() -> base::Status {
    HADRON_RETURN_IF_ERROR(response.status.Clone());
    HADRON_ASSIGN_OR_RETURN(WireWriter encoded, EncodeInfer(answer_, std::move(response), false));
    message = ToByteBuffer(std::move(encoded).Finish());
    return {};
  });
  Finish(status, message);
}

void InferCall::Finish(const base::Status& status, const grpc::ByteBuffer& message) {
  ObserveAnswer(worker_.backend(), answer_, status.code());
  finishing_ = true;
  ++owed_;
  if (status.ok()) {
    worker_.SetCompression(context_);
    return responder_.Finish(message, grpc::Status::OK, &on_finished_);
  }
  if (const std::optional<int> seconds = RetryAfterSeconds(status)) {
    context_.AddTrailingMetadata("retry-after", std::to_string(*seconds));
  }
  responder_.FinishWithError(ToGrpc(status), &on_finished_);
}

void InferCall::OnFinished(bool) { Settle(); }

void InferCall::OnDone(bool) {
  if (context_.IsCancelled() && !finishing_) {
    cancelled_->store(true);
    ObserveAnswer(worker_.backend(), answer_, base::StatusCode::kCancelled);
  }
  Settle();
}

void InferCall::Settle() {
  if (--owed_ == 0) self_.reset();
}

}  // namespace hadron::protocol::rpc
