#include "protocol/rpc/health_service.h"

#include <optional>
#include <utility>

#include "protocol/rpc/byte_buffer.h"

namespace hadron::protocol::rpc {
namespace {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

HealthCheckResponse::ServingStatus WireStatus(bool serving) {
  return serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

}  // namespace

/// One watch: the status at once, then every change. Lives in the service's map until gRPC is done
/// with it.
class HealthService::Watcher final : public grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  explicit Watcher(HealthService& service) : service_(service) {}

  void Tell(bool serving) {
    base::MutexLock lock(mutex_);
    wanted_ = serving;
    Advance();
  }
  void End(grpc::Status status) {
    base::MutexLock lock(mutex_);
    if (!end_) end_ = std::move(status);
    Advance();
  }

  void OnWriteDone(bool ok) override {
    base::MutexLock lock(mutex_);
    writing_ = false;
    if (!ok && !end_) end_ = grpc::Status::CANCELLED;
    Advance();
  }
  void OnCancel() override { End(grpc::Status::CANCELLED); }
  void OnDone() override { service_.Remove(this); }

 private:
  void Advance() HADRON_REQUIRES(mutex_) {
    if (writing_ || finished_) return;
    if (wanted_ != told_ && !cancelled()) {
      told_ = wanted_;
      message_.set_status(WireStatus(*told_));
      writing_ = true;
      StartWrite(&message_);
    } else if (end_) {
      finished_ = true;
      Finish(*end_);
    }
  }
  bool cancelled() const HADRON_REQUIRES(mutex_) {
    return end_ && end_->error_code() == grpc::StatusCode::CANCELLED;
  }

  HealthService& service_;
  base::Mutex mutex_;
  HealthCheckResponse message_ HADRON_GUARDED_BY(mutex_);
  std::optional<bool> wanted_ HADRON_GUARDED_BY(mutex_);
  std::optional<bool> told_ HADRON_GUARDED_BY(mutex_);
  std::optional<grpc::Status> end_ HADRON_GUARDED_BY(mutex_);  ///< how to finish, once it is known
  bool writing_ HADRON_GUARDED_BY(mutex_) = false;
  bool finished_ HADRON_GUARDED_BY(mutex_) = false;
};

HealthService::HealthService(const Backend& backend) : backend_(backend) {}

HealthService::~HealthService() = default;

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* context,
                                               const HealthCheckRequest*,
                                               HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const base::Status access = backend_.CheckAccess({ApiGroup::kHealth}, *context);
  response->set_status(WireStatus(backend_.Ready()));
  reactor->Finish(ToGrpc(access));
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(
    grpc::CallbackServerContext* context, const HealthCheckRequest*) {
  const base::Status access = backend_.CheckAccess({ApiGroup::kHealth}, *context);
  auto owned = std::make_unique<Watcher>(*this);
  Watcher* watcher = owned.get();
  base::MutexLock lock(mutex_);
  watchers_.emplace(watcher, std::move(owned));
  if (!access.ok()) {
    watcher->End(ToGrpc(access));
    return watcher;
  }
  watcher->Tell(!closed_ && backend_.Ready());
  if (closed_) watcher->End(grpc::Status::OK);
  return watcher;
}

void HealthService::Refresh() {
  base::MutexLock lock(mutex_);
  if (closed_) return;
  for (auto& [watcher, owned] : watchers_) watcher->Tell(backend_.Ready());
}

void HealthService::Close() {
  base::MutexLock lock(mutex_);
  closed_ = true;
  for (auto& [watcher, owned] : watchers_) {
    watcher->Tell(false);
    watcher->End(grpc::Status::OK);
  }
}

void HealthService::Remove(Watcher* watcher) {
  std::unique_ptr<Watcher> gone;  // dies after the lock
  base::MutexLock lock(mutex_);
  const auto at = watchers_.find(watcher);
  gone = std::move(at->second);
  watchers_.erase(at);
}

}  // namespace hadron::protocol::rpc
