#include "tenancy/ledger.h"

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <utility>

#include "base/log.h"
#include "tenancy/journal_files.h"
#include "tenancy/ledger_fold.h"
#include "tenancy/ledger_journal.h"

namespace hadron::tenancy {
namespace {

using base::Status;
using base::StatusOr;

constexpr std::string_view kOthers = "_others";
/// Flushes without a change after which an account may leave memory, when there are many.
constexpr unsigned kQuietFlushes = 720;

struct HashKey {
  std::size_t operator()(const AccountKey& key) const {
    constexpr std::size_t kPrime = 1099511628211U;
    const std::hash<std::string_view> hash;
    std::size_t sum = hash(key.tenant);
    sum = sum * kPrime ^ hash(key.user);
    sum = sum * kPrime ^ hash(key.model);
    return sum * kPrime ^ static_cast<std::size_t>(key.work_class);
  }
};

using Sums = std::unordered_map<AccountKey, Usage, HashKey>;

AccountKey Select(const AccountKey& key, const Ledger::Query& query) {
  AccountKey selected;
  if (query.by_tenant) selected.tenant = key.tenant;
  if (query.by_user) selected.user = key.user;
  if (query.by_model) selected.model = key.model;
  if (query.by_class) selected.work_class = key.work_class;
  return selected;
}

std::vector<Ledger::Row> Sorted(const Sums& sums) {
  std::vector<Ledger::Row> rows;
  rows.reserve(sums.size());
  for (const auto& [key, usage] : sums) {
    if (usage != Usage()) rows.push_back({key, usage});
  }
  std::ranges::sort(rows, {}, &Ledger::Row::key);
  return rows;
}

}  // namespace

struct Ledger::Impl {
  Impl(Options with, const base::Clock& time) : options(std::move(with)), clock(time) {}

  /// An account and what of it has been written.
  struct Tracked {
    AccountRef account;
    Usage written;
    Usage seen;  ///< when Unwritten() looked last
    unsigned quiet_flushes = 0;
  };

  AccountRef FindOrMake(const AccountKey& key, std::size_t most) HADRON_REQUIRES(mutex);
  /// Takes over accounts that are new.
  void TrackNew() HADRON_REQUIRES(flush_mutex);
  std::vector<Row> Unwritten() HADRON_REQUIRES(flush_mutex);
  Status Write(const Interval& interval) HADRON_REQUIRES(flush_mutex);
  void Settle() HADRON_REQUIRES(flush_mutex);
  void DropQuiet() HADRON_REQUIRES(flush_mutex);

  const Options options;
  const base::Clock& clock;

  /// Held for moments only: requests come by.
  base::Mutex mutex;
  std::unordered_map<AccountKey, AccountRef, HashKey> accounts HADRON_GUARDED_BY(mutex);
  std::vector<AccountRef> fresh HADRON_GUARDED_BY(mutex);  ///< not tracked yet
  Sums dropped HADRON_GUARDED_BY(mutex);                   ///< sums of accounts that left memory

  /// Held while files are read, and while one is folded: nobody reads a file and its successor.
  /// Taken before the others.
  base::Mutex files_mutex;

  /// Held while the disk is written. Taken before `mutex`.
  base::Mutex flush_mutex;
  std::vector<Tracked> tracked HADRON_GUARDED_BY(flush_mutex);
  std::unique_ptr<Journal> journal HADRON_GUARDED_BY(flush_mutex);  ///< null: memory only
  std::int64_t written_ms HADRON_GUARDED_BY(flush_mutex) = 0;
};

AccountRef Ledger::Impl::FindOrMake(const AccountKey& key, std::size_t most) {
  const auto at = accounts.find(key);
  if (at != accounts.end()) return at->second;
  if (accounts.size() >= most) return nullptr;
  auto account = std::make_shared<Account>(key);
  accounts.emplace(key, account);
  fresh.push_back(account);
  return account;
}

void Ledger::Impl::TrackNew() {
  std::vector<AccountRef> arrived;
  {
    base::MutexLock lock(mutex);
    arrived.swap(fresh);
  }
  for (AccountRef& account : arrived) tracked.push_back({std::move(account), {}, {}, 0});
}

std::vector<Ledger::Row> Ledger::Impl::Unwritten() {
  std::vector<Row> rows;
  for (Tracked& entry : tracked) {
    entry.seen = entry.account->Read();
    if (entry.seen != entry.written) {
      rows.push_back({entry.account->key(), entry.seen - entry.written});
    }
  }
  return rows;
}

Status Ledger::Impl::Write(const Interval& interval) {
  if (journal == nullptr) return {};
  std::string records;
  std::span<const Row> rows(interval.rows);
  while (!rows.empty()) {
    const std::size_t count = std::min(rows.size(), kMaxRecordRows);
    records += EncodeRecord(interval.from_ms, interval.to_ms, rows.subspan(0, count));
    rows = rows.subspan(count);
  }
  return journal->Append(interval.from_ms, records);
}

/// What Unwritten() has seen is written: not the sum of the differences, which rounding changes.
void Ledger::Impl::Settle() {
  for (Tracked& entry : tracked) {
    entry.quiet_flushes = entry.seen == entry.written ? entry.quiet_flushes + 1 : 0;
    entry.written = entry.seen;
  }
}

void Ledger::Impl::DropQuiet() {
  base::MutexLock lock(mutex);
  // Without a journal memory is the only place that knows.
  if (journal == nullptr || accounts.size() <= options.max_accounts / 2) return;
  std::erase_if(tracked, [this](const Tracked& entry) HADRON_NO_ANALYSIS {
    // Held by the map and by this list alone, and nobody gets it anew while the lock is held.
    constexpr int kOurs = 2;
    if (entry.quiet_flushes < kQuietFlushes || entry.account.use_count() > kOurs) return false;
    std::atomic_thread_fence(std::memory_order_acquire);
    if (entry.account->Read() != entry.written) return false;
    AccountKey key = entry.account->key();
    accounts.erase(key);
    if (!key.user.empty()) key.user = kOthers;
    dropped[key] += entry.written;
    return true;
  });
}

StatusOr<std::unique_ptr<Ledger>> Ledger::Create(Options options, const base::Clock& clock) {
  auto impl = std::make_unique<Impl>(std::move(options), clock);
  const std::int64_t now = clock.WallMs();
  {
    base::MutexLock lock(impl->flush_mutex);
    impl->written_ms = now;
    if (!impl->options.directory.empty()) {
      HADRON_ASSIGN_OR_RETURN(impl->journal,
                              Journal::Open(impl->options.directory, impl->options.keep_days, now));
    }
  }
  return std::unique_ptr<Ledger>(new Ledger(std::move(impl)));  // NOLINT: private constructor
}

Ledger::Ledger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ledger::~Ledger() = default;

AccountRef Ledger::Open(const AccountKey& wanted) {
  AccountKey key = wanted;
  for (std::string* name : {&key.tenant, &key.user, &key.model}) {
    if (name->size() > kMaxNameBytes) name->resize(kMaxNameBytes);
  }
  const std::size_t most = impl_->options.max_accounts;
  base::MutexLock lock(impl_->mutex);
  if (AccountRef account = impl_->FindOrMake(key, most)) return account;
  if (!key.user.empty()) key.user = kOthers;
  if (AccountRef account = impl_->FindOrMake(key, most + most / 4)) return account;
  if (!key.model.empty()) key.model = kOthers;
  return impl_->FindOrMake(key,
                           SIZE_MAX);  // as many as there are tenants, and these are configured
}

std::vector<Ledger::Row> Ledger::Totals() const {
  std::vector<AccountRef> accounts;
  Sums sums;
  {
    base::MutexLock lock(impl_->mutex);
    accounts.reserve(impl_->accounts.size());
    for (const auto& [key, account] : impl_->accounts) accounts.push_back(account);
    sums = impl_->dropped;
  }
  for (const AccountRef& account : accounts) sums[account->key()] += account->Read();
  return Sorted(sums);
}

Status Ledger::Flush() {
  Interval interval;
  {
    base::MutexLock lock(impl_->flush_mutex);
    impl_->TrackNew();
    interval.to_ms = impl_->clock.WallMs();
    interval.from_ms = std::min(impl_->written_ms, interval.to_ms);  // a clock may be set back
    interval.rows = impl_->Unwritten();
    if (!interval.rows.empty()) HADRON_RETURN_IF_ERROR(impl_->Write(interval));
    impl_->Settle();
    impl_->written_ms = interval.to_ms;
    impl_->DropQuiet();
  }
  if (!interval.rows.empty() && impl_->options.written) impl_->options.written(interval);
  return {};
}

StatusOr<std::vector<Ledger::Row>> Ledger::Read(const Query& query) const {
  Sums sums;
  const auto add = [&](std::span<const Row> rows) {
    for (const Row& row : rows) sums[Select(row.key, query)] += row.usage;
  };
  std::string directory;
  std::vector<Journal::Extent> extents;
  base::MutexLock reading(impl_->files_mutex);
  {
    base::MutexLock lock(impl_->flush_mutex);
    if (impl_->journal == nullptr) {
      add(Totals());
      return Sorted(sums);
    }
    impl_->TrackNew();
    directory = impl_->journal->directory();
    HADRON_ASSIGN_OR_RETURN(extents, impl_->journal->Extents());
    if (impl_->written_ms >= query.from_ms && impl_->written_ms < query.to_ms) {
      add(impl_->Unwritten());
    }
  }
  HADRON_RETURN_IF_ERROR(Journal::Read(directory, extents, query.from_ms, query.to_ms,
                                       [&](const Record& record) { add(record.rows); }));
  return Sorted(sums);
}

const std::string& Ledger::directory() const { return impl_->options.directory; }

StatusOr<Ledger::Interval> Ledger::Replay(std::int64_t from_ms, std::int64_t until_ms) const {
  constexpr std::int64_t kHourMs = 3'600'000;
  Interval interval{until_ms, until_ms, {}};
  std::vector<Journal::Extent> extents;
  base::MutexLock reading(impl_->files_mutex);
  {
    base::MutexLock lock(impl_->flush_mutex);
    if (impl_->journal == nullptr) return interval;
    HADRON_ASSIGN_OR_RETURN(extents, impl_->journal->Extents());
  }
  Sums sums;
  std::int64_t last = until_ms;
  const auto add = [&](const Record& record) {
    if (sums.empty()) {
      interval.from_ms = interval.to_ms = record.from_ms;
      last = std::min(until_ms, record.from_ms + kHourMs);
    }
    if (record.from_ms >= last) return;
    interval.from_ms = std::min(interval.from_ms, record.from_ms);
    interval.to_ms = std::max(interval.to_ms, record.to_ms);
    for (const Row& row : record.rows) sums[row.key] += row.usage;
  };
  for (const Journal::Extent& extent : extents) {
    if (!sums.empty() && extent.file > NameOfMoment(last)) break;
    HADRON_RETURN_IF_ERROR(
        Journal::Read(impl_->options.directory, {extent}, from_ms, until_ms, add));
  }
  interval.rows = Sorted(sums);
  return interval;
}

Status Ledger::Fold(const std::atomic<bool>& stop) {
  std::string directory;
  std::vector<Journal::Extent> extents;
  {
    base::MutexLock lock(impl_->flush_mutex);
    if (impl_->journal == nullptr) return {};
    directory = impl_->journal->directory();
    HADRON_ASSIGN_OR_RETURN(extents, impl_->journal->Foldable(impl_->clock.WallMs()));
  }
  Status first;
  for (const Journal::Extent& extent : extents) {
    base::MutexLock reading(impl_->files_mutex);
    Status status = FoldJournal(directory + "/" + extent.file, stop);
    if (status.ok()) {
      base::MutexLock lock(impl_->flush_mutex);
      status = impl_->journal->Adopt(extent);
    }
    if (status.code() == base::StatusCode::kCancelled) return status;
    if (first.ok() && !status.ok()) first = std::move(status);
  }
  return first;
}

}  // namespace hadron::tenancy
