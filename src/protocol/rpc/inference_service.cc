#include "protocol/rpc/inference_service.h"

#include <fmt/format.h>

#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/rpc/byte_buffer.h"
#include "protocol/rpc/statistics_message.h"
#include "protocol/server_state.h"

namespace hadron::protocol::rpc {
namespace {

using base::Status;
using model::ModelManager;

constexpr std::string_view kBadVersion =
    "failed to get model version from specified version string";
constexpr std::string_view kSharedMemoryOff = "Client shared memory is disabled";

/// Runs a method's body and finishes the call; exceptions of the libraries end here.
template <typename Body>
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, Body body) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Status status;
  try {
    status = body();
  } catch (const std::exception& e) {
    status = base::Internal(e.what());
  }
  reactor->Finish(ToGrpc(status));
  return reactor;
}

/// Refuses once the drain has ended.
template <typename Body>
grpc::ServerUnaryReactor* AnswerInService(const Backend& backend,
                                          grpc::CallbackServerContext* context, Body body) {
  return Answer(context, [&]() -> Status {
    HADRON_RETURN_IF_ERROR(backend.services.state->CheckServing());
    return body();
  });
}

/// Refuses also while models are not known.
template <typename Body>
grpc::ServerUnaryReactor* AnswerWithModels(const Backend& backend,
                                           grpc::CallbackServerContext* context, Body body) {
  return AnswerInService(backend, context, [&]() -> Status {
    HADRON_ASSIGN_OR_RETURN(const ModelManager* models, backend.Models());
    return body(*models);
  });
}

grpc::ServerUnaryReactor* Refuse(const Backend& backend, grpc::CallbackServerContext* context,
                                 std::string_view why) {
  return AnswerInService(backend, context, [why] { return base::Unimplemented(std::string(why)); });
}

base::StatusOr<model::ModelHandle> Acquire(const ModelManager& models, const std::string& name,
                                           const std::string& version) {
  HADRON_ASSIGN_OR_RETURN(const std::optional<std::int64_t> number,
                          ParseVersion(version, kBadVersion));
  return models.Acquire(name, number);
}

Status CheckRepositoryName(const std::string& name) {
  if (name.empty()) return {};
  return base::Unimplemented("'repository_name' specification is not supported; leave it empty");
}

Status LoadOrUnload(const ModelManager& models, const std::string& repository_name) {
  HADRON_RETURN_IF_ERROR(CheckRepositoryName(repository_name));
  const model::ControlMode mode = models.control_mode();
  if (mode == model::ControlMode::kNone || mode == model::ControlMode::kPoll) {
    return base::Unavailable(std::string(kLoadNotAllowed));
  }
  return base::Unimplemented("loading and unloading by call is not supported by this build");
}

template <typename Tensors>
void FillTensors(const std::vector<tensor::TensorDesc>& descs, Tensors& out) {
  for (const tensor::TensorDesc& desc : descs) {
    auto& tensor = *out.Add();
    tensor.set_name(desc.name);
    tensor.set_datatype(std::string(tensor::DataTypeName(desc.type)));
    for (const std::int64_t dim : desc.shape) tensor.add_shape(dim);
  }
}

Status FillMetadata(const ModelManager& models, const ::inference::ModelMetadataRequest& in,
                    ::inference::ModelMetadataResponse& out) {
  HADRON_ASSIGN_OR_RETURN(const model::ModelHandle version,
                          Acquire(models, in.name(), in.version()));
  out.set_name(version->name());
  out.set_platform(PlatformOf(*version));
  if (!in.version().empty()) {
    out.add_versions(std::to_string(version->version()));
  } else {
    const auto catalogue = models.catalogue();
    const auto entry = catalogue->models.find(in.name());
    if (entry != catalogue->models.end()) {
      for (const std::int64_t v : ReadyVersions(entry->second)) out.add_versions(std::to_string(v));
    }
  }
  FillTensors(version->input_descs(), *out.mutable_inputs());
  FillTensors(version->output_descs(), *out.mutable_outputs());
  return {};
}

}  // namespace

#define HADRON_RPC(name)                                     \
  grpc::ServerUnaryReactor* InferenceService::name(          \
      [[maybe_unused]] grpc::CallbackServerContext* context, \
      [[maybe_unused]] const ::inference::name##Request* in, \
      [[maybe_unused]] ::inference::name##Response* out)

HADRON_RPC(ServerLive) {
  return AnswerInService(backend_, context, [out] {
    out->set_live(true);
    return base::OkStatus();
  });
}

HADRON_RPC(ServerReady) {
  return Answer(context, [this, out] {
    out->set_ready(backend_.Ready());
    return base::OkStatus();
  });
}

HADRON_RPC(ModelReady) {
  return AnswerWithModels(backend_, context, [in, out](const ModelManager& models) -> Status {
    HADRON_RETURN_IF_ERROR(Acquire(models, in->name(), in->version()).CloneStatus());
    out->set_ready(true);
    return {};
  });
}

HADRON_RPC(ServerMetadata) {
  return AnswerInService(backend_, context, [this, out] {
    const ServerState::Info& info = backend_.services.state->info();
    out->set_name(info.name);
    out->set_version(info.version);
    for (const std::string& extension : info.extensions) out->add_extensions(extension);
    return base::OkStatus();
  });
}

HADRON_RPC(ModelMetadata) {
  return AnswerWithModels(backend_, context, [in, out](const ModelManager& models) {
    return FillMetadata(models, *in, *out);
  });
}

HADRON_RPC(ModelConfig) {
  return AnswerWithModels(backend_, context, [in, out](const ModelManager& models) -> Status {
    HADRON_ASSIGN_OR_RETURN(const model::ModelHandle version,
                            Acquire(models, in->name(), in->version()));
    if (out->mutable_config()->ParseFromString(version->config().Serialized())) return {};
    return base::Internal(fmt::format("the configuration of model '{}' is broken", in->name()));
  });
}

HADRON_RPC(ModelStatistics) {
  return AnswerWithModels(backend_, context, [in, out](const ModelManager& models) -> Status {
    HADRON_ASSIGN_OR_RETURN(const std::optional<std::int64_t> number,
                            ParseVersion(in->version(), kBadVersion));
    HADRON_ASSIGN_OR_RETURN(const auto targets,
                            StatisticsTargets(*models.catalogue(), in->name(), number));
    for (const model::ModelHandle& target : targets)
      FillStatistics(*target, *out->add_model_stats());
    return {};
  });
}

HADRON_RPC(RepositoryIndex) {
  return AnswerWithModels(backend_, context, [in, out](const ModelManager& models) -> Status {
    HADRON_RETURN_IF_ERROR(CheckRepositoryName(in->repository_name()));
    for (IndexEntry& entry : protocol::RepositoryIndex(*models.catalogue(), in->ready())) {
      auto& model = *out->add_models();
      model.set_name(std::move(entry.name));
      model.set_version(std::move(entry.version));
      model.set_state(std::move(entry.state));
      model.set_reason(std::move(entry.reason));
    }
    return {};
  });
}

HADRON_RPC(RepositoryModelLoad) {
  return AnswerWithModels(backend_, context, [in](const ModelManager& models) {
    return LoadOrUnload(models, in->repository_name());
  });
}

HADRON_RPC(RepositoryModelUnload) {
  return AnswerWithModels(backend_, context, [in](const ModelManager& models) {
    return LoadOrUnload(models, in->repository_name());
  });
}

// No region can be registered, so there is none to list and none of a given name.
HADRON_RPC(SystemSharedMemoryStatus) {
  return AnswerInService(backend_, context, [in] {
    if (in->name().empty()) return base::OkStatus();
    return base::NotFound("Unable to find system shared memory region: '" + in->name() + "'");
  });
}

HADRON_RPC(CudaSharedMemoryStatus) {
  return AnswerInService(backend_, context, [in] {
    if (in->name().empty()) return base::OkStatus();
    return base::NotFound("Unable to find cuda shared memory region: '" + in->name() + "'");
  });
}

HADRON_RPC(SystemSharedMemoryRegister) { return Refuse(backend_, context, kSharedMemoryOff); }
HADRON_RPC(SystemSharedMemoryUnregister) { return Refuse(backend_, context, kSharedMemoryOff); }
HADRON_RPC(CudaSharedMemoryRegister) { return Refuse(backend_, context, kSharedMemoryOff); }
HADRON_RPC(CudaSharedMemoryUnregister) { return Refuse(backend_, context, kSharedMemoryOff); }
HADRON_RPC(TraceSetting) { return Refuse(backend_, context, "TraceSetting is not supported"); }
HADRON_RPC(LogSettings) { return Refuse(backend_, context, "LogSettings is not supported"); }

#undef HADRON_RPC

}  // namespace hadron::protocol::rpc
