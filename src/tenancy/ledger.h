#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/sync.h"
#include "tenancy/usage.h"

namespace hadron::tenancy {

/// Tenants that nobody can be: time of the device that nobody used, and that nobody is to pay for
/// (warm-up, checks of a load).
inline constexpr std::string_view kIdleTenant = "_idle";
inline constexpr std::string_view kOverheadTenant = "_overhead";

/// Who used the device, for what. Sums since the start in memory; with a directory a journal that
/// outlives the process: what was used is written every few seconds, so that a crash loses at most
/// the last of them and nothing before. Thread-safe.
///
///     auto account = ledger->Open({.tenant = "atlas", .model = "digits"});
///     account->Add({.requests = 1, .rows = 8, .device_ns = 120'000});
class Ledger {
 public:
  using Row = UsageRow;
  /// What was used between two moments (milliseconds since the epoch).
  struct Interval {
    std::int64_t from_ms = 0;
    std::int64_t to_ms = 0;
    std::vector<Row> rows;
  };
  struct Options {
    std::string directory;  ///< empty: memory only
    std::size_t max_accounts = 100'000;
    std::uint64_t keep_days = 0;  ///< journals of days longer ago are removed; 0 = none
    /// Told what each Flush has written, by its caller's thread; must not block. For exports.
    std::function<void(const Interval&)> written{};
  };
  /// UNAVAILABLE, naming the directory, when the journal cannot be opened.
  static base::StatusOr<std::unique_ptr<Ledger>> Create(Options options, const base::Clock& clock);
  ~Ledger();

  /// The account of a key, made when it is first asked for. When there are too many the user, then
  /// the model, is "_others"; what is counted is never lost.
  AccountRef Open(const AccountKey& key);

  /// Sums since the start.
  std::vector<Row> Totals() const;

  /// Writes what was used since the last time, and has it on disk when it returns. One caller at a
  /// time (the export thread). After a failure the next call writes the same again and more.
  base::Status Flush();

  struct Query {
    std::int64_t from_ms = 0;        ///< since the epoch
    std::int64_t to_ms = INT64_MAX;  ///< exclusive
    bool by_tenant = true;           ///< else summed over it, its name empty
    bool by_user = false;
    bool by_model = true;
    bool by_class = false;
  };
  /// Sums between two moments, from the journal (or, without one, since the start), what is not yet
  /// written included. Resolution: that of the flushes, the hour for days that have ended. Blocks
  /// on the disk, and keeps no Flush waiting.
  base::StatusOr<std::vector<Row>> Read(const Query& query) const;

  /// What was written of the first hour in [from_ms, until_ms) of which anything was, put together:
  /// of records that began in it. What comes next begins at its `to_ms`; without rows there is
  /// nothing more. Failures as Read; blocks on the disk.
  base::StatusOr<Interval> Replay(std::int64_t from_ms, std::int64_t until_ms) const;
  /// Where the journal is; empty: there is none.
  const std::string& directory() const;

  /// Puts the records of each hour of days that have ended together, where that has not been done.
  /// What a crash interrupts is done again by the next call. Blocks on the disk, keeps no Flush
  /// waiting. The first failure, after the rest has been tried; CANCELLED when `stop` becomes true.
  base::Status Fold(const std::atomic<bool>& stop);

 private:
  struct Impl;
  explicit Ledger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadron::tenancy
