#include "protocol/rpc/rpc_worker.h"

#include <chrono>
#include <vector>

#include "base/log.h"

namespace hadron::protocol::rpc {

void RpcWorker::Run(base::UniqueFunction<void()> tick) {
  using Clock = std::chrono::system_clock;  // what gRPC takes as a deadline
  constexpr std::chrono::seconds kTick{1};
  auto next_tick = Clock::now() + kTick;
  for (;;) {
    void* tag = nullptr;
    bool ok = false;
    const auto event = queue_->AsyncNext(&tag, &ok, next_tick);
    if (event == grpc::CompletionQueue::SHUTDOWN) return;
    mailbox_->Wake();
    const base::Status status = Guarded([&] {
      if (event == grpc::CompletionQueue::GOT_EVENT) static_cast<Tag*>(tag)->Fire(ok);
      if (event == grpc::CompletionQueue::TIMEOUT) {
        next_tick = Clock::now() + kTick;
        tick();
      }
      mailbox_->Drain();
      return base::OkStatus();
    });
    if (!status.ok()) base::LogError("gRPC call dropped", {{"reason", status.message()}});
  }
}

void RpcWorker::Stop() {
  mailbox_->Close();
  queue_->Shutdown();
}

void RpcWorker::AddClosable(Closable& call) {
  closables_.insert(&call);
  if (closing_) call.CloseGently();
}

void RpcWorker::CloseGently() {
  closing_ = true;
  const std::vector<Closable*> calls(closables_.begin(), closables_.end());
  for (Closable* call : calls) call->CloseGently();
}

}  // namespace hadron::protocol::rpc
