// What RestFrontend::Handler answers below /v2/hadron: the endpoints that are Hadron's own.
#include <fmt/format.h>

#include "base/strings.h"
#include "protocol/rest/hadron_answers.h"
#include "protocol/rest/infer_codec.h"
#include "protocol/rest/rest_handler.h"

namespace hadron::protocol {

using net::HttpRequest;
using net::HttpResponse;

HttpResponse RestFrontend::Handler::ServerStatus(const HttpRequest& request) const {
  const model::ModelManager* models = models_.load();
  const auto catalogue = models == nullptr ? nullptr : models->catalogue();
  const auto activity = services_.activity == nullptr ? nullptr : services_.activity->Read();
  StatusFacts facts;
  facts.time_ms = services_.clock->WallMs();
  facts.uptime_s =
      std::chrono::duration_cast<std::chrono::seconds>(services_.clock->Now() - began_).count();
  facts.state = services_.state;
  facts.catalogue = catalogue.get();
  facts.activity = activity.get();
  if (models != nullptr) {
    facts.control_mode = model::ControlModeName(models->control_mode());
    facts.inflight = engine_.load()->inflight();
  }
  if (services_.devices) facts.devices = services_.devices();
  StatusBody body = StatusJson(facts);
  HttpResponse response;
  if (request.headers.Find("If-None-Match") == body.etag) {
    response.status = 304;
  } else {
    response = net::JsonResponse(std::move(body.json));
  }
  response.headers.emplace_back("ETag", std::move(body.etag));
  response.headers.emplace_back("Cache-Control", "no-cache");
  return response;
}

HttpResponse RestFrontend::Handler::Explain(const Route& route, const HttpRequest& request,
                                            const model::ModelManager& models) const {
  const base::Status allowed = CheckAdmin(request);
  if (!allowed.ok()) return FailureResponse(allowed);
  const auto catalogue = models.catalogue();
  const auto entry = catalogue->models.find(route.model);
  if (entry == catalogue->models.end()) {
    return FailureResponse(base::NotFound(fmt::format(
        "Request for unknown model: '{}' is not found", base::EscapeControl(route.model))));
  }
  return net::JsonResponse(ExplainJson(entry->second));
}

}  // namespace hadron::protocol
