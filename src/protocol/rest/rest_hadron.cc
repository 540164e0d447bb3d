// What RestFrontend::Handler answers below /v2/hadron: the endpoints that are Hadron's own.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/bytes.h"
#include "base/strings.h"
#include "protocol/rest/hadron_account.h"
#include "protocol/rest/hadron_answers.h"
#include "protocol/rest/hadron_plan.h"
#include "protocol/rest/infer_codec.h"
#include "protocol/rest/rest_handler.h"

namespace hadron::protocol {
namespace {

/// Months of journals take a while to read: who asks again and again must not pile up questions.
constexpr unsigned kMaxAccountReads = 8;

net::HttpResponse AnswerAccount(const AccountQuestion& question, const tenancy::Ledger& ledger) {
  auto rows = ledger.Read(question.query);
  if (!rows.ok()) return FailureResponse(std::move(rows).status());
  if (!question.csv) return net::JsonResponse(AccountJson(question.query, *rows));
  net::HttpResponse response;
  response.headers.emplace_back("Content-Type", "text/csv; charset=utf-8");
  response.body = base::IoBuf::FromString(AccountCsv(question.query, *rows));
  return response;
}

}  // namespace

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
  model::ResidencyManager::Picture residency;
  if (services_.residency != nullptr) {
    residency = services_.residency->Look();
    facts.residency = &residency;
  }
  std::vector<model::ResidencyManager::Slab> slabs;
  const auto wanted = base::Split(request.query, '&');
  if (services_.residency != nullptr && std::ranges::count(wanted, "detail=memory") > 0) {
    slabs = services_.residency->LookAtSlabs();
    facts.slabs = &slabs;
  }
  if (models != nullptr) {
    facts.control_mode = model::ControlModeName(models->control_mode());
    facts.inflight = engine_.load()->inflight();
  }
  if (services_.devices) facts.devices = services_.devices();
  facts.tenants = TenantsFor(request);
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

std::optional<std::vector<TenantStatus>> RestFrontend::Handler::TenantsFor(
    const HttpRequest& request) const {
  if (services_.callers.tenants == nullptr || services_.ledger == nullptr) return std::nullopt;
  if (!CheckAccess({ApiGroup::kStatistics, true}, request).ok()) return std::nullopt;
  const tenancy::Tenants& tenants = *services_.callers.tenants;
  std::map<const tenancy::Tenant*, std::uint64_t> used;
  for (const tenancy::Ledger::Row& row : services_.ledger->Totals()) {
    if (row.key.tenant == tenancy::kIdleTenant || row.key.tenant == tenancy::kOverheadTenant) {
      continue;
    }
    const tenancy::Tenant* tenant = tenants.Find(row.key.tenant);
    used[tenant == nullptr ? &tenants.default_tenant() : tenant] += row.usage.device_ns;
  }
  std::vector<TenantStatus> list;
  std::map<model::Payer, double> resident;
  if (services_.residency != nullptr) resident = services_.residency->OnAccounts();
  for (const tenancy::Tenant* tenant : tenants.List()) {
    list.push_back({tenant, used[tenant], static_cast<std::uint64_t>(resident[tenant])});
  }
  return list;
}

base::Status RestFrontend::Handler::CheckKnown(const Route& route,
                                               const model::Catalogue& catalogue) {
  if (catalogue.models.contains(route.model)) return {};
  return UnknownModel(route.model);
}

HttpResponse RestFrontend::Handler::Explain(const Route& route,
                                            const model::ModelManager& models) const {
  const auto catalogue = models.catalogue();
  const base::Status status = CheckKnown(route, *catalogue);
  if (!status.ok()) return FailureResponse(status);
  const auto entry = catalogue->models.find(route.model);
  return net::JsonResponse(ExplainJson(entry->second, services_.residency));
}

HttpResponse RestFrontend::Handler::Plan(const HttpRequest& request,
                                         const model::ModelManager& models) const {
  if (services_.residency == nullptr) {
    return FailureResponse(base::Unimplemented("this server does not manage residency"));
  }
  auto body = PlainBody(request, options_.max_input_bytes);
  if (!body.ok()) return FailureResponse(std::move(body).status());
  const base::IoBuf flat = body->Flatten();
  auto plan = PlanJson(base::AsText(flat.bytes()), *models.catalogue(), *services_.residency);
  if (!plan.ok()) return FailureResponse(std::move(plan).status());
  return net::JsonResponse(std::move(*plan));
}

void RestFrontend::Handler::Account(const HttpRequest& request,
                                    net::HttpResponder responder) const {
  if (services_.ledger == nullptr || services_.disk == nullptr) {
    return std::move(responder).Send(
        FailureResponse(base::Unimplemented("this server keeps no accounts")));
  }
  auto question = ParseAccountQuestion(request.query);
  if (!question.ok()) {
    return std::move(responder).Send(FailureResponse(std::move(question).status()));
  }
  if (account_reads_.fetch_add(1) >= kMaxAccountReads) {
    account_reads_.fetch_sub(1);
    return std::move(responder).Send(FailureResponse(base::Unavailable(
        "the accounts are being read for others; ask again when they have their answers")));
  }
  services_.disk->Post(
      [this, question = std::move(*question), responder = std::move(responder)]() mutable {
        std::move(responder).Send(AnswerAccount(question, *services_.ledger));
        account_reads_.fetch_sub(1);
      });
}

void RestFrontend::Handler::ChangeResidency(const Route& route,
                                            net::HttpResponder responder) const {
  // What a pinned or busy model does not allow is a conflict, not a server that is not available.
  auto done = [responder = std::move(responder)](const base::Status& outcome) mutable {
    if (outcome.ok()) return std::move(responder).Send(net::JsonResponse("{}"));
    std::move(responder).Send(outcome.code() == base::StatusCode::kUnavailable
                                  ? net::ErrorResponse(409, outcome.message())
                                  : FailureResponse(outcome));
  };
  base::Status status = CheckKnown(route, *models_.load()->catalogue());
  if (status.ok() && services_.residency == nullptr) {
    status = base::Unimplemented("this server does not manage residency");
  }
  if (!status.ok()) return done(status);
  const std::string model(route.model);
  if (route.endpoint == Endpoint::kEvict) {
    if (services_.residency->shares_host_memory()) {
      return models_.load()->Evict(model, std::move(done));
    }
    return services_.residency->Evict(model, std::move(done));
  }
  if (route.endpoint == Endpoint::kUnpin) return done(services_.residency->Unpin(model));
  services_.residency->Pin(model);
  done({});
}

}  // namespace hadron::protocol
