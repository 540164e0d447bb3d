#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "server/residence_meter.h"
#include "server/tenant_series.h"
#include "tenancy/ledger.h"
#ifdef HADRON_HAVE_POSTGRES
#include "tenancy/ledger_export.h"
#endif
#include "tenancy/tenants.h"

namespace hadron::server {

/// Tenants and ledger of the server, and what has to be done for them now and then. The `export`
/// thread calls Tick and Close; the rest is thread-safe.
class Accounts {
 public:
  struct Options {
    std::string tenant_config;  ///< --tenant-config
    std::string ledger_dir;     ///< --ledger-dir
    std::uint64_t keep_days = 0;
  };
  /// INVALID_ARGUMENT for a file with a mistake, UNAVAILABLE for a journal that cannot be written.
  static base::StatusOr<std::unique_ptr<Accounts>> Create(Options options,
                                                          const base::Clock& clock);

  tenancy::Tenants& tenants() { return *tenants_; }
  tenancy::Ledger& ledger() { return *ledger_; }
  /// From now on a copy of what is written goes to a PostgreSQL database (--ledger-postgres), in
  /// the name of `instance`. Before the first Tick. INVALID_ARGUMENT as LedgerExport::Create,
  /// UNIMPLEMENTED in builds without it.
  base::Status CopyTo(const std::string& conninfo, const std::string& instance);
  /// Intervals that the database will never get.
  std::uint64_t dropped() const;
  /// What /metrics tells of the tenants, as of the last Tick.
  const TenantSeries& series() const { return series_; }

  /// Looks for a changed file of tenants and writes the journal. `busy_seconds`: how long runs have
  /// kept the device, since the start. What of that is on nobody's account is put on `_overhead`,
  /// what of the time it was not busy on `_idle`, so that all accounts sum to the time that passed.
  /// `held`: what models hold now; `kept`: what sequences do.
  void Tick(double busy_seconds, std::span<const ResidenceMeter::Held> held,
            std::vector<tenancy::KeptBytes> kept);
  /// The last Tick: nothing is left unwritten, if the disk takes it. The database has kLastWords to
  /// do so, too.
  void Close(double busy_seconds, std::span<const ResidenceMeter::Held> held,
             std::vector<tenancy::KeptBytes> kept);
  static constexpr std::chrono::seconds kInterval{2};
  /// Makes the journals of days that have ended small. Takes its time; any other thread than
  /// Tick's.
  void Fold(const std::atomic<bool>& stop);
  static constexpr std::chrono::minutes kFoldInterval{10};
  static constexpr std::chrono::seconds kLastWords{2};

 private:
  explicit Accounts(const base::Clock& clock) : clock_(clock), began_(clock.Now()) {}
  void Balance(double busy_seconds);
  void Write();

  const base::Clock& clock_;
  const base::TimePoint began_;
  std::unique_ptr<tenancy::Tenants> tenants_;
  std::unique_ptr<tenancy::Ledger> ledger_;
#ifdef HADRON_HAVE_POSTGRES
  std::unique_ptr<tenancy::LedgerExport> copy_;  ///< null without --ledger-postgres; reads ledger_
#endif
  TenantSeries series_;
  ResidenceMeter meter_;
  tenancy::AccountRef idle_;
  tenancy::AccountRef overhead_;
  bool journal_fails_ = false;  ///< said so already
  std::string fold_fails_;      ///< the same, of Fold
};

}  // namespace hadron::server
