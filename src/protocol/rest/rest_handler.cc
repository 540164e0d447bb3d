#include "protocol/rest/rest_handler.h"

#include "protocol/rest/answers.h"
#include "protocol/rest/endpoint_kind.h"
#include "protocol/rest/find_model.h"
#include "protocol/rest/infer_codec.h"
#include "protocol/rest/request_headers.h"

namespace hadron::protocol {
namespace {

using net::HttpRequest;
using net::HttpResponse;

}  // namespace

void RestFrontend::Handler::Attach(model::ModelManager& models, serving::InferenceEngine& engine) {
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
  const base::Status access = CheckAccess(KindOf(route.endpoint, request.method), request);
  if (!access.ok()) return FailureResponse(access);
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
  model::ModelManager::Lookup lookup = LookUpModel(route, *models);
  if (lookup.wait || lookup.found.ok()) return std::nullopt;
  return FailureResponse(std::move(lookup.found).status());
}

void RestFrontend::Handler::Handle(HttpRequest request, net::HttpResponder responder) {
  const Route route = MatchRoute(request.segments);
  if (auto refusal = CheckRoute(route, request)) {
    return std::move(responder).Send(std::move(*refusal));
  }
  if (route.endpoint == Endpoint::kAccount) return Account(request, std::move(responder));
  if (models_.load() == nullptr) return std::move(responder).Send(Answer(route, request));
  switch (route.endpoint) {
    case Endpoint::kInfer:
      return Infer(route, std::move(request), std::move(responder));
    case Endpoint::kModelMetadata:
    case Endpoint::kModelConfig:
      return Describe(route, request, std::move(responder));
    case Endpoint::kLoad:
    case Endpoint::kUnload:
      return ChangeModel(route, request, std::move(responder));
    case Endpoint::kPin:
    case Endpoint::kUnpin:
    case Endpoint::kEvict:
      return ChangeResidency(route, std::move(responder));
    default:
      return std::move(responder).Send(Answer(route, request));
  }
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
    case Endpoint::kServerStatus:
      return ServerStatus(request);
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
    case Endpoint::kModelReady:
      return ModelReady(route, models);
    case Endpoint::kStatistics:
      return Statistics(route, models);
    case Endpoint::kIndex:
      return Index(request, models);
    case Endpoint::kExplain:
      return Explain(route, models);
    case Endpoint::kPlan:
      return Plan(request, models);
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
    const base::Status status = ApplyLogSettings(request.body);
    if (!status.ok()) return FailureResponse(status);
  }
  return net::JsonResponse(LogSettingsJson());
}

base::Status RestFrontend::Handler::CheckAccess(CallKind call, const HttpRequest& request) const {
  const net::HttpHeaders& headers = request.headers;
  if (call.guarded &&
      IsCrossSite(headers.Find("Sec-Fetch-Site"), headers.Find("Origin"), headers.Find("Host"))) {
    return base::PermissionDenied("this call is not accepted from pages of another origin");
  }
  return options_.access.Check(call, request.peer_is_loopback, RequestHeaders(headers));
}

}  // namespace hadron::protocol
