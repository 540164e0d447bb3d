#pragma once

#include <grpcpp/support/server_callback.h>

#include "grpc_service.grpc.pb.h"
#include "protocol/rpc/backend.h"

namespace hadron::protocol::rpc {

/// Adds one method after the other to the generated service.
namespace chain {

using S = ::inference::GRPCInferenceService;
// Tensors come as bytes, on completion queues.
using A = S::WithRawMethod_ModelInfer<S::WithRawMethod_ModelStreamInfer<S::Service>>;
// Small messages, on gRPC's threads.
using B = S::WithCallbackMethod_ServerLive<S::WithCallbackMethod_ServerReady<
    S::WithCallbackMethod_ModelReady<S::WithCallbackMethod_ServerMetadata<A>>>>;
using C = S::WithCallbackMethod_ModelMetadata<
    S::WithCallbackMethod_ModelConfig<S::WithCallbackMethod_ModelStatistics<B>>>;
using D = S::WithCallbackMethod_RepositoryIndex<
    S::WithCallbackMethod_RepositoryModelLoad<S::WithCallbackMethod_RepositoryModelUnload<C>>>;
using E =
    S::WithCallbackMethod_SystemSharedMemoryStatus<S::WithCallbackMethod_SystemSharedMemoryRegister<
        S::WithCallbackMethod_SystemSharedMemoryUnregister<D>>>;
using F =
    S::WithCallbackMethod_CudaSharedMemoryStatus<S::WithCallbackMethod_CudaSharedMemoryRegister<
        S::WithCallbackMethod_CudaSharedMemoryUnregister<E>>>;
using G = S::WithCallbackMethod_TraceSetting<S::WithCallbackMethod_LogSettings<F>>;

}  // namespace chain

/// GRPCInferenceService. Everything but inference is answered here; ModelInfer and ModelStreamInfer
/// are taken by InferCall and StreamCall. Thread-safe: called on gRPC's threads.
class InferenceService final : public chain::G {
 public:
  explicit InferenceService(const Backend& backend) : backend_(backend) {}

// One method: RPC name, from NameRequest to NameResponse.
#define HADRON_RPC(name)                                               \
  grpc::ServerUnaryReactor* name(grpc::CallbackServerContext* context, \
                                 const ::inference::name##Request* in, \
                                 ::inference::name##Response* out) override;
  HADRON_RPC(ServerLive)
  HADRON_RPC(ServerReady)
  HADRON_RPC(ModelReady)
  HADRON_RPC(ServerMetadata)
  HADRON_RPC(ModelMetadata)
  HADRON_RPC(ModelConfig)
  HADRON_RPC(ModelStatistics)
  HADRON_RPC(RepositoryIndex)
  HADRON_RPC(RepositoryModelLoad)
  HADRON_RPC(RepositoryModelUnload)
  HADRON_RPC(SystemSharedMemoryStatus)
  HADRON_RPC(SystemSharedMemoryRegister)
  HADRON_RPC(SystemSharedMemoryUnregister)
  HADRON_RPC(CudaSharedMemoryStatus)
  HADRON_RPC(CudaSharedMemoryRegister)
  HADRON_RPC(CudaSharedMemoryUnregister)
  HADRON_RPC(TraceSetting)
  HADRON_RPC(LogSettings)
#undef HADRON_RPC

 private:
  const Backend& backend_;
};

}  // namespace hadron::protocol::rpc
