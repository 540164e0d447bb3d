#include "tenancy/ledger_fold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <thread>

#include "tenancy/ledger.h"
#include "tenancy/ledger_record.h"
#include "unit/tenancy/scratch.h"
#include "unit/tenancy/wall_clock.h"

namespace hadron::tenancy {
namespace {

using testing::HasSubstr;

constexpr const char* kFirstDayFile = "2026-11-22.ledger";
constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kStep = 10 * kMinute;
const std::atomic<bool> kGoOn{false};

/// A ledger that has written a record every ten minutes for 20 hours, from noon of the first day
/// on.
struct LedgerFold : testing::Test {
  LedgerFold() {
    Open();
    for (int step = 0; step < 20 * 6; ++step) {
      Use(step % 3 == 0 ? "atlas" : "cms");
    }
  }

  void Open() {
    ledger.reset();
    auto created = Ledger::Create({.directory = scratch.path()}, clock);
    ASSERT_TRUE(created.ok()) << created.message();
    ledger = std::move(*created);
  }
  void Use(const std::string& tenant) {
    Usage usage;
    usage.requests = 1;
    usage.device_ns = 1001;
    usage.byte_seconds[2] = 0.5;
    ledger->Open({tenant, "", "digits"})->Add(usage);
    clock.ms += kStep;
    ASSERT_TRUE(ledger->Flush().ok());
  }
  std::vector<Ledger::Row> Read(const Ledger::Query& query = {}) const {
    auto rows = ledger->Read(query);
    EXPECT_TRUE(rows.ok()) << (rows.ok() ? "" : rows.message());
    return rows.ok() ? *std::move(rows) : std::vector<Ledger::Row>();
  }
  static std::uint64_t Requests(const std::vector<Ledger::Row>& rows) {
    std::uint64_t sum = 0;
    for (const auto& row : rows) sum += row.usage.requests;
    return sum;
  }
  std::uint64_t SizeOfFirst() const {
    return std::filesystem::file_size(scratch.path(kFirstDayFile));
  }

  const test::Scratch scratch;
  test::WallClock clock;
  const std::int64_t noon = clock.ms;
  std::unique_ptr<Ledger> ledger;
};

TEST_F(LedgerFold, KeepsTheSumsOfEveryHour) {
  std::vector<std::vector<Ledger::Row>> before;
  for (int hour = 0; hour < 20; ++hour) {
    before.push_back(Read({.from_ms = noon + hour * kHour, .to_ms = noon + (hour + 1) * kHour}));
  }
  const auto size = SizeOfFirst();
  const std::string today = scratch.Read("2026-11-23.ledger");
  ASSERT_TRUE(ledger->Fold(kGoOn).ok());
  EXPECT_LT(SizeOfFirst(), size / 3);
  EXPECT_EQ(scratch.Read("2026-11-23.ledger"), today);
  for (int hour = 0; hour < 20; ++hour) {
    const auto rows = Read({.from_ms = noon + hour * kHour, .to_ms = noon + (hour + 1) * kHour});
    const auto& wanted = before[static_cast<std::size_t>(hour)];
    ASSERT_EQ(rows.size(), wanted.size()) << hour;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i].key, wanted[i].key);
      EXPECT_EQ(rows[i].usage, wanted[i].usage);
    }
  }
}

TEST_F(LedgerFold, FoldingTwiceChangesNothing) {
  ASSERT_TRUE(ledger->Fold(kGoOn).ok());
  const std::string folded = scratch.Read(kFirstDayFile);
  ASSERT_FALSE(IsUnfolded(scratch.path(kFirstDayFile)));
  ASSERT_TRUE(FoldJournal(scratch.path(kFirstDayFile), kGoOn).ok());
  EXPECT_EQ(scratch.Read(std::string(kFirstDayFile) + ".folded"), folded);
  ASSERT_TRUE(ledger->Fold(kGoOn).ok());
  EXPECT_EQ(scratch.Read(kFirstDayFile), folded);
}

TEST_F(LedgerFold, WhatACrashLeftHalfWrittenGoes) {
  scratch.Write(std::string(kFirstDayFile) + ".folded", "HADRON-LEDGER-H\nhalf");
  Open();
  EXPECT_FALSE(std::filesystem::exists(scratch.path(std::string(kFirstDayFile) + ".folded")));
  EXPECT_EQ(Requests(Read()), 120U);
  ASSERT_TRUE(ledger->Fold(kGoOn).ok());
  Open();
  EXPECT_EQ(Requests(Read()), 120U);
}

TEST_F(LedgerFold, AClockThatIsSetBackWritesToAFoldedFile) {
  ASSERT_TRUE(ledger->Fold(kGoOn).ok());
  clock.ms = noon + kHour;
  Use("lhcb");
  Use("lhcb");
  EXPECT_TRUE(IsUnfolded(scratch.path(kFirstDayFile)));
  ASSERT_TRUE(ledger->Fold(kGoOn).ok());  // it is written just now
  EXPECT_TRUE(IsUnfolded(scratch.path(kFirstDayFile)));
  clock.ms = noon + 24 * kHour;
  Use("lhcb");
  Use("lhcb");
  ASSERT_TRUE(ledger->Fold(kGoOn).ok());
  EXPECT_FALSE(IsUnfolded(scratch.path(kFirstDayFile)));
  EXPECT_EQ(Requests(Read()), 124U);
  Open();
  EXPECT_EQ(Requests(Read()), 124U);
}

TEST_F(LedgerFold, DamageIsSaidAndNothingIsTouched) {
  std::string text = scratch.Read(kFirstDayFile);
  text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
  scratch.Write(kFirstDayFile, text);
  const base::Status status = ledger->Fold(kGoOn);
  EXPECT_EQ(status.code(), base::StatusCode::kInternal);
  EXPECT_THAT(status.message(), HasSubstr(kFirstDayFile));
  EXPECT_EQ(scratch.Read(kFirstDayFile), text);
  EXPECT_FALSE(std::filesystem::exists(scratch.path(std::string(kFirstDayFile) + ".folded")));
}

TEST_F(LedgerFold, EndsWhenTheServerDoes) {
  const std::atomic<bool> stop{true};
  EXPECT_EQ(ledger->Fold(stop).code(), base::StatusCode::kCancelled);
  EXPECT_TRUE(IsUnfolded(scratch.path(kFirstDayFile)));
  EXPECT_FALSE(std::filesystem::exists(scratch.path(std::string(kFirstDayFile) + ".folded")));
}

TEST_F(LedgerFold, ReadersSeeEveryRequestOnceMeanwhile) {
  std::atomic<bool> done{false};
  auto reader = std::async(std::launch::async, [&] {
    std::size_t rounds = 0;
    for (; !done.load() || rounds < 3; ++rounds) {
      const std::uint64_t seen = Requests(Read({.to_ms = noon + 12 * kHour}));
      if (seen != 72) return seen;
    }
    return std::uint64_t{72};
  });
  EXPECT_TRUE(ledger->Fold(kGoOn).ok());
  done = true;
  EXPECT_EQ(reader.get(), 72U);
}

}  // namespace
}  // namespace hadron::tenancy
