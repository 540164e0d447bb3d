#include "tenancy/ledger_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "base/sync.h"
#include "tenancy/copy_record.h"
#include "tenancy/postgres_link.h"

namespace hadron::tenancy {
namespace {

using base::Status;
using base::StatusOr;

constexpr base::Duration kLongestPause = std::chrono::seconds(30);
/// For a thread that is being told to end while the system looks up a name.
constexpr std::chrono::milliseconds kGrace{500};
constexpr std::size_t kRowsAtOnce = 4096;
/// "hadron" as a number: who migrates holds it.
constexpr std::string_view kLock = "SELECT pg_advisory_xact_lock(114744910278510)";

/// What brings the tables from one version to the next; appended to, never changed.
constexpr std::array<std::string_view, 1> kMigrations = {R"(
CREATE TABLE hadron_usage (
  instance text NOT NULL,
  from_time timestamptz NOT NULL,
  to_time timestamptz NOT NULL,
  tenant text NOT NULL,
  user_name text NOT NULL,
  model text NOT NULL,
  class text NOT NULL,
  requests bigint NOT NULL,
  failures bigint NOT NULL,
  "rows" bigint NOT NULL,
  device_seconds numeric NOT NULL,
  queue_seconds numeric NOT NULL,
  received_bytes bigint NOT NULL,
  sent_bytes bigint NOT NULL,
  loads bigint NOT NULL,
  cached_byte_seconds double precision NOT NULL,
  compiled_byte_seconds double precision NOT NULL,
  resident_byte_seconds double precision NOT NULL,
  refused_queue bigint NOT NULL,
  refused_deadline bigint NOT NULL,
  refused_quota bigint NOT NULL,
  refused_memory bigint NOT NULL,
  refused_draining bigint NOT NULL,
  PRIMARY KEY (instance, from_time, tenant, user_name, model, class)))"};

constexpr std::string_view kIndex =
    "CREATE INDEX hadron_usage_from_time ON hadron_usage (from_time)";

constexpr std::string_view kInsert = R"(
INSERT INTO hadron_usage
SELECT $1::text, to_timestamp($2::numeric / 1000), to_timestamp($3::numeric / 1000), r.*
FROM json_to_recordset($4::json) AS r(
  tenant text, user_name text, model text, class text, requests bigint, failures bigint,
  "rows" bigint, device_seconds numeric, queue_seconds numeric, received_bytes bigint,
  sent_bytes bigint, loads bigint, cached_byte_seconds double precision,
  compiled_byte_seconds double precision, resident_byte_seconds double precision,
  refused_queue bigint, refused_deadline bigint, refused_quota bigint, refused_memory bigint,
  refused_draining bigint)
ON CONFLICT DO NOTHING)";

/// How far the database is with what these instances have written.
constexpr std::string_view kSentUntil = R"(
SELECT round(extract(epoch FROM max(t)) * 1000)::bigint FROM (
  SELECT (SELECT to_time FROM hadron_usage WHERE instance = name
          ORDER BY from_time DESC LIMIT 1) AS t
  FROM json_array_elements_text($1::json) AS names(name)) AS ends WHERE t IS NOT NULL)";

/// As large as the database takes it.
std::int64_t Whole(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(value, INT64_MAX));
}

std::string Seconds(std::uint64_t ns) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  return fmt::format("{}.{:09}", ns / kSecond, ns % kSecond);
}

nlohmann::json RowJson(const UsageRow& row) {
  const Usage& usage = row.usage;
  nlohmann::json json = {{"tenant", row.key.tenant},
                         {"user_name", row.key.user},
                         {"model", row.key.model},
                         {"class", WorkClassName(row.key.work_class)},
                         {"requests", Whole(usage.requests)},
                         {"failures", Whole(usage.failures)},
                         {"rows", Whole(usage.rows)},
                         {"device_seconds", Seconds(usage.device_ns)},
                         {"queue_seconds", Seconds(usage.queue_ns)},
                         {"received_bytes", Whole(usage.bytes_in)},
                         {"sent_bytes", Whole(usage.bytes_out)},
                         {"loads", Whole(usage.loads)}};
  for (std::size_t i = 0; i < kRungs.size(); ++i) {
    json[fmt::format("{}_byte_seconds", kRungs[i])] = usage.byte_seconds[i];
  }
  for (std::size_t i = 0; i < kRefusals.size(); ++i) {
    json[fmt::format("refused_{}", kRefusals[i])] = Whole(usage.refusals[i]);
  }
  return json;
}

/// Names come from directories: what is not UTF-8 in them is replaced.
std::string RowsJson(std::span<const UsageRow> rows) {
  nlohmann::json array = nlohmann::json::array();
  for (const UsageRow& row : rows) array.push_back(RowJson(row));
  return array.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// The version of the tables; 0 when there are none.
StatusOr<std::size_t> ReadVersion(PostgresLink& link) {
  HADRON_ASSIGN_OR_RETURN(const auto there,
                          link.Run("SELECT 1 WHERE to_regclass('hadron_schema') IS NOT NULL"));
  if (there.empty()) return 0;
  HADRON_ASSIGN_OR_RETURN(const auto version, link.Run("SELECT version FROM hadron_schema"));
  const std::string text = version.empty() ? "" : version.front().front();
  for (std::size_t known = 1; known <= kMigrations.size(); ++known) {
    if (text == std::to_string(known)) return known;
  }
  return base::Unavailable(
      fmt::format("the tables are of version {}, this server knows {}: use a newer one, or another "
                  "schema of the database",
                  text.empty() ? "?" : text, kMigrations.size()));
}

Status Migrate(PostgresLink& link) {
  HADRON_ASSIGN_OR_RETURN(const std::size_t found, ReadVersion(link));
  if (found == kMigrations.size()) return {};
  HADRON_RETURN_IF_ERROR(link.Run("BEGIN").status());
  HADRON_RETURN_IF_ERROR(link.Run(std::string(kLock)).status());
  HADRON_ASSIGN_OR_RETURN(std::size_t version, ReadVersion(link));  // another one was first
  if (version == 0) {
    HADRON_RETURN_IF_ERROR(link.Run("CREATE TABLE hadron_schema AS SELECT 0 AS version").status());
    HADRON_RETURN_IF_ERROR(link.Run(std::string(kMigrations[0])).status());
    HADRON_RETURN_IF_ERROR(link.Run(std::string(kIndex)).status());
    version = 1;
  }
  for (; version < kMigrations.size(); ++version) {
    HADRON_RETURN_IF_ERROR(link.Run(std::string(kMigrations[version])).status());
  }
  HADRON_RETURN_IF_ERROR(
      link.Run("UPDATE hadron_schema SET version = $1::integer", {std::to_string(version)})
          .status());
  return link.Run("COMMIT").status();
}

}  // namespace

/// The queue, and what the thread does with it.
class LedgerExport::Sender {
 public:
  explicit Sender(Options options)
      : options_(std::move(options)), replay_(options_.replay), pause_(options_.first_pause) {}

  void Run() {
    tasks_.Run();
    link_.reset();
  }
  void Take(const Ledger::Interval& interval);
  void Stop(base::Duration patience);
  std::uint64_t dropped() const { return dropped_.load(); }
  /// From here on the journal is not asked any more.
  void ForgetJournal() {
    base::MutexLock lock(replay_mutex_);
    replay_ = nullptr;
  }

 private:
  struct Step {
    std::int64_t from_ms = 0;
    std::int64_t to_ms = 0;
    std::map<AccountKey, Usage> sums;
  };

  void Close() HADRON_REQUIRES(mutex_);
  void Send();
  Status SendAll();
  Status Connect();
  /// How far the database is; what an earlier process has sent counts.
  Status FindBegin(std::int64_t first_ms);
  /// Sends what the journal has of the time until then and the queue does not.
  Status Refill(std::int64_t until_ms);
  /// What the database will never take is dropped.
  Status SendOrDrop(const Step& step);
  Status SendStep(const Step& step);
  Status Insert(const Step& step, std::span<const UsageRow> rows);
  StatusOr<Ledger::Interval> Replay(std::int64_t from_ms, std::int64_t until_ms);
  void Fail(const Status& status);

  const Options options_;
  base::Mutex replay_mutex_;
  decltype(Options::replay) replay_ HADRON_GUARDED_BY(replay_mutex_);
  base::TaskQueue tasks_;
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<bool> hurry_{false};
  std::atomic<base::TimePoint> end_{base::TimePoint::max()};

  base::Mutex mutex_;
  std::optional<Step> open_ HADRON_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<const Step>> queue_ HADRON_GUARDED_BY(mutex_);
  std::int64_t last_from_ms_ HADRON_GUARDED_BY(mutex_) = INT64_MIN;
  bool gap_ HADRON_GUARDED_BY(mutex_) = true;  ///< there may be more before the queue's first step

  // The thread's.
  std::unique_ptr<PostgresLink> link_;
  std::optional<std::int64_t> sent_until_ms_;
  base::TimePoint not_before_;
  base::Duration pause_;
  bool failing_ = false;
};

void LedgerExport::Sender::Take(const Ledger::Interval& interval) {
  {
    base::MutexLock lock(mutex_);
    if (!open_) {
      open_.emplace();
      // A clock that is set back must not make two steps one for the database.
      open_->from_ms = interval.from_ms > last_from_ms_ ? interval.from_ms : last_from_ms_ + 1;
      last_from_ms_ = open_->from_ms;
    }
    open_->to_ms = std::max(open_->from_ms, interval.to_ms);
    for (const UsageRow& row : interval.rows) open_->sums[row.key] += row.usage;
    if (open_->to_ms - open_->from_ms < options_.step.count()) return;
    Close();
  }
  tasks_.Post([this] { Send(); });
}

void LedgerExport::Sender::Close() {
  if (!open_) return;
  queue_.push_back(std::make_shared<const Step>(std::move(*open_)));
  open_.reset();
  if (queue_.size() <= options_.most_queued) return;
  queue_.pop_front();
  gap_ = true;
  if (options_.replay) return;  // the journal has it
  if (dropped_.fetch_add(1) == 0) {
    base::LogWarning(
        "the database has been away for too long: it will lack what was dropped (--ledger-dir "
        "keeps it)",
        {});
  }
}

void LedgerExport::Sender::Stop(base::Duration patience) {
  end_.store(std::chrono::steady_clock::now() + patience);
  hurry_.store(true);
  {
    base::MutexLock lock(mutex_);
    Close();
  }
  tasks_.Post([this] {
    not_before_ = {};
    Send();
  });
  tasks_.Stop();
}

void LedgerExport::Sender::Send() {
  const base::TimePoint now = std::chrono::steady_clock::now();
  if (now < not_before_ || now >= end_.load()) return;
  const Status status = SendAll();
  if (!status.ok()) return Fail(status);
  if (failing_) base::LogInfo("the accounts reach the database again", {{"dropped", dropped()}});
  failing_ = false;
  pause_ = options_.first_pause;
}

void LedgerExport::Sender::Fail(const Status& status) {
  link_.reset();
  if (!failing_) {
    base::LogWarning(
        "the accounts do not reach the database; they are sent again when it can be reached",
        {{"reason", status.message()}});
  }
  failing_ = true;
  not_before_ = std::chrono::steady_clock::now() + pause_;
  tasks_.PostAt(not_before_, [this] { Send(); });
  pause_ = std::min(2 * pause_, kLongestPause);
}

Status LedgerExport::Sender::Connect() {
  if (link_ != nullptr) return {};
  HADRON_ASSIGN_OR_RETURN(
      auto link, PostgresLink::Connect({options_.conninfo, options_.patience, &hurry_, &end_}));
  HADRON_RETURN_IF_ERROR(Migrate(*link));
  link_ = std::move(link);
  return {};
}

Status LedgerExport::Sender::SendAll() {
  for (;;) {
    std::shared_ptr<const Step> step;
    bool gap = false;
    {
      base::MutexLock lock(mutex_);
      if (queue_.empty()) return {};
      step = queue_.front();
      gap = gap_;
    }
    HADRON_RETURN_IF_ERROR(Connect());
    if (gap && options_.replay) HADRON_RETURN_IF_ERROR(Refill(step->from_ms));
    HADRON_RETURN_IF_ERROR(SendOrDrop(*step));
    sent_until_ms_ = std::max(sent_until_ms_.value_or(step->to_ms), step->to_ms);
    base::MutexLock lock(mutex_);
    // Else it has been dropped meanwhile, and others after it may have been.
    if (queue_.empty() || queue_.front() != step) continue;
    queue_.pop_front();
    gap_ = false;
  }
}

Status LedgerExport::Sender::FindBegin(std::int64_t first_ms) {
  HADRON_ASSIGN_OR_RETURN(CopyRecord record, CopyRecord::Read(options_.record));
  if (record.instances.empty()) record.since_ms = first_ms;
  const std::string names = nlohmann::json(record.instances)
                                .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  HADRON_ASSIGN_OR_RETURN(const auto rows, link_->Run(std::string(kSentUntil), {names}));
  const bool known = !rows.empty() && !rows.front().front().empty();
  const std::int64_t begin = known ? std::stoll(rows.front().front()) : record.since_ms;
  // Before anything is sent in this name: whoever comes after a crash has to ask for it.
  if (record.Add(options_.instance)) HADRON_RETURN_IF_ERROR(record.Write(options_.record));
  sent_until_ms_ = begin;
  return {};
}

StatusOr<Ledger::Interval> LedgerExport::Sender::Replay(std::int64_t from_ms,
                                                        std::int64_t until_ms) {
  base::MutexLock lock(replay_mutex_);
  if (!replay_) return base::Unavailable("the server ends");
  return replay_(from_ms, until_ms);
}

Status LedgerExport::Sender::Refill(std::int64_t until_ms) {
  if (!sent_until_ms_) HADRON_RETURN_IF_ERROR(FindBegin(until_ms));
  std::uint64_t refilled = 0;
  while (*sent_until_ms_ < until_ms) {
    HADRON_ASSIGN_OR_RETURN(const Ledger::Interval interval, Replay(*sent_until_ms_, until_ms));
    if (interval.rows.empty()) break;
    Step step{interval.from_ms, interval.to_ms, {}};
    for (const UsageRow& row : interval.rows) step.sums[row.key] += row.usage;
    HADRON_RETURN_IF_ERROR(SendOrDrop(step));
    sent_until_ms_ = std::max(*sent_until_ms_ + 1, interval.to_ms);
    ++refilled;
  }
  if (refilled > 0) {
    base::LogInfo("what the database lacked of the accounts was read from the journal",
                  {{"parts", refilled}});
  }
  return {};
}

Status LedgerExport::Sender::SendOrDrop(const Step& step) {
  Status status = SendStep(step);
  if (status.code() != base::StatusCode::kInvalidArgument) return status;
  dropped_.fetch_add(1);
  base::LogError("the database does not take an interval of the accounts; the journal has it",
                 {{"from_ms", step.from_ms}, {"reason", status.message()}});
  return {};
}

Status LedgerExport::Sender::SendStep(const Step& step) {
  std::vector<UsageRow> rows;
  rows.reserve(step.sums.size());
  for (const auto& [key, usage] : step.sums) rows.push_back({key, usage});
  if (rows.size() <= kRowsAtOnce) return Insert(step, rows);
  // All or none: who looks how far the database is must not find a part of it.
  HADRON_RETURN_IF_ERROR(link_->Run("BEGIN").status());
  Status status;
  for (std::span<const UsageRow> left(rows); !left.empty() && status.ok();) {
    const std::size_t count = std::min(left.size(), kRowsAtOnce);
    status = Insert(step, left.first(count));
    left = left.subspan(count);
  }
  if (status.ok()) return link_->Run("COMMIT").status();
  if (status.code() == base::StatusCode::kInvalidArgument) {
    HADRON_RETURN_IF_ERROR(link_->Run("ROLLBACK").status());
  }
  return status;
}

Status LedgerExport::Sender::Insert(const Step& step, std::span<const UsageRow> rows) {
  return link_
      ->Run(std::string(kInsert), {options_.instance, std::to_string(step.from_ms),
                                   std::to_string(step.to_ms), RowsJson(rows)})
      .status();
}

StatusOr<std::unique_ptr<LedgerExport>> LedgerExport::Create(Options options) {
  HADRON_RETURN_IF_ERROR(PostgresLink::Check(options.conninfo));
  return std::unique_ptr<LedgerExport>(  // NOLINT: private constructor
      new LedgerExport(std::make_shared<Sender>(std::move(options))));
}

LedgerExport::LedgerExport(std::shared_ptr<Sender> sender) : sender_(std::move(sender)) {
  std::promise<void> ended;
  ended_ = ended.get_future();
  thread_ = std::thread([sender = sender_, ended = std::move(ended)]() mutable {
    sender->Run();
    ended.set_value();
  });
}

LedgerExport::~LedgerExport() { Stop({}); }

void LedgerExport::Take(const Ledger::Interval& interval) { sender_->Take(interval); }

void LedgerExport::Stop(base::Duration patience) {
  if (!thread_.joinable()) return;
  sender_->Stop(patience);
  // Nothing ends a look-up of a name: the thread has all that it touches, and goes with the
  // process.
  if (ended_.wait_for(patience + kGrace) == std::future_status::ready) {
    thread_.join();
  } else {
    sender_->ForgetJournal();
    thread_.detach();
  }
}

std::uint64_t LedgerExport::dropped() const { return sender_->dropped(); }

}  // namespace hadron::tenancy
