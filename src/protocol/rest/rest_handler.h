#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "protocol/rest/hadron_answers.h"
#include "protocol/rest/router.h"
#include "protocol/rest_frontend.h"

namespace hadron::protocol {

/// Routes and answers. Thread-safe: io threads call it side by side.
class RestFrontend::Handler final : public net::HttpHandler {
 public:
  Handler(Options options, Services services)
      : options_(std::move(options)),
        services_(std::move(services)),
        began_(services_.clock->Now()) {}

  void Attach(model::ModelManager& models, serving::InferenceEngine& engine);

  std::optional<net::HttpResponse> Refuse(const net::HttpRequest& head) override;
  void Handle(net::HttpRequest request, net::HttpResponder responder) override;

 private:
  /// 404, 405 and 403, and 503 when the server is ending; nothing when the route is served.
  std::optional<net::HttpResponse> CheckRoute(const Route& route,
                                              const net::HttpRequest& request) const;
  net::HttpResponse Answer(const Route& route, const net::HttpRequest& request) const;
  net::HttpResponse AnswerWithModels(const Route& route, const net::HttpRequest& request,
                                     const model::ModelManager& models) const;

  net::HttpResponse Live() const;
  net::HttpResponse Ready() const;
  // Models (rest_models.cc).
  /// Metadata and configuration: of a model that is not loaded yet, once it is.
  void Describe(const Route& route, const net::HttpRequest& request,
                net::HttpResponder responder) const;
  net::HttpResponse ModelReady(const Route& route, const model::ModelManager& models) const;
  net::HttpResponse Statistics(const Route& route, const model::ModelManager& models) const;
  net::HttpResponse Index(const net::HttpRequest& request, const model::ModelManager& models) const;
  /// Load and unload.
  void ChangeModel(const Route& route, const net::HttpRequest& request,
                   net::HttpResponder responder) const;
  // Hadron's own (rest_hadron.cc).
  net::HttpResponse ServerStatus(const net::HttpRequest& request) const;
  /// Nothing for who may not see what is private.
  std::optional<std::vector<TenantStatus>> TenantsFor(const net::HttpRequest& request) const;
  net::HttpResponse Explain(const Route& route, const model::ModelManager& models) const;
  /// A dry run of loads.
  net::HttpResponse Plan(const net::HttpRequest& request, const model::ModelManager& models) const;
  /// Rows of the ledger, read from the disk on another thread.
  void Account(const net::HttpRequest& request, net::HttpResponder responder) const;
  void ChangeResidency(const Route& route, net::HttpResponder responder) const;
  /// NOT_FOUND for a model that no repository has.
  static base::Status CheckKnown(const Route& route, const model::Catalogue& catalogue);
  net::HttpResponse Logging(const net::HttpRequest& request) const;

  void Infer(const Route& route, net::HttpRequest request, net::HttpResponder responder) const;
  /// Mode `demand`: waits for the model, then goes on on the connection's thread.
  void AwaitModel(const Route& route, net::HttpRequest request, net::HttpResponder responder) const;
  void InferWith(const model::ModelHandle& model, const net::HttpRequest& request,
                 base::TimePoint received, serving::Place place,
                 net::HttpResponder responder) const;

  /// PERMISSION_DENIED unless this peer may make the call.
  base::Status CheckAccess(CallKind call, const net::HttpRequest& request) const;

  const Options options_;
  const Services services_;
  const base::TimePoint began_;
  mutable std::atomic<unsigned> account_reads_{0};  ///< that wait or run
  std::atomic<model::ModelManager*> models_{nullptr};
  std::atomic<serving::InferenceEngine*> engine_{nullptr};
};

}  // namespace hadron::protocol
