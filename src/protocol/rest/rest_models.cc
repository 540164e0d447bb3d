// What RestFrontend::Handler answers about models, and what it does with them.
#include <chrono>

#include "base/bytes.h"
#include "base/strings.h"
#include "protocol/rest/answers.h"
#include "protocol/rest/find_model.h"
#include "protocol/rest/infer_codec.h"
#include "protocol/rest/infer_header.h"
#include "protocol/rest/load_request.h"
#include "protocol/rest/request_headers.h"
#include "protocol/rest/rest_handler.h"
#include "protocol/validation.h"

namespace hadron::protocol {
namespace {

using base::StatusOr;
using model::ModelHandle;
using net::HttpRequest;
using net::HttpResponder;
using net::HttpResponse;

double Seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

HttpResponse MetadataResponse(const model::ModelVersion& version, bool one,
                              const model::Catalogue& catalogue) {
  std::vector<std::int64_t> versions = {version.version()};
  const auto entry = catalogue.models.find(version.name());
  if (!one && entry != catalogue.models.end()) versions = ReadyVersions(entry->second);
  return net::JsonResponse(ModelMetadataJson(version, versions));
}

}  // namespace

// ---- reading ------------------------------------------------------------------------------------

void RestFrontend::Handler::Describe(const Route& route, const HttpRequest& request,
                                     HttpResponder responder) const {
  const auto version = VersionOf(route);
  if (!version.ok()) return std::move(responder).Send(FailureResponse(version.CloneStatus()));
  model::ModelManager& models = *models_.load();
  const bool metadata = route.endpoint == Endpoint::kModelMetadata;
  const bool one = version->has_value();
  engine_.load()->Fetch(
      models, {std::string(route.model), *version, 0, request.cancelled, model::Rung::kCompiled},
      [&models, metadata, one,
       responder = std::move(responder)](StatusOr<ModelHandle> found) mutable {
        if (!found.ok()) {
          return std::move(responder).Send(FailureResponse(std::move(found).status()));
        }
        std::move(responder).SendMade([&models, metadata, one, version = *std::move(found)] {
          return metadata ? MetadataResponse(*version, one, *models.catalogue())
                          : net::JsonResponse(version->config().ToJson());
        });
      });
}

HttpResponse RestFrontend::Handler::ModelReady(const Route& route,
                                               const model::ModelManager& models) const {
  auto handle = FindModel(route, models);
  if (!handle.ok()) return FailureResponse(std::move(handle).status());
  return net::JsonResponse("{\"name\":" + base::JsonQuote(route.model) + ",\"ready\":true}");
}

HttpResponse RestFrontend::Handler::Statistics(const Route& route,
                                               const model::ModelManager& models) const {
  auto version = VersionOf(route);
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

// ---- changing -----------------------------------------------------------------------------------

void RestFrontend::Handler::ChangeModel(const Route& route, const HttpRequest& request,
                                        HttpResponder responder) const {
  model::ModelManager& models = *models_.load();
  base::Status status = model::CheckModelName(route.model);
  if (status.ok()) status = models.CheckChangesAllowed();
  if (!status.ok()) return std::move(responder).Send(FailureResponse(status));
  auto body = PlainBody(request, options_.http.max_body_bytes);
  if (!body.ok()) return std::move(responder).Send(FailureResponse(std::move(body).status()));
  const base::IoBuf flat = body->Flatten();
  const std::string_view text = base::AsText(flat.bytes());
  auto done = [responder = std::move(responder)](base::Status outcome) mutable {
    std::move(responder).Send(outcome.ok() ? net::JsonResponse("{}") : FailureResponse(outcome));
  };
  if (route.endpoint == Endpoint::kUnload) {
    const StatusOr<bool> dependents = ParseUnloadRequest(text);
    if (!dependents.ok()) return done(dependents.CloneStatus());
    return models.Unload(std::string(route.model), std::move(done), *dependents);
  }
  auto load = ParseLoadRequest(std::string(route.model), text);
  if (!load.ok()) return done(std::move(load).status());
  models.Load(*std::move(load), std::move(done));
}

// ---- inference ----------------------------------------------------------------------------------

void RestFrontend::Handler::Infer(const Route& route, HttpRequest request,
                                  HttpResponder responder) const {
  const model::ModelManager& models = *models_.load();
  model::ModelManager::Lookup lookup = LookUpModel(route, models);
  if (lookup.wait) return AwaitModel(route, std::move(request), std::move(responder));
  if (!lookup.found.ok()) {
    return std::move(responder).Send(FailureResponse(std::move(lookup.found).status()));
  }
  InferWith(*lookup.found, request, services_.clock->Now(), {}, std::move(responder));
}

void RestFrontend::Handler::AwaitModel(const Route& route, HttpRequest request,
                                       HttpResponder responder) const {
  const base::TimePoint received = services_.clock->Now();
  const auto version = VersionOf(route);
  if (!version.ok()) return std::move(responder).Send(FailureResponse(version.CloneStatus()));
  // A body that no model could read causes no load.
  const auto timeout = PeekTimeout(request, options_.max_input_bytes);
  if (!timeout.ok()) return std::move(responder).Send(FailureResponse(timeout.CloneStatus()));
  serving::InferenceEngine::Wanted wanted{std::string(route.model), *version, *timeout,
                                          request.cancelled};
  engine_.load()->Await(
      *models_.load(), std::move(wanted),
      [this, received, request = std::move(request), responder = std::move(responder)](
          StatusOr<ModelHandle> found, serving::Place place) mutable {
        if (!found.ok()) {
          return std::move(responder).Send(FailureResponse(std::move(found).status()));
        }
        std::move(responder).Then([this, received, model = *std::move(found),
                                   request = std::move(request),
                                   place = std::move(place)](HttpResponder back) mutable {
          InferWith(model, request, received, std::move(place), std::move(back));
        });
      });
}

void RestFrontend::Handler::InferWith(const ModelHandle& model, const HttpRequest& request,
                                      base::TimePoint received, serving::Place place,
                                      HttpResponder responder) const {
  auto decoded = DecodeInfer(request, model, options_.max_input_bytes);
  if (!decoded.ok()) {
    model->metrics().ObserveRequest(telemetry::Protocol::kRest, decoded.code(),
                                    Seconds(services_.clock->Now() - received));
    return std::move(responder).Send(FailureResponse(std::move(decoded).status()));
  }
  decoded->request.received = received;
  const base::Status caller =
      IdentifyCaller(services_.callers, RequestHeaders(request.headers), decoded->request);
  if (!caller.ok()) return std::move(responder).Send(FailureResponse(caller));
  if (place.taken()) ShortenTimeout(decoded->request, services_.clock->Now() - received);
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
      },
      std::move(place));
}

}  // namespace hadron::protocol
