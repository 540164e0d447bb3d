#pragma once

#include <grpcpp/support/server_callback.h>

#include <map>
#include <memory>

#include "base/sync.h"
#include "health.grpc.pb.h"
#include "protocol/rpc/backend.h"

namespace hadron::protocol::rpc {

/// grpc.health.v1.Health: the server's readiness, whatever service is asked for. Thread-safe.
class HealthService final : public ::grpc::health::v1::Health::CallbackService {
 public:
  explicit HealthService(const Backend& backend);
  ~HealthService() override;

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const ::grpc::health::v1::HealthCheckRequest* request,
                                  ::grpc::health::v1::HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<::grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const ::grpc::health::v1::HealthCheckRequest* request) override;

  /// Tells watchers if something has changed; readiness has no events of its own, so somebody calls
  /// this now and then.
  void Refresh();
  /// Says NOT_SERVING from now on and ends all watches.
  void Close();

 private:
  class Watcher;
  void Remove(Watcher* watcher);

  const Backend& backend_;
  base::Mutex mutex_;  ///< held while watchers are told; taken before a watcher's own
  std::map<Watcher*, std::unique_ptr<Watcher>> watchers_ HADRON_GUARDED_BY(mutex_);
  bool closed_ HADRON_GUARDED_BY(mutex_) = false;
};

}  // namespace hadron::protocol::rpc
