#include "tenancy/ledger_journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <random>

#include "tenancy/ledger.h"
#include "unit/tenancy/scratch.h"
#include "unit/tenancy/wall_clock.h"

namespace hadron::tenancy {
namespace {

using testing::HasSubstr;

constexpr const char* kToday = "2026-11-22.ledger";

std::vector<Ledger::Row> RandomRows(std::mt19937& random) {
  std::vector<Ledger::Row> rows(random() % 4 + 1);
  for (Ledger::Row& row : rows) {
    row.key = {"t" + std::to_string(random() % 3), std::string(random() % 300 % 257, 'u'),
               "m" + std::to_string(random() % 3), static_cast<WorkClass>(random() % 2)};
    row.usage.requests = random();
    row.usage.device_ns = random() % 2 == 0 ? 0 : UINT64_MAX - random();
    row.usage.refusals[random() % 5] = random();
    row.usage.byte_seconds[random() % 3] =
        std::ldexp(random(), static_cast<int>(random() % 64) - 32);
  }
  return rows;
}

TEST(LedgerRecord, IsReadAsItWasWritten) {
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    const auto rows = RandomRows(random);
    const std::string text = EncodeRecord(-5, INT64_MAX, rows);
    ASSERT_EQ(RecordSize(text + "more"), text.size());
    const auto record = DecodeRecord(text);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->from_ms, -5);
    EXPECT_EQ(record->to_ms, INT64_MAX);
    ASSERT_EQ(record->rows.size(), rows.size());
    for (std::size_t r = 0; r < rows.size(); ++r) {
      EXPECT_EQ(record->rows[r].key, rows[r].key);
      EXPECT_EQ(record->rows[r].usage, rows[r].usage);
    }
  }
}

TEST(LedgerRecord, DamageIsRecognised) {
  std::mt19937 random(8);
  const std::string text = EncodeRecord(1, 2, RandomRows(random));
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    EXPECT_FALSE(RecordSize(std::string_view(text).substr(0, cut)));
  }
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    EXPECT_FALSE(RecordSize(damaged)) << at;
  }
}

TEST(LedgerRecord, NonsenseIsRefusedWhateverItsChecksumSays) {
  std::mt19937 random(9);
  const std::string text = EncodeRecord(1, 2, RandomRows(random));
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = text;
    for (unsigned n = random() % 4 + 1; n > 0; --n) {
      damaged[kRecordPrefix + random() % (text.size() - kRecordPrefix)] =
          static_cast<char>(random());
    }
    const auto record = DecodeRecord(damaged);
    if (record) {
      EXPECT_LE(record->rows.size(), kMaxRecordRows);
    }
  }
  EXPECT_FALSE(DecodeRecord(""));
}

Usage Requests(std::uint64_t n) {
  Usage usage;
  usage.requests = n;
  return usage;
}

std::uint64_t RequestsIn(const std::string& directory, const base::Clock& clock) {
  auto ledger = Ledger::Create({.directory = directory}, clock);
  EXPECT_TRUE(ledger.ok()) << (ledger.ok() ? "" : ledger.message());
  if (!ledger.ok()) return 0;
  const auto rows = (*ledger)->Read({});
  EXPECT_TRUE(rows.ok()) << (rows.ok() ? "" : rows.message());
  std::uint64_t sum = 0;
  if (rows.ok()) {
    for (const auto& row : *rows) sum += row.usage.requests;
  }
  return sum;
}

/// Sizes of the file after each flush.
std::vector<std::size_t> WriteFlushes(const std::string& directory, const base::Clock& clock,
                                      int flushes) {
  auto ledger = Ledger::Create({.directory = directory}, clock);
  std::vector<std::size_t> sizes;
  for (int i = 0; i < flushes; ++i) {
    (*ledger)->Open({"atlas", "u" + std::to_string(i % 3), "digits"})->Add(Requests(1));
    EXPECT_TRUE((*ledger)->Flush().ok());
    sizes.push_back(std::filesystem::file_size(directory + "/" + kToday));
  }
  return sizes;
}

TEST(LedgerJournal, ACrashAtAnyByteLosesNothingBeforeTheLastWholeRecord) {
  const test::Scratch scratch;
  const test::WallClock clock;
  const auto sizes = WriteFlushes(scratch.path(), clock, 6);
  const std::string whole = scratch.Read(kToday);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    scratch.Write(kToday, whole.substr(0, cut));
    const auto kept = static_cast<std::uint64_t>(
        std::ranges::count_if(sizes, [cut](std::size_t size) { return size <= cut; }));
    ASSERT_EQ(RequestsIn(scratch.path(), clock), kept) << cut;
    // What comes after is found as well.
    {
      auto ledger = Ledger::Create({.directory = scratch.path()}, clock);
      (*ledger)->Open({"cms", "", "gan"})->Add(Requests(100));
      ASSERT_TRUE((*ledger)->Flush().ok());
    }
    ASSERT_EQ(RequestsIn(scratch.path(), clock), kept + 100) << cut;
  }
}

TEST(LedgerJournal, AnEndOfZerosOrRubbishIsCutOff) {
  const test::Scratch scratch;
  const test::WallClock clock;
  WriteFlushes(scratch.path(), clock, 3);
  const std::string whole = scratch.Read(kToday);
  for (const std::string& rubbish : {std::string(5000, '\0'), std::string(5000, '\xff')}) {
    scratch.Write(kToday, whole + rubbish);
    EXPECT_EQ(RequestsIn(scratch.path(), clock), 3U);
    EXPECT_EQ(scratch.Read(kToday), whole);
  }
}

TEST(LedgerJournal, TheEndOfYesterdaysFileIsMendedToo) {
  const test::Scratch scratch;
  test::WallClock clock;
  WriteFlushes(scratch.path(), clock, 3);
  const std::string whole = scratch.Read(kToday);
  scratch.Write(kToday, whole.substr(0, whole.size() - 1));
  clock.ms += 86'400'000;
  EXPECT_EQ(RequestsIn(scratch.path(), clock), 2U);
}

TEST(LedgerJournal, DamageInsideIsSaidNotSummedOver) {
  const test::Scratch scratch;
  test::WallClock clock;
  WriteFlushes(scratch.path(), clock, 3);
  std::string damaged = scratch.Read(kToday);
  scratch.Write("2026-11-20.ledger", damaged);
  damaged[damaged.size() / 2] ^= 1;
  scratch.Write("2026-11-19.ledger", damaged);
  auto ledger = Ledger::Create({.directory = scratch.path()}, clock);
  ASSERT_TRUE(ledger.ok());
  const auto rows = (*ledger)->Read({});
  ASSERT_FALSE(rows.ok());
  EXPECT_THAT(rows.message(), HasSubstr("2026-11-19.ledger' is damaged at byte "));
  EXPECT_THAT(rows.message(), HasSubstr("truncate -s "));
  // Days that are whole are told.
  EXPECT_TRUE((*ledger)->Read({.from_ms = clock.ms - 2 * 86'400'000}).ok());
}

TEST(LedgerJournal, AFullDiskLosesNothing) {
  const test::Scratch scratch;
  const test::WallClock clock;
  auto ledger = Ledger::Create({.directory = scratch.path()}, clock);
  const AccountRef account = (*ledger)->Open({"atlas", "", "digits"});
  account->Add(Requests(1));
  ASSERT_TRUE((*ledger)->Flush().ok());
  const std::size_t size = std::filesystem::file_size(scratch.path(kToday));
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  for (const std::size_t room : {std::size_t{0}, std::size_t{10}}) {
    const rlimit tight{size + room, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &tight);
    account->Add(Requests(10));
    const base::Status failed = (*ledger)->Flush();
    setrlimit(RLIMIT_FSIZE, &before);
    ASSERT_FALSE(failed.ok());
    EXPECT_THAT(failed.message(), HasSubstr("writing the journal"));
  }
  EXPECT_EQ((*ledger)->Read({})->at(0).usage.requests, 21U);
  ASSERT_TRUE((*ledger)->Flush().ok());
  ledger->reset();
  EXPECT_EQ(RequestsIn(scratch.path(), clock), 21U);
}

TEST(LedgerJournal, OldFilesAreRemovedAndOnlyThose) {
  const test::Scratch scratch;
  test::WallClock clock;
  WriteFlushes(scratch.path(), clock, 1);
  scratch.Write("2026-11-11.ledger", "");
  scratch.Write("2026-11-12.ledger", "");
  scratch.Write("1999-01-01.ledger.mine", "");
  ASSERT_TRUE(Ledger::Create({.directory = scratch.path(), .keep_days = 10}, clock).ok());
  EXPECT_FALSE(std::filesystem::exists(scratch.path("2026-11-11.ledger")));
  EXPECT_TRUE(std::filesystem::exists(scratch.path("2026-11-12.ledger")));
  EXPECT_TRUE(std::filesystem::exists(scratch.path("1999-01-01.ledger.mine")));
  EXPECT_TRUE(std::filesystem::exists(scratch.path(kToday)));
}

TEST(LedgerJournal, MoreRowsThanARecordHoldsAreWritten) {
  const test::Scratch scratch;
  const test::WallClock clock;
  {
    auto ledger = Ledger::Create({.directory = scratch.path()}, clock);
    for (std::size_t i = 0; i < 2 * kMaxRecordRows + 1; ++i) {
      (*ledger)->Open({"atlas", std::to_string(i), "digits"})->Add(Requests(1));
    }
    ASSERT_TRUE((*ledger)->Flush().ok());
  }
  EXPECT_EQ(RequestsIn(scratch.path(), clock), 2 * kMaxRecordRows + 1);
}

TEST(LedgerJournal, ATornEndOfAnEarlierDayIsMendedAfterAClockWasSetBack) {
  const test::Scratch scratch;
  test::WallClock clock;
  constexpr std::int64_t kDay = 86'400'000;
  for (const std::int64_t step : {kDay, -kDay}) {
    auto ledger = Ledger::Create({.directory = scratch.path()}, clock);
    ASSERT_TRUE(ledger.ok());
    clock.ms += step;
    (*ledger)->Open({"atlas", "", "digits"})->Add({.requests = 1});
    ASSERT_TRUE((*ledger)->Flush().ok());
    (*ledger)->Open({"atlas", "", "digits"})->Add({.requests = 1});
    ASSERT_TRUE((*ledger)->Flush().ok());
  }
  ASSERT_TRUE(std::filesystem::exists(scratch.path("2026-11-23.ledger")));
  // The crash comes while that of the earlier day is written, and then the clock is set right.
  scratch.Write(kToday, scratch.Read(kToday) + std::string(40, 'x'));
  clock.ms += 2 * kDay;
  const auto ledger = Ledger::Create({.directory = scratch.path()}, clock);
  ASSERT_TRUE(ledger.ok());
  const auto rows = (*ledger)->Read({});
  ASSERT_TRUE(rows.ok()) << rows.message();
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->front().usage.requests, 4U);
}

TEST(LedgerJournal, AClockThatIsSetBackCostsNothing) {
  const test::Scratch scratch;
  test::WallClock clock;
  {
    auto ledger = Ledger::Create({.directory = scratch.path()}, clock);
    const AccountRef account = (*ledger)->Open({"atlas", "", "digits"});
    for (const std::int64_t jump : {100'000'000, -200'000'000, 50'000}) {
      account->Add(Requests(1));
      clock.ms += jump;
      ASSERT_TRUE((*ledger)->Flush().ok());
    }
  }
  EXPECT_EQ(RequestsIn(scratch.path(), clock), 3U);
}

}  // namespace
}  // namespace hadron::tenancy
