#pragma once

#include <array>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "base/snapshot.h"
#include "telemetry/metrics.h"
#include "tenancy/ledger.h"
#include "tenancy/tenants.h"

namespace hadron::server {

/// What /metrics tells of the tenants: sums of their accounts as of the last Update, so that a
/// scrape looks at no account and takes no lock that a request takes. There are series of who is in
/// the table of tenants, and of who was in it and has used something: counters never go back.
///
/// Owner: Accounts. Update: the `export` thread; Tell: any.
class TenantSeries {
 public:
  /// `totals`: of all accounts.
  void Update(const tenancy::Tenants& tenants, std::span<const tenancy::UsageRow> totals);
  void Tell(const telemetry::Metrics::Tell& tell) const;

 private:
  /// Of one tenant.
  struct Sums {
    std::map<tenancy::WorkClass, tenancy::Usage> by_class;
    tenancy::Usage all;
  };
  struct Picture {
    std::map<std::string, Sums> tenants;
    std::uint64_t unknown = 0;
  };

  static void TellTenant(const std::string& name, const Sums& sums,
                         const telemetry::Metrics::Tell& tell);

  base::Snapshot<Picture> picture_;
};

}  // namespace hadron::server
