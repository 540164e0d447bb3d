#include "protocol/rpc/stream_call.h"

#include <string>
#include <utility>

#include "protocol/rpc/byte_buffer.h"
#include "protocol/status_map.h"
#include "protocol/validation.h"

namespace hadron::protocol::rpc {
namespace {

constexpr char kShuttingDown[] =
    "GRPC server is shutting down and has stopped accepting new requests.";

bool WantsStrictMode(const grpc::ServerContext& context) {
  const auto at = context.client_metadata().find("triton_grpc_error");
  return at != context.client_metadata().end() && at->second == "true";
}

}  // namespace

void StreamCall::Await(RpcWorker& worker) {
  auto call = std::make_shared<StreamCall>(worker);
  call->self_ = call;
  call->context_.AsyncNotifyWhenDone(&call->on_done_);
  worker.service().RequestModelStreamInfer(&call->context_, &call->stream_, &worker.queue(),
                                           &worker.queue(), &call->on_request_);
}

StreamCall::~StreamCall() { worker_.RemoveClosable(*this); }

void StreamCall::OnRequest(bool ok) {
  if (!ok) return self_.reset();
  owed_ = 1;  // OnDone
  Await(worker_);
  strict_ = WantsStrictMode(context_);
  const base::Status access =
      Guarded([&] { return worker_.backend().CheckAccess({ApiGroup::kInference}, context_); });
  if (!access.ok()) return Finish(access);
  worker_.SetCompression(context_);
  Read();
  worker_.AddClosable(*this);
}

void StreamCall::CloseGently() {
  closing_ = true;
  Advance();
}

void StreamCall::Read() {
  reading_ = true;
  ++owed_;
  stream_.Read(&incoming_, &on_read_);
}

void StreamCall::OnRead(bool ok) {
  reading_ = false;
  if (ok && !done_ && !finishing_) {
    Issue();
  } else {
    half_closed_ = true;
  }
  Advance();
  Settle();
}

void StreamCall::Issue() {
  const std::uint64_t number = first_number_ + waiting_.size();
  Waiting& waiting = waiting_.emplace_back();
  base::Status status = Guarded([&]() -> base::Status {
    HADRON_ASSIGN_OR_RETURN(const base::IoBuf bytes,
                            FromByteBuffer(incoming_, worker_.backend().services.request_memory));
    incoming_.Clear();
    return ReadInfer(worker_.backend(), bytes, waiting.incoming, waiting.answer);
  });
  if (!status.ok()) return SetOutcome(waiting, std::move(status), std::nullopt);
  if (waiting.answer.model == nullptr) return AwaitModel(waiting, number);
  Run(waiting, number, {});
}

void StreamCall::AwaitModel(const Waiting& waiting, std::uint64_t number) {
  worker_.backend().engine.load()->Await(
      *worker_.backend().models.load(), WantedModel(waiting.incoming, cancelled_),
      [call = weak_from_this(), mailbox = worker_.mailbox(), number](
          base::StatusOr<model::ModelHandle> found, serving::Place place) {
        mailbox->Post([call, number, found = std::move(found), place = std::move(place)]() mutable {
          const auto alive = call.lock();
          if (alive) alive->OnModel(number, std::move(found), std::move(place));
        });
      });
}

void StreamCall::OnModel(std::uint64_t number, base::StatusOr<model::ModelHandle> found,
                         serving::Place place) {
  Waiting& waiting = waiting_[static_cast<std::size_t>(number - first_number_)];
  if (waiting.outcome) return;  // abandoned
  if (found.ok()) {
    waiting.answer.model = *std::move(found);
    Run(waiting, number, std::move(place));
  } else {
    SetOutcome(waiting, std::move(found).status(), std::nullopt);
  }
  Advance();
}

void StreamCall::Run(Waiting& waiting, std::uint64_t number, serving::Place place) {
  serving::InferenceRequest request;
  base::Status status = Guarded([&] {
    HADRON_RETURN_IF_ERROR(AcceptInfer(worker_.backend(), std::exchange(waiting.incoming, {}),
                                       request, waiting.answer));
    return TakeCaller(worker_.backend(), context_, request);
  });
  if (!status.ok()) return SetOutcome(waiting, std::move(status), std::nullopt);
  waiting.accepted = true;
  request.cancelled = cancelled_;
  if (place.taken()) {
    ShortenTimeout(request, worker_.backend().services.clock->Now() - waiting.answer.received);
  }
  worker_.backend().engine.load()->Infer(
      std::move(request),
      [call = weak_from_this(), mailbox = worker_.mailbox(),
       number](serving::InferenceResponse response) {
        mailbox->Post([call, number, response = std::move(response)]() mutable {
          if (const auto alive = call.lock()) alive->OnResponse(number, std::move(response));
        });
      },
      std::move(place));
}

void StreamCall::OnResponse(std::uint64_t number, serving::InferenceResponse response) {
  Waiting& waiting = waiting_[static_cast<std::size_t>(number - first_number_)];
  if (waiting.outcome) return;  // abandoned
  std::optional<WireWriter> encoded;
  base::Status status = Guarded([&]() -> base::Status {
    HADRON_RETURN_IF_ERROR(response.status.Clone());
    HADRON_ASSIGN_OR_RETURN(encoded, EncodeInfer(waiting.answer, std::move(response), true));
    return {};
  });
  SetOutcome(waiting, std::move(status), std::move(encoded));
  Advance();
}

void StreamCall::SetOutcome(Waiting& waiting, base::Status status,
                            std::optional<WireWriter> response) {
  base::IoBuf message;
  if (status.ok()) {
    auto encoded = EncodeStreamInfer(*response);
    if (encoded.ok()) message = *std::move(encoded);
    if (!encoded.ok()) status = std::move(encoded).status();
  }
  if (!status.ok()) message = EncodeStreamFailure(waiting.answer, waiting.accepted, status);
  ObserveAnswer(worker_.backend(), waiting.answer, status.code());
  waiting.message = ToByteBuffer(message);
  waiting_bytes_ += waiting.message.Length();
  waiting.outcome = std::move(status);
}

void StreamCall::Advance() {
  if (done_ || finishing_) return;
  if (!writing_) WriteOrFinish();
  if (MayRead()) Read();
}

void StreamCall::WriteOrFinish() {
  if (waiting_.empty()) {
    if (half_closed_) return Finish({});
    if (closing_) Finish(base::Unavailable(kShuttingDown, base::RefusalCause::kDraining));
    return;
  }
  const std::optional<base::Status>& outcome = waiting_.front().outcome;
  if (!outcome) return;
  if (strict_ && !outcome->ok()) return Finish(*outcome);
  Write();
}

bool StreamCall::MayRead() const {
  const bool full = waiting_.size() >= kMaxWaiting || waiting_bytes_ >= kMaxWaitingBytes;
  return !reading_ && !half_closed_ && !closing_ && !finishing_ && !full;
}

void StreamCall::Write() {
  writing_ = true;
  ++owed_;
  stream_.Write(waiting_.front().message, &on_written_);
}

void StreamCall::OnWritten(bool ok) {
  writing_ = false;
  waiting_bytes_ -= waiting_.front().message.Length();
  waiting_.pop_front();
  ++first_number_;
  if (!ok && !finishing_ && !done_) Finish(base::Cancelled("a response could not be written"));
  Advance();
  Settle();
}

void StreamCall::Finish(const base::Status& status) {
  finishing_ = true;
  ++owed_;
  if (!status.ok()) Abandon();
  if (const std::optional<int> seconds = RetryAfterSeconds(status)) {
    context_.AddTrailingMetadata("retry-after", std::to_string(*seconds));
  }
  stream_.Finish(ToGrpc(status), &on_finished_);
}

void StreamCall::OnFinished(bool) { Settle(); }

void StreamCall::OnDone(bool) {
  done_ = true;
  if (context_.IsCancelled()) Abandon();
  Settle();
}

/// Whatever has not been answered yet, nobody will read it.
void StreamCall::Abandon() {
  cancelled_->store(true);
  for (Waiting& waiting : waiting_) {
    if (waiting.outcome) continue;
    waiting.outcome = base::Cancelled("the stream has ended");
    ObserveAnswer(worker_.backend(), waiting.answer, base::StatusCode::kCancelled);
  }
}

void StreamCall::Settle() {
  if (--owed_ == 0) self_.reset();
}

}  // namespace hadron::protocol::rpc
