#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <set>
#include <utility>

#include "base/status.h"
#include "base/unique_function.h"
#include "protocol/rpc/backend.h"
#include "protocol/rpc/guarded.h"
#include "protocol/rpc/inference_service.h"
#include "protocol/rpc/mailbox.h"

namespace hadron::protocol::rpc {

/// A call that would go on for ever if its client liked, and can be asked to come to an end.
class Closable {
 public:
  virtual ~Closable() = default;
  virtual void CloseGently() = 0;
};

/// One completion queue and the thread that serves it. A call belongs to one worker and is touched
/// by its thread alone, so calls need no locks; what happens elsewhere comes through the mailbox.
/// Thread rule: Run's thread only, but for mailbox() and Stop().
class RpcWorker {
 public:
  struct Settings {
    grpc_compression_level compression = GRPC_COMPRESS_LEVEL_NONE;
  };

  RpcWorker(const Backend& backend, InferenceService& service,
            std::unique_ptr<grpc::ServerCompletionQueue> queue, Settings settings)
      : backend_(backend), service_(service), queue_(std::move(queue)), settings_(settings) {}

  InferenceService& service() { return service_; }
  grpc::ServerCompletionQueue& queue() { return *queue_; }
  const Backend& backend() const { return backend_; }
  /// Compresses the call's answers as the settings say; before anything is sent.
  void SetCompression(grpc::ServerContext& context) const {
    if (settings_.compression == GRPC_COMPRESS_LEVEL_NONE) return;
    context.set_compression_level(settings_.compression);
  }
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }

  /// Serves the queue until Stop and its end. `tick` is called about once a second.
  void Run(base::UniqueFunction<void()> tick);
  /// Ends Run. The server must have been shut down: no call may be left.
  void Stop();

  /// Calls to be asked when the server shuts down; at once when it already does.
  void AddClosable(Closable& call);
  void RemoveClosable(Closable& call) { closables_.erase(&call); }
  void CloseGently();

 private:
  const Backend& backend_;
  InferenceService& service_;
  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  const Settings settings_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>(*queue_);
  std::set<Closable*> closables_;
  bool closing_ = false;
};

}  // namespace hadron::protocol::rpc
