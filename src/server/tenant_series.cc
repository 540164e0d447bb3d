#include "server/tenant_series.h"

#include <algorithm>
#include <memory>
#include <string_view>

namespace hadron::server {
namespace {

using Labels = telemetry::Metrics::Labels;
using tenancy::Usage;

constexpr double kNanosecond = 1e-9;

double Seconds(std::uint64_t ns) { return static_cast<double>(ns) * kNanosecond; }

bool IsNobody(std::string_view tenant) {
  return tenant == tenancy::kIdleTenant || tenant == tenancy::kOverheadTenant;
}

struct Family {
  std::string_view name;
  double (*value)(const Usage&);
};

constexpr Family kByClass[] = {
    {"hadron_tenant_requests_total",
     [](const Usage& usage) { return static_cast<double>(usage.requests); }},
    {"hadron_tenant_device_seconds_total",
     [](const Usage& usage) { return Seconds(usage.device_ns); }},
    {"hadron_tenant_queue_seconds_total",
     [](const Usage& usage) { return Seconds(usage.queue_ns); }},
    {"hadron_tenant_received_bytes_total",
     [](const Usage& usage) { return static_cast<double>(usage.bytes_in); }},
    {"hadron_tenant_sent_bytes_total",
     [](const Usage& usage) { return static_cast<double>(usage.bytes_out); }},
    {"hadron_tenant_loads_total",
     [](const Usage& usage) { return static_cast<double>(usage.loads); }},
};

}  // namespace

void TenantSeries::Update(const tenancy::Tenants& tenants,
                          std::span<const tenancy::UsageRow> totals) {
  auto picture = std::make_shared<Picture>();
  // From 0, so that the first request already is a step that a rate shows.
  for (const tenancy::Tenant* tenant : tenants.List()) {
    picture->tenants[tenant->name()].by_class[tenant->default_class()];
  }
  for (const tenancy::UsageRow& row : totals) {
    Sums& sums = picture->tenants[row.key.tenant];
    sums.by_class[row.key.work_class] += row.usage;
    sums.all += row.usage;
  }
  // Sums of the same numbers may come out a little less when accounts are put together, and a
  // counter that goes back has begun anew for whoever takes rates.
  const auto before = picture_.Load();
  for (auto& [name, sums] : picture->tenants) {
    const auto at = before == nullptr ? picture->tenants.end() : before->tenants.find(name);
    if (before == nullptr || at == before->tenants.end()) continue;
    for (std::size_t i = 0; i < tenancy::kRungs.size(); ++i) {
      double& sum = sums.all.byte_seconds[i];
      sum = std::max(sum, at->second.all.byte_seconds[i]);
    }
  }
  picture->unknown = tenants.unknown();
  picture_.Store(std::move(picture));
}

void TenantSeries::TellTenant(const std::string& name, const Sums& sums,
                              const telemetry::Metrics::Tell& tell) {
  for (std::size_t i = 0; i < tenancy::kRungs.size(); ++i) {
    tell("hadron_tenant_resident_byte_seconds_total",
         {{"tenant", name}, {"rung", std::string(tenancy::kRungs[i])}}, sums.all.byte_seconds[i]);
  }
  if (IsNobody(name)) {
    tell("hadron_tenant_device_seconds_total", {{"tenant", name}, {"class", ""}},
         Seconds(sums.all.device_ns));
    return;
  }
  for (const auto& [work_class, usage] : sums.by_class) {
    const Labels labels = {{"tenant", name},
                           {"class", std::string(tenancy::WorkClassName(work_class))}};
    for (const Family& family : kByClass) tell(family.name, labels, family.value(usage));
  }
  for (std::size_t i = 0; i < tenancy::kRefusals.size(); ++i) {
    tell("hadron_tenant_rejected_total",
         {{"tenant", name}, {"cause", std::string(tenancy::kRefusals[i])}},
         static_cast<double>(sums.all.refusals[i]));
  }
}

void TenantSeries::Tell(const telemetry::Metrics::Tell& tell) const {
  const auto picture = picture_.Load();
  if (picture == nullptr) return;
  for (const auto& [name, sums] : picture->tenants) TellTenant(name, sums, tell);
  tell("hadron_tenant_unknown_total", {}, static_cast<double>(picture->unknown));
}

}  // namespace hadron::server
