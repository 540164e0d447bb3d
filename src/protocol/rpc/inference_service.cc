#include "protocol/rpc/inference_service.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "protocol/rpc/byte_buffer.h"
#include "protocol/rpc/guarded.h"
#include "protocol/rpc/statistics_message.h"
#include "protocol/server_state.h"

namespace hadron::protocol::rpc {
namespace {

using base::Status;
using model::ModelManager;

constexpr std::string_view kBadVersion =
    "failed to get model version from specified version string";
constexpr CallKind kHealth{ApiGroup::kHealth};
constexpr CallKind kMetadata{ApiGroup::kMetadata};
constexpr CallKind kModelConfig{ApiGroup::kModelConfig};
constexpr CallKind kStatistics{ApiGroup::kStatistics};
constexpr CallKind kReadModels{ApiGroup::kModelRepository};
constexpr CallKind kChangeModels{ApiGroup::kModelRepository, true};
constexpr CallKind kReadMemory{ApiGroup::kSharedMemory};
constexpr CallKind kChangeMemory{ApiGroup::kSharedMemory, true};

constexpr std::string_view kSharedMemoryOff = "Client shared memory is disabled";

/// Runs a method's body, if the call may be made, and finishes it.
template <typename Body>
grpc::ServerUnaryReactor* Answer(const Backend& backend, grpc::CallbackServerContext* context,
                                 CallKind kind, Body body) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const Status access = Guarded([&] { return backend.CheckAccess(kind, *context); });
  reactor->Finish(ToGrpc(access.ok() ? Guarded(body) : access.Clone()));
  return reactor;
}

/// Refuses once the drain has ended.
template <typename Body>
grpc::ServerUnaryReactor* AnswerInService(const Backend& backend,
                                          grpc::CallbackServerContext* context, CallKind kind,
                                          Body body) {
  return Answer(backend, context, kind, [&]() -> Status {
    HADRON_RETURN_IF_ERROR(backend.services.state->CheckServing());
    return body();
  });
}

/// Refuses also while models are not known.
template <typename Body>
grpc::ServerUnaryReactor* AnswerWithModels(const Backend& backend,
                                           grpc::CallbackServerContext* context, CallKind kind,
                                           Body body) {
  return AnswerInService(backend, context, kind, [&]() -> Status {
    HADRON_ASSIGN_OR_RETURN(const ModelManager* models, backend.Models());
    return body(*models);
  });
}

/// Answers about one model, once it is loaded: `body` gets its handle.
template <typename Request, typename Body>
grpc::ServerUnaryReactor* AnswerWithModel(const Backend& backend,
                                          grpc::CallbackServerContext* context, CallKind kind,
                                          const Request* in, Body body) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const auto begin = [&]() -> Status {
    HADRON_RETURN_IF_ERROR(backend.CheckAccess(kind, *context));
    HADRON_RETURN_IF_ERROR(backend.services.state->CheckServing());
    HADRON_ASSIGN_OR_RETURN(ModelManager * models, backend.Models());
    HADRON_ASSIGN_OR_RETURN(const auto version, ParseVersion(in->version(), kBadVersion));
    const auto finish = [reactor, body, models](base::StatusOr<model::ModelHandle> found) {
      Status status = found.CloneStatus();
      if (found.ok()) status = Guarded([&] { return body(*models, **found); });
      reactor->Finish(ToGrpc(status));
    };
    backend.engine.load()->Fetch(*models, {in->name(), version, 0, nullptr, model::Rung::kCompiled},
                                 finish);
    return {};
  };
  const Status status = Guarded(begin);
  if (!status.ok()) reactor->Finish(ToGrpc(status));
  return reactor;
}

/// Has something done that ends later: `begin(models, done)` calls `done` exactly once if it
/// returns OK, and not at all otherwise.
template <typename Begin>
grpc::ServerUnaryReactor* Change(const Backend& backend, grpc::CallbackServerContext* context,
                                 Begin begin) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const Status status = Guarded([&]() -> Status {
    HADRON_RETURN_IF_ERROR(backend.CheckAccess(kChangeModels, *context));
    HADRON_RETURN_IF_ERROR(backend.services.state->CheckServing());
    HADRON_ASSIGN_OR_RETURN(ModelManager * models, backend.Models());
    return begin(*models, [reactor](Status outcome) { reactor->Finish(ToGrpc(outcome)); });
  });
  if (!status.ok()) reactor->Finish(ToGrpc(status));
  return reactor;
}

grpc::ServerUnaryReactor* Refuse(const Backend& backend, grpc::CallbackServerContext* context,
                                 CallKind kind, std::string_view why) {
  return AnswerInService(backend, context, kind,
                         [why] { return base::Unimplemented(std::string(why)); });
}

Status CheckRepositoryName(const std::string& name) {
  if (name.empty()) return {};
  return base::Unimplemented("'repository_name' specification is not supported; leave it empty");
}

Status CheckChange(const ModelManager& models, const std::string& repository_name) {
  HADRON_RETURN_IF_ERROR(CheckRepositoryName(repository_name));
  return models.CheckChangesAllowed();
}

base::StatusOr<model::LoadRequest> LoadRequestOf(
    const ::inference::RepositoryModelLoadRequest& in) {
  using Parameter = ::inference::ModelRepositoryParameter;
  constexpr std::string_view kFile = "file:";
  model::LoadRequest request;
  request.name = in.model_name();
  for (const auto& [key, value] : in.parameters()) {
    const bool file = std::string_view(key).starts_with(kFile);
    const auto wanted = file ? Parameter::kBytesParam : Parameter::kStringParam;
    const bool policy = key == model::kReloadPolicyParameter;
    if (!file && !policy && key != "config") return model::UnknownLoadParameter(key);
    if (value.parameter_choice_case() != wanted) {
      return base::InvalidArgument(fmt::format("load parameter '{}' must be given as {}",
                                               base::EscapeControl(key),
                                               file ? "bytes_param" : "string_param"));
    }
    if (file) {
      request.files.push_back(
          {key.substr(kFile.size()), base::IoBuf::FromString(value.bytes_param())});
    } else if (policy) {
      HADRON_RETURN_IF_ERROR(model::SetReloadPolicy(value.string_param(), request));
    } else {
      request.config_json = value.string_param();
    }
  }
  return request;
}

/// Whether the models go along that only this one has use for.
base::StatusOr<bool> WithDependents(const ::inference::RepositoryModelUnloadRequest& in) {
  const auto at = in.parameters().find("unload_dependents");
  if (at == in.parameters().end()) return false;
  if (at->second.parameter_choice_case() == ::inference::ModelRepositoryParameter::kBoolParam) {
    return at->second.bool_param();
  }
  return base::InvalidArgument("unload parameter 'unload_dependents' must be given as bool_param");
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

Status FillMetadata(const ModelManager& models, const model::ModelVersion& version,
                    const ::inference::ModelMetadataRequest& in,
                    ::inference::ModelMetadataResponse& out) {
  out.set_name(version.name());
  out.set_platform(PlatformOf(version));
  if (!in.version().empty()) {
    out.add_versions(std::to_string(version.version()));
  } else {
    const auto catalogue = models.catalogue();
    const auto entry = catalogue->models.find(in.name());
    if (entry != catalogue->models.end()) {
      for (const std::int64_t v : ReadyVersions(entry->second)) out.add_versions(std::to_string(v));
    }
  }
  FillTensors(version.input_descs(), *out.mutable_inputs());
  FillTensors(version.output_descs(), *out.mutable_outputs());
  return {};
}

}  // namespace

#define HADRON_RPC(name)                                     \
  grpc::ServerUnaryReactor* InferenceService::name(          \
      [[maybe_unused]] grpc::CallbackServerContext* context, \
      [[maybe_unused]] const ::inference::name##Request* in, \
      [[maybe_unused]] ::inference::name##Response* out)

HADRON_RPC(ServerLive) {
  return AnswerInService(backend_, context, kHealth, [out] {
    out->set_live(true);
    return base::OkStatus();
  });
}

HADRON_RPC(ServerReady) {
  return Answer(backend_, context, kHealth, [this, out] {
    out->set_ready(backend_.Ready());
    return base::OkStatus();
  });
}

HADRON_RPC(ModelReady) {
  return AnswerWithModels(
      backend_, context, kHealth, [in, out](const ModelManager& models) -> Status {
        HADRON_ASSIGN_OR_RETURN(const auto version, ParseVersion(in->version(), kBadVersion));
        HADRON_RETURN_IF_ERROR(models.Find(in->name(), version).CloneStatus());
        out->set_ready(true);
        return {};
      });
}

HADRON_RPC(ServerMetadata) {
  return AnswerInService(backend_, context, kMetadata, [this, out] {
    const ServerState::Info& info = backend_.services.state->info();
    out->set_name(info.name);
    out->set_version(info.version);
    for (const std::string& extension : info.extensions) out->add_extensions(extension);
    return base::OkStatus();
  });
}

HADRON_RPC(ModelMetadata) {
  return AnswerWithModel(backend_, context, kMetadata, in,
                         [in, out](const ModelManager& models, const model::ModelVersion& version) {
                           return FillMetadata(models, version, *in, *out);
                         });
}

HADRON_RPC(ModelConfig) {
  return AnswerWithModel(
      backend_, context, kModelConfig, in,
      [in, out](const ModelManager&, const model::ModelVersion& version) -> Status {
        if (out->mutable_config()->ParseFromString(version.config().Serialized())) return {};
        return base::Internal(fmt::format("the configuration of model '{}' is broken", in->name()));
      });
}

HADRON_RPC(ModelStatistics) {
  return AnswerWithModels(
      backend_, context, kStatistics, [in, out](const ModelManager& models) -> Status {
        HADRON_ASSIGN_OR_RETURN(const std::optional<std::int64_t> number,
                                ParseVersion(in->version(), kBadVersion));
        HADRON_ASSIGN_OR_RETURN(const auto targets,
                                StatisticsTargets(*models.catalogue(), in->name(), number));
        for (const StatisticsTarget& target : targets)
          FillStatistics(target, *out->add_model_stats());
        return {};
      });
}

HADRON_RPC(RepositoryIndex) {
  return AnswerWithModels(
      backend_, context, kReadModels, [in, out](const ModelManager& models) -> Status {
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
  return Change(backend_, context, [in](ModelManager& models, ModelManager::Done done) -> Status {
    HADRON_RETURN_IF_ERROR(CheckChange(models, in->repository_name()));
    HADRON_ASSIGN_OR_RETURN(model::LoadRequest request, LoadRequestOf(*in));
    models.Load(std::move(request), std::move(done));
    return {};
  });
}

HADRON_RPC(RepositoryModelUnload) {
  return Change(backend_, context, [in](ModelManager& models, ModelManager::Done done) -> Status {
    HADRON_RETURN_IF_ERROR(CheckChange(models, in->repository_name()));
    HADRON_RETURN_IF_ERROR(model::CheckModelName(in->model_name()));
    HADRON_ASSIGN_OR_RETURN(const bool dependents, WithDependents(*in));
    models.Unload(in->model_name(), std::move(done), dependents);
    return {};
  });
}

// No region can be registered, so there is none to list and none of a given name.
HADRON_RPC(SystemSharedMemoryStatus) {
  return AnswerInService(backend_, context, kReadMemory, [in] {
    if (in->name().empty()) return base::OkStatus();
    return base::NotFound("Unable to find system shared memory region: '" + in->name() + "'");
  });
}

HADRON_RPC(CudaSharedMemoryStatus) {
  return AnswerInService(backend_, context, kReadMemory, [in] {
    if (in->name().empty()) return base::OkStatus();
    return base::NotFound("Unable to find cuda shared memory region: '" + in->name() + "'");
  });
}

HADRON_RPC(SystemSharedMemoryRegister) {
  return Refuse(backend_, context, kChangeMemory, kSharedMemoryOff);
}
HADRON_RPC(SystemSharedMemoryUnregister) {
  return Refuse(backend_, context, kChangeMemory, kSharedMemoryOff);
}
HADRON_RPC(CudaSharedMemoryRegister) {
  return Refuse(backend_, context, kChangeMemory, kSharedMemoryOff);
}
HADRON_RPC(CudaSharedMemoryUnregister) {
  return Refuse(backend_, context, kChangeMemory, kSharedMemoryOff);
}
HADRON_RPC(TraceSetting) {
  return Refuse(backend_, context, {ApiGroup::kTrace, !in->settings().empty()},
                "TraceSetting is not supported");
}
HADRON_RPC(LogSettings) {
  return Refuse(backend_, context, {ApiGroup::kLogging, !in->settings().empty()},
                "LogSettings is not supported");
}

#undef HADRON_RPC

}  // namespace hadron::protocol::rpc
