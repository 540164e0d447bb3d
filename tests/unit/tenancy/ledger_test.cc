#include "tenancy/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "unit/tenancy/scratch.h"
#include "unit/tenancy/wall_clock.h"

namespace hadron::tenancy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Usage Served(std::uint64_t requests) {
  Usage usage;
  usage.requests = requests;
  usage.rows = 2 * requests;
  usage.device_ns = 1000 * requests;
  usage.byte_seconds[2] = 0.1 * static_cast<double>(requests);
  return usage;
}

std::unique_ptr<Ledger> Make(Ledger::Options options, const base::Clock& clock) {
  auto ledger = Ledger::Create(std::move(options), clock);
  EXPECT_TRUE(ledger.ok()) << (ledger.ok() ? "" : ledger.message());
  return *std::move(ledger);
}

std::vector<Ledger::Row> ReadAll(const Ledger& ledger, const Ledger::Query& query = {}) {
  auto rows = ledger.Read(query);
  EXPECT_TRUE(rows.ok()) << (rows.ok() ? "" : rows.message());
  return *std::move(rows);
}

std::uint64_t Requests(const std::vector<Ledger::Row>& rows) {
  std::uint64_t sum = 0;
  for (const auto& row : rows) sum += row.usage.requests;
  return sum;
}

TEST(Account, CountsFromManyThreads) {
  Account account({"atlas", "", "digits"});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) account.Add(Served(1));
        account.CountRefusal(base::RefusalCause::kQuota);
        account.CountRefusal(base::RefusalCause::kNone);
      });
    }
  }
  const Usage usage = account.Read();
  EXPECT_EQ(usage.requests, 4000U);
  EXPECT_EQ(usage.device_ns, 4'000'000U);
  EXPECT_NEAR(usage.byte_seconds[2], 400, 1e-6);
  EXPECT_THAT(usage.refusals, ElementsAre(0, 0, 4, 0, 0));
}

TEST(Ledger, SumsInMemoryWithoutADirectory) {
  const test::WallClock clock;
  const auto ledger = Make({}, clock);
  ledger->Open({"atlas", "maria", "digits"})->Add(Served(3));
  ledger->Open({"atlas", "peter", "digits"})->Add(Served(4));
  EXPECT_EQ(ledger->Open({"atlas", "maria", "digits"}), ledger->Open({"atlas", "maria", "digits"}));
  ASSERT_TRUE(ledger->Flush().ok());
  EXPECT_EQ(ledger->Totals().size(), 2U);
  const auto rows = ReadAll(*ledger);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].key, (AccountKey{"atlas", "", "digits"}));
  EXPECT_EQ(rows[0].usage.requests, 7U);
}

TEST(Ledger, NothingIsLostWhenThereAreTooManyAccounts) {
  const test::WallClock clock;
  const auto ledger = Make({.directory = "", .max_accounts = 8}, clock);
  for (int i = 0; i < 100; ++i) {
    const std::string n = std::to_string(i);
    ledger->Open({"atlas", "user" + n, "model" + n})->Add(Served(1));
  }
  const auto totals = ledger->Totals();
  EXPECT_EQ(Requests(totals), 100U);
  EXPECT_LE(totals.size(), 8U + 2U + 1U);
  EXPECT_EQ(totals.front().key, (AccountKey{"atlas", "_others", "_others"}));
}

TEST(Ledger, OutlivesTheProcess) {
  const test::Scratch scratch;
  test::WallClock clock;
  for (int start = 0; start < 3; ++start) {
    const auto ledger = Make({.directory = scratch.path("ledger")}, clock);
    EXPECT_EQ(Requests(ReadAll(*ledger)), 5U * static_cast<unsigned>(start));
    EXPECT_TRUE(ledger->Totals().empty());
    const AccountRef account = ledger->Open({"atlas", "", "digits"});
    account->Add(Served(2));
    clock.ms += 5000;
    ASSERT_TRUE(ledger->Flush().ok());
    account->Add(Served(3));
    clock.ms += 5000;
    ASSERT_TRUE(ledger->Flush().ok());
    ASSERT_TRUE(ledger->Flush().ok());  // nothing has changed
  }
  const auto ledger = Make({.directory = scratch.path("ledger")}, clock);
  const auto rows = ReadAll(*ledger);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].usage.requests, 15U);
  EXPECT_NEAR(rows[0].usage.byte_seconds[2], 1.5, 1e-9);
}

TEST(Ledger, ReadsWhatIsNotYetWritten) {
  const test::Scratch scratch;
  const test::WallClock clock;
  const auto ledger = Make({.directory = scratch.path()}, clock);
  ledger->Open({"atlas", "", "digits"})->Add(Served(2));
  EXPECT_EQ(Requests(ReadAll(*ledger)), 2U);
  ASSERT_TRUE(ledger->Flush().ok());
  EXPECT_EQ(Requests(ReadAll(*ledger)), 2U);
}

TEST(Ledger, RangesThatTouchCountEverythingOnce) {
  const test::Scratch scratch;
  test::WallClock clock;
  const std::int64_t start = clock.ms;
  const auto ledger = Make({.directory = scratch.path()}, clock);
  const AccountRef account = ledger->Open({"atlas", "", "digits"});
  constexpr std::int64_t kHour = 3'600'000;
  for (int hour = 0; hour < 72; ++hour) {
    account->Add(Served(1));
    clock.ms += kHour;
    ASSERT_TRUE(ledger->Flush().ok());
  }
  std::uint64_t sum = 0;
  for (std::int64_t from = start - kHour; from < clock.ms; from += 5 * kHour) {
    sum += Requests(ReadAll(*ledger, {.from_ms = from, .to_ms = from + 5 * kHour}));
  }
  EXPECT_EQ(sum, 72U);
  EXPECT_EQ(
      Requests(ReadAll(*ledger, {.from_ms = start + 10 * kHour, .to_ms = start + 34 * kHour})),
      24U);
  EXPECT_TRUE(std::filesystem::exists(scratch.path("2026-11-22.ledger")));
  EXPECT_TRUE(std::filesystem::exists(scratch.path("2026-11-24.ledger")));
}

TEST(Ledger, GroupsAsAsked) {
  const test::WallClock clock;
  const auto ledger = Make({}, clock);
  for (const char* user : {"maria", "peter"}) {
    for (const char* model : {"digits", "gan"}) {
      ledger->Open({"atlas", user, model, WorkClass::kBatch})->Add(Served(1));
      ledger->Open({"cms", user, model, WorkClass::kInteractive})->Add(Served(1));
    }
  }
  const auto count = [&](Ledger::Query query) {
    const auto rows = ReadAll(*ledger, query);
    EXPECT_EQ(Requests(rows), 8U);
    return rows.size();
  };
  EXPECT_EQ(count({.by_tenant = false, .by_model = false}), 1U);
  EXPECT_EQ(count({.by_model = false}), 2U);
  EXPECT_EQ(count({.by_tenant = false, .by_model = true}), 2U);
  EXPECT_EQ(count({.by_user = true, .by_class = true}), 8U);
  EXPECT_EQ(count({.by_tenant = false, .by_model = false, .by_class = true}), 2U);
}

TEST(Ledger, TellsWhatItHasWritten) {
  const test::Scratch scratch;
  test::WallClock clock;
  std::vector<Ledger::Interval> seen;
  Ledger::Options options{.directory = scratch.path()};
  options.written = [&](const Ledger::Interval& interval) { seen.push_back(interval); };
  const auto ledger = Make(std::move(options), clock);
  const std::int64_t start = clock.ms;
  ASSERT_TRUE(ledger->Flush().ok());
  ledger->Open({"atlas", "", "digits"})->Add(Served(2));
  clock.ms += 100;
  ASSERT_TRUE(ledger->Flush().ok());
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].from_ms, start);
  EXPECT_EQ(seen[0].to_ms, clock.ms);
  ASSERT_EQ(seen[0].rows.size(), 1U);
  EXPECT_EQ(seen[0].rows[0].usage.requests, 2U);
}

TEST(Ledger, QuietAccountsLeaveMemoryAndKeepTheirSums) {
  const test::Scratch scratch;
  test::WallClock clock;
  const auto ledger = Make({.directory = scratch.path(), .max_accounts = 10}, clock);
  const AccountRef held = ledger->Open({"atlas", "held", "digits"});
  for (int i = 0; i < 9; ++i) {
    ledger->Open({"atlas", "user" + std::to_string(i), "digits"})->Add(Served(1));
  }
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(ledger->Flush().ok());
  // All of the nine are one row now, and there is room for others.
  EXPECT_EQ(ledger->Totals().size(), 1U);
  EXPECT_EQ(Requests(ledger->Totals()), 9U);
  ledger->Open({"atlas", "user0", "digits"})->Add(Served(1));
  held->Add(Served(1));
  EXPECT_EQ(Requests(ledger->Totals()), 11U);
  EXPECT_EQ(ReadAll(*ledger, {.by_user = true}).size(), 10U);
  EXPECT_EQ(Requests(ReadAll(*ledger)), 11U);
}

TEST(Ledger, NamesAreCutNotRefused) {
  const test::Scratch scratch;
  const test::WallClock clock;
  {
    const auto ledger = Make({.directory = scratch.path()}, clock);
    ledger->Open({std::string(1000, 't'), std::string(1000, 'u'), std::string(1000, 'm')})
        ->Add(Served(1));
    ASSERT_TRUE(ledger->Flush().ok());
  }
  const auto rows = ReadAll(*Make({.directory = scratch.path()}, clock));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].key.model, std::string(256, 'm'));
}

TEST(Ledger, CountsWhileItIsWritten) {
  const test::Scratch scratch;
  const test::WallClock clock;
  const auto ledger = Make({.directory = scratch.path()}, clock);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&ledger] {
        for (int i = 0; i < 300; ++i) {
          ledger->Open({"atlas", std::to_string(i % 7), "digits"})->Add(Served(1));
        }
      });
    }
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(ledger->Flush().ok());
  }
  ASSERT_TRUE(ledger->Flush().ok());
  EXPECT_EQ(Requests(ReadAll(*ledger)), 900U);
}

TEST(Ledger, OneServerHasADirectory) {
  const test::Scratch scratch;
  const test::WallClock clock;
  auto first = Make({.directory = scratch.path()}, clock);
  const auto second = Ledger::Create({.directory = scratch.path()}, clock);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(second.message(), HasSubstr(scratch.path() + ": another server writes there"));
  first.reset();
  EXPECT_TRUE(Ledger::Create({.directory = scratch.path()}, clock).ok());
  scratch.Write("file", "");
  EXPECT_THAT(Ledger::Create({.directory = scratch.path("file/below")}, clock).message(),
              HasSubstr("--ledger-dir="));
}

TEST(Ledger, ReplaysWhatWasWrittenHourByHour) {
  constexpr std::int64_t kMinuteMs = 60'000;
  const test::Scratch scratch;
  test::WallClock clock;
  Ledger::Options options;
  options.directory = scratch.path("ledger");
  const auto ledger = Make(options, clock);
  const std::int64_t begin = clock.ms;
  const AccountRef account = ledger->Open({"atlas", "", "digits"});
  for (int i = 0; i < 100; ++i) {  // a day and more: two files
    account->Add(Served(1));
    clock.ms += 20 * kMinuteMs;
    if (i == 50) clock.ms += 300 * kMinuteMs;  // nothing was written for so long
    ASSERT_TRUE(ledger->Flush().ok());
  }
  const std::int64_t end = clock.ms;
  std::uint64_t requests = 0;
  int parts = 0;
  for (std::int64_t at = begin;; ++parts) {
    const auto part = ledger->Replay(at, end);
    ASSERT_TRUE(part.ok()) << part.message();
    if (part->rows.empty()) break;
    EXPECT_GE(part->from_ms, at);
    EXPECT_LE(Requests(part->rows), 3U);
    requests += Requests(part->rows);
    ASSERT_GT(part->to_ms, at);
    at = part->to_ms;
  }
  EXPECT_EQ(requests, 100U);
  EXPECT_GE(parts, 34);
  EXPECT_EQ(Requests(ledger->Replay(begin + 1, begin + 41 * kMinuteMs)->rows), 2U)
      << "of records that began in it";
  EXPECT_TRUE(ledger->Replay(end, INT64_MAX)->rows.empty());
}

TEST(Ledger, ReplaysNothingWithoutAJournal) {
  const test::WallClock clock;
  const auto ledger = Make({}, clock);
  ledger->Open({"atlas", "", ""})->Add(Served(1));
  ASSERT_TRUE(ledger->Flush().ok());
  EXPECT_TRUE(ledger->Replay(0, INT64_MAX)->rows.empty());
  EXPECT_EQ(ledger->directory(), "");
}

}  // namespace
}  // namespace hadron::tenancy
