#include "server/accounts.h"

#include <algorithm>

#include "base/log.h"
#include "serving/test_hooks.h"

namespace hadron::server {

using base::Status;

base::StatusOr<std::unique_ptr<Accounts>> Accounts::Create(Options options,
                                                           const base::Clock& clock) {
  auto accounts = std::unique_ptr<Accounts>(new Accounts(clock));  // NOLINT: private constructor
  HADRON_ASSIGN_OR_RETURN(accounts->tenants_, tenancy::Tenants::Create(options.tenant_config));
  tenancy::Ledger::Options ledger;
  ledger.directory = options.ledger_dir;
  ledger.keep_days = options.keep_days;
  ledger.written = [self = accounts.get()](const tenancy::Ledger::Interval& interval) {
    self->meter_.Note(interval.rows);
#ifdef HADRON_HAVE_POSTGRES
    if (self->copy_ != nullptr) self->copy_->Take(interval);
#endif
  };
  HADRON_ASSIGN_OR_RETURN(accounts->ledger_, tenancy::Ledger::Create(std::move(ledger), clock));
  accounts->idle_ = accounts->ledger_->Open({std::string(tenancy::kIdleTenant), {}, {}});
  accounts->overhead_ = accounts->ledger_->Open({std::string(tenancy::kOverheadTenant), {}, {}});
  accounts->series_.Update(*accounts->tenants_, {});
  return accounts;
}

#ifdef HADRON_HAVE_POSTGRES
Status Accounts::CopyTo(const std::string& conninfo, const std::string& instance) {
  tenancy::LedgerExport::Options options;
  options.conninfo = conninfo;
  options.instance = instance;
  if (const std::size_t steps = serving::TestHook("HADRON_TEST_LEDGER_QUEUE"); steps > 0) {
    options.most_queued = steps;  // an hour is long for a test
  }
  if (!ledger_->directory().empty()) {
    options.record = ledger_->directory() + "/copied.json";
    options.replay = [ledger = ledger_.get()](std::int64_t from_ms, std::int64_t until_ms) {
      return ledger->Replay(from_ms, until_ms);
    };
  }
  HADRON_ASSIGN_OR_RETURN(copy_, tenancy::LedgerExport::Create(std::move(options)));
  return {};
}

std::uint64_t Accounts::dropped() const { return copy_ == nullptr ? 0 : copy_->dropped(); }
#else
Status Accounts::CopyTo(const std::string&, const std::string&) {
  return base::Unimplemented(
      "--ledger-postgres: this build has no PostgreSQL (HADRON_POSTGRES=OFF)");
}

std::uint64_t Accounts::dropped() const { return 0; }
#endif

void Accounts::Balance(double busy_seconds) {
  std::uint64_t attributed = 0;
  for (const tenancy::Ledger::Row& row : ledger_->Totals()) {
    const std::string& tenant = row.key.tenant;
    if (tenant != tenancy::kIdleTenant && tenant != tenancy::kOverheadTenant) {
      attributed += row.usage.device_ns;
    }
  }
  const auto busy = static_cast<std::uint64_t>(busy_seconds * 1e9);
  const auto wall = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, base::Duration(clock_.Now() - began_).count()));
  // Accounts only grow: what a run that ends just now moves is made up for the next time.
  const auto grow = [](tenancy::Account& account, std::uint64_t sum) {
    const std::uint64_t has = account.Read().device_ns;
    if (sum <= has) return;
    tenancy::Usage usage;
    usage.device_ns = sum - has;
    account.Add(usage);
  };
  grow(*overhead_, busy - std::min(busy, attributed));
  grow(*idle_, wall - std::min(wall, std::max(busy, attributed)));
}

void Accounts::Tick(double busy_seconds, std::span<const ResidenceMeter::Held> held,
                    std::vector<tenancy::KeptBytes> kept) {
  if (Status status = tenants_->Reload(); !status.ok()) {
    base::LogWarning("the tenants stay as they were", {{"reason", status.message()}});
  }
  Balance(busy_seconds);
  meter_.Sample(held, std::move(kept), clock_.Now());
  Write();
  series_.Update(*tenants_, ledger_->Totals());
}

void Accounts::Close(double busy_seconds, std::span<const ResidenceMeter::Held> held,
                     std::vector<tenancy::KeptBytes> kept) {
  Tick(busy_seconds, held, std::move(kept));
  Write();  // what the last interval's byte-seconds came to
#ifdef HADRON_HAVE_POSTGRES
  if (copy_ != nullptr) copy_->Stop(kLastWords);
#endif
}

void Accounts::Fold(const std::atomic<bool>& stop) {
  const Status status = ledger_->Fold(stop);
  if (status.code() == base::StatusCode::kCancelled) return;
  if (!status.ok() && status.message() != fold_fails_) {
    base::LogWarning("a journal of the accounts cannot be folded and stays as large as it is",
                     {{"reason", status.message()}});
  }
  fold_fails_ = status.message();
}

void Accounts::Write() {
  const Status status = ledger_->Flush();
  if (!status.ok() && !journal_fails_) {
    base::LogError(
        "the accounts are not on disk; they are kept in memory and written when that works",
        {{"reason", status.message()}});
  }
  if (status.ok() && journal_fails_) base::LogInfo("the accounts are on disk again", {});
  journal_fails_ = !status.ok();
  // Of an interval that could not be written it is not known who used the models: it goes on.
  if (status.ok()) meter_.Divide(*ledger_);
}

}  // namespace hadron::server
