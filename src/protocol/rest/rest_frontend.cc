#include "protocol/rest_frontend.h"

#include <exception>

#include "protocol/rest/rest_handler.h"

namespace hadron::protocol {

base::StatusOr<std::unique_ptr<RestFrontend>> RestFrontend::Create(Options options,
                                                                   Services services) {
  net::MemoryBudget* const request_memory = services.request_memory;
  auto handler = std::make_unique<Handler>(options, std::move(services));
  HADRON_ASSIGN_OR_RETURN(
      auto server, net::HttpServer::Create(std::move(options.http), *handler, request_memory));
  return std::make_unique<RestFrontend>(std::move(handler), std::move(server));
}

RestFrontend::RestFrontend(std::unique_ptr<Handler> handler,
                           std::unique_ptr<net::HttpServer> server)
    : handler_(std::move(handler)), server_(std::move(server)) {}
RestFrontend::~RestFrontend() = default;

void RestFrontend::Attach(model::ModelManager& models, serving::InferenceEngine& engine) {
  handler_->Attach(models, engine);
}

// ---- metrics ------------------------------------------------------------------------------------

class MetricsFrontend::Handler final : public net::HttpHandler {
 public:
  explicit Handler(telemetry::Metrics& metrics) : metrics_(metrics) {}

  void Handle(net::HttpRequest request, net::HttpResponder responder) override {
    std::move(responder).Send(Answer(request));
  }

 private:
  net::HttpResponse Answer(const net::HttpRequest& request) {
    if (request.segments.size() != 1 || request.segments[0] != "metrics") {
      return net::ErrorResponse(404, "Not Found");
    }
    if (request.method != "GET" && request.method != "HEAD") {
      return net::ErrorResponse(405, "Method Not Allowed");
    }
    net::HttpResponse response;
    response.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
    response.body = base::IoBuf::FromString(metrics_.Serialize());
    return response;
  }

  telemetry::Metrics& metrics_;
};

base::StatusOr<std::unique_ptr<MetricsFrontend>> MetricsFrontend::Create(
    net::HttpServerOptions options, telemetry::Metrics& metrics) {
  options.threads = 1;
  options.thread_name = "metrics";
  options.option = "--metrics";
  auto handler = std::make_unique<Handler>(metrics);
  HADRON_ASSIGN_OR_RETURN(auto server, net::HttpServer::Create(std::move(options), *handler));
  return std::make_unique<MetricsFrontend>(std::move(handler), std::move(server));
}

MetricsFrontend::MetricsFrontend(std::unique_ptr<Handler> handler,
                                 std::unique_ptr<net::HttpServer> server)
    : handler_(std::move(handler)), server_(std::move(server)) {}
MetricsFrontend::~MetricsFrontend() = default;

}  // namespace hadron::protocol
