#include "protocol/rest/rest_handler.h"

#include <fmt/format.h>

#include <chrono>

#include "base/bytes.h"
#include "base/strings.h"
#include "protocol/rest/answers.h"
#include "protocol/rest/infer_codec.h"
#include "protocol/rest/infer_header.h"
#include "protocol/status_map.h"

namespace hadron::protocol {
namespace {

using net::HttpRequest;
using net::HttpResponse;

/// The handle of a route's model and version.
base::StatusOr<model::ModelHandle> Acquire(const Route& route, const model::ModelManager& models) {
  HADRON_ASSIGN_OR_RETURN(
      const std::optional<std::int64_t> version,
      ParseVersion(route.version, "failed to get model version from specified version string"));
  return models.Acquire(route.model, version);
}

/// Names that could leave the repository's directory.
base::Status CheckModelName(std::string_view name) {
  if (base::Trim(name).empty()) return base::InvalidArgument("Model name cannot be empty");
  if (name == ".." || name == "." || name.find('/') != std::string_view::npos) {
    return base::InvalidArgument(fmt::format(
        "model name must not contain path traversal characters: '{}'", base::EscapeControl(name)));
  }
  return base::OkStatus();
}

/// A browser's page of another origin may not act for its user.
bool IsCrossSite(const HttpRequest& request) {
  if (request.headers.Find("Sec-Fetch-Site") == "cross-site") return true;
  const auto origin = request.headers.Find("Origin");
  if (!origin) return false;
  const std::size_t host = origin->find("://");
  return host == std::string_view::npos ||
         origin->substr(host + 3) != request.headers.Find("Host").value_or("");
}

double Seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

void RestFrontend::Handler::Attach(const model::ModelManager& models,
                                   serving::InferenceEngine& engine) {
  engine_.store(&engine);
  models_.store(&models);
}

// ---- routing ------------------------------------------------------------------------------------

std::optional<HttpResponse> RestFrontend::Handler::CheckRoute(const Route& route,
                                                              const HttpRequest& request) const {
  if (route.endpoint == Endpoint::kNone) return net::ErrorResponse(404, "Not Found");
  if (!Allows(route.verbs, request.method)) {
    HttpResponse response = net::ErrorResponse(405, "Method Not Allowed");
    response.headers.emplace_back("Allow", AllowedMethods(route.verbs));
    return response;
  }
  const base::Status serving = services_.state->CheckServing();
  if (!serving.ok()) return FailureResponse(serving);
  return std::nullopt;
}

std::optional<HttpResponse> RestFrontend::Handler::Refuse(const HttpRequest& head) {
  // A client that asks first wants to know; others have sent the body, and refusing it early would
  // cost them their connection.
  if (!head.headers.Find("Expect")) return std::nullopt;
  const Route route = MatchRoute(head.segments);
  if (auto refusal = CheckRoute(route, head)) return refusal;
  const model::ModelManager* models = models_.load();
  if (route.endpoint != Endpoint::kInfer || models == nullptr) return std::nullopt;
  auto handle = Acquire(route, *models);
  if (handle.ok()) return std::nullopt;
  return FailureResponse(std::move(handle).status());
}

void RestFrontend::Handler::Handle(HttpRequest request, net::HttpResponder responder) {
  const Route route = MatchRoute(request.segments);
  if (auto refusal = CheckRoute(route, request)) {
    return std::move(responder).Send(std::move(*refusal));
  }
  if (route.endpoint == Endpoint::kInfer && models_.load() != nullptr) {
    return Infer(route, request, std::move(responder));
  }
  std::move(responder).Send(Answer(route, request));
}

HttpResponse RestFrontend::Handler::Answer(const Route& route, const HttpRequest& request) const {
  switch (route.endpoint) {
    case Endpoint::kLive:
      return Live();
    case Endpoint::kReady:
      return Ready();
    case Endpoint::kServerMetadata:
      return net::JsonResponse(ServerMetadataJson(services_.state->info()));
    case Endpoint::kLogging:
      return Logging(request);
    case Endpoint::kSystemMemoryStatus:
    case Endpoint::kCudaMemoryStatus:
      return net::JsonResponse("[]");
    case Endpoint::kSystemMemoryChange:
      return FailureResponse(base::Unimplemented("Client shared memory is disabled"));
    case Endpoint::kCudaMemoryChange:
      return FailureResponse(base::Unimplemented("CUDA shared memory is not supported"));
    case Endpoint::kGenerate:
      return FailureResponse(base::Unimplemented("text generation is not supported; use infer"));
    case Endpoint::kTrace:
      return FailureResponse(base::Unimplemented("trace settings are not supported"));
    case Endpoint::kNamedRepository:
      return FailureResponse(
          base::Unimplemented("'repository_name' specification is not supported"));
    default:
      break;
  }
  const model::ModelManager* models = models_.load();
  if (models == nullptr) {
    return FailureResponse(base::Unavailable("the server is starting: models are not known yet"));
  }
  return AnswerWithModels(route, request, *models);
}

HttpResponse RestFrontend::Handler::AnswerWithModels(const Route& route, const HttpRequest& request,
                                                     const model::ModelManager& models) const {
  switch (route.endpoint) {
    case Endpoint::kModelMetadata:
      return ModelMetadata(route, models);
    case Endpoint::kModelReady:
      return ModelReady(route, models);
    case Endpoint::kModelConfig:
      return ModelConfig(route, models);
    case Endpoint::kStatistics:
      return Statistics(route, models);
    case Endpoint::kIndex:
      return Index(request, models);
    case Endpoint::kLoad:
    case Endpoint::kUnload:
      return ChangeModel(route, request, models);
    default:
      return net::ErrorResponse(404, "Not Found");
  }
}

// ---- server -------------------------------------------------------------------------------------

HttpResponse RestFrontend::Handler::Live() const { return net::JsonResponse(R"({"live":true})"); }

HttpResponse RestFrontend::Handler::Ready() const {
  if (services_.state->draining()) return net::ErrorResponse(503, kServerExiting);
  const model::ModelManager* models = models_.load();
  if (models != nullptr && services_.state->Ready(*models->catalogue())) {
    return net::JsonResponse(R"({"ready":true})");
  }
  HttpResponse response;
  response.status = 400;
  return response;
}

HttpResponse RestFrontend::Handler::Logging(const HttpRequest& request) const {
  if (request.method == "POST") {
    base::Status status = CheckAdmin(request);
    if (status.ok()) status = ApplyLogSettings(request.body);
    if (!status.ok()) return FailureResponse(status);
  }
  return net::JsonResponse(LogSettingsJson());
}

base::Status RestFrontend::Handler::CheckAdmin(const HttpRequest& request) const {
  if (IsCrossSite(request)) {
    return base::PermissionDenied("changing calls are not accepted from pages of another origin");
  }
  const AdminAccess access = options_.admin_access;
  const bool allowed = access == AdminAccess::kOpen ||
                       (access == AdminAccess::kLoopback && request.peer_is_loopback);
  if (allowed) return base::OkStatus();
  return base::PermissionDenied(
      fmt::format("changing calls are accepted from {}; see --admin-access",
                  access == AdminAccess::kOff ? "nobody" : "this host only"));
}

// ---- models -------------------------------------------------------------------------------------

HttpResponse RestFrontend::Handler::ModelMetadata(const Route& route,
                                                  const model::ModelManager& models) const {
  auto handle = Acquire(route, models);
  if (!handle.ok()) return FailureResponse(std::move(handle).status());
  std::vector<std::int64_t> versions = {(*handle)->version()};
  if (route.version.empty()) {
    const auto catalogue = models.catalogue();
    const auto entry = catalogue->models.find(route.model);
    if (entry != catalogue->models.end()) versions = ReadyVersions(entry->second);
  }
  return net::JsonResponse(ModelMetadataJson(**handle, versions));
}

HttpResponse RestFrontend::Handler::ModelReady(const Route& route,
                                               const model::ModelManager& models) const {
  auto handle = Acquire(route, models);
  if (!handle.ok()) return FailureResponse(std::move(handle).status());
  return net::JsonResponse("{\"name\":" + base::JsonQuote(route.model) + ",\"ready\":true}");
}

HttpResponse RestFrontend::Handler::ModelConfig(const Route& route,
                                                const model::ModelManager& models) const {
  auto handle = Acquire(route, models);
  if (!handle.ok()) return FailureResponse(std::move(handle).status());
  return net::JsonResponse((*handle)->config().ToJson());
}

HttpResponse RestFrontend::Handler::Statistics(const Route& route,
                                               const model::ModelManager& models) const {
  auto version =
      ParseVersion(route.version, "failed to get model version from specified version string");
  if (!version.ok()) return FailureResponse(std::move(version).status());
  auto targets = StatisticsTargets(*models.catalogue(), route.model, *version);
  if (!targets.ok()) return FailureResponse(std::move(targets).status());
  return net::JsonResponse(StatisticsJson(*targets));
}

HttpResponse RestFrontend::Handler::Index(const HttpRequest& request,
                                          const model::ModelManager& models) const {
  auto body = PlainBody(request, options_.max_input_bytes);
  if (!body.ok()) return FailureResponse(std::move(body).status());
  const base::IoBuf flat = body->Flatten();
  auto ready = ParseIndexRequest(base::AsText(flat.bytes()));
  if (!ready.ok()) return FailureResponse(std::move(ready).status());
  return net::JsonResponse(IndexJson(RepositoryIndex(*models.catalogue(), *ready)));
}

HttpResponse RestFrontend::Handler::ChangeModel(const Route& route, const HttpRequest& request,
                                                const model::ModelManager& models) const {
  const base::Status named = CheckModelName(route.model);
  if (!named.ok()) return FailureResponse(named);
  const model::ControlMode mode = models.control_mode();
  if (mode == model::ControlMode::kNone || mode == model::ControlMode::kPoll) {
    return FailureResponse(base::Unavailable(std::string(kLoadNotAllowed)));
  }
  const base::Status admin = CheckAdmin(request);
  if (!admin.ok()) return FailureResponse(admin);
  return FailureResponse(base::Unimplemented("load and unload calls are not supported"));
}

// ---- inference ----------------------------------------------------------------------------------

void RestFrontend::Handler::Infer(const Route& route, const HttpRequest& request,
                                  net::HttpResponder responder) {
  const base::TimePoint received = services_.clock->Now();
  auto handle = Acquire(route, *models_.load());
  if (!handle.ok()) {
    return std::move(responder).Send(FailureResponse(std::move(handle).status()));
  }
  const model::ModelHandle model = *handle;
  auto decoded = DecodeInfer(request, model, options_.max_input_bytes);
  if (!decoded.ok()) {
    model->metrics().ObserveRequest(telemetry::Protocol::kRest, decoded.code(),
                                    Seconds(services_.clock->Now() - received));
    return std::move(responder).Send(FailureResponse(std::move(decoded).status()));
  }
  decoded->request.received = received;
  // The device's thread only hands the result over; it becomes bytes on the connection's thread.
  engine_.load()->Infer(
      std::move(decoded->request),
      [this, model, received, form = std::move(decoded->form),
       responder = std::move(responder)](serving::InferenceResponse response) mutable {
        std::move(responder).SendMade(
            [this, model, received, form = std::move(form), response = std::move(response)]() {
              HttpResponse http = EncodeInfer(*model, form, response);
              model->metrics().ObserveRequest(telemetry::Protocol::kRest, response.status.code(),
                                              Seconds(services_.clock->Now() - received));
              return http;
            });
      });
}

}  // namespace hadron::protocol
