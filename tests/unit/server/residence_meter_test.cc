#include "server/residence_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "unit/tenancy/wall_clock.h"

namespace hadron::server {
namespace {

using std::chrono::seconds;
using tenancy::AccountKey;
using tenancy::UsageRow;
using testing::DoubleEq;

constexpr base::TimePoint kStart{std::chrono::hours(1)};

UsageRow Used(std::string tenant, std::string model, std::uint64_t device_ns) {
  UsageRow row{{std::move(tenant), "ana", std::move(model)}, {}};
  row.usage.device_ns = device_ns;
  return row;
}

struct ResidenceMeterTest : testing::Test {
  ResidenceMeterTest() {
    auto created = tenancy::Ledger::Create({}, clock);
    EXPECT_TRUE(created.ok());
    ledger = std::move(*created);
  }

  ResidenceMeter::Rungs Of(const AccountKey& key) const {
    return ledger->Open(key)->Read().byte_seconds;
  }
  /// `model` holds so many bytes on the device for so long.
  void Hold(const std::string& model, double bytes, seconds time) {
    const ResidenceMeter::Held held{model, {0, 10, bytes}};
    meter.Sample({&held, 1}, {}, now);
    now += time;
    meter.Sample({&held, 1}, {}, now);
  }

  const test::WallClock clock;
  std::unique_ptr<tenancy::Ledger> ledger;
  ResidenceMeter meter;
  base::TimePoint now = kStart;
};

TEST_F(ResidenceMeterTest, DividesByTimeOfTheDevice) {
  Hold("digits", 100, seconds(3));
  const UsageRow rows[] = {Used("atlas", "digits", 1000), Used("cms", "digits", 2000),
                           Used("cms", "other", 5000)};
  meter.Note(rows);
  meter.Divide(*ledger);
  EXPECT_THAT(Of({"atlas", "ana", "digits"})[2], DoubleEq(100));
  EXPECT_THAT(Of({"cms", "ana", "digits"})[2], DoubleEq(200));
  EXPECT_THAT(Of({"cms", "ana", "digits"})[1], DoubleEq(20));
  EXPECT_EQ(Of({"cms", "ana", "other"})[2], 0);
  EXPECT_EQ(Of({"_idle", "", ""})[2], 0);
}

TEST_F(ResidenceMeterTest, ThePartsAddUp) {
  Hold("digits", 1e15, seconds(7));
  std::vector<UsageRow> rows;
  for (int i = 1; i <= 97; ++i) {
    rows.push_back(Used("t" + std::to_string(i), "digits", static_cast<std::uint64_t>(i * i)));
  }
  meter.Note(rows);
  meter.Divide(*ledger);
  double sum = 0;
  for (const auto& row : ledger->Totals()) sum += row.usage.byte_seconds[2];
  EXPECT_NEAR(sum / 7e15, 1, 1e-12);
}

TEST_F(ResidenceMeterTest, WhatNobodyUsesIsIdle) {
  Hold("digits", 100, seconds(2));
  meter.Divide(*ledger);
  EXPECT_THAT(Of({"_idle", "", ""})[2], DoubleEq(200));
  // Who used it before has nothing of what comes now.
  const UsageRow row = Used("atlas", "digits", 1000);
  meter.Note({&row, 1});
  meter.Divide(*ledger);
  Hold("digits", 100, seconds(2));
  meter.Divide(*ledger);
  EXPECT_THAT(Of({"_idle", "", ""})[2], DoubleEq(400));
  EXPECT_EQ(Of({"atlas", "ana", "digits"})[2], 0);
}

TEST_F(ResidenceMeterTest, WaitsUntilItIsKnownWhoUsedIt) {
  Hold("digits", 100, seconds(2));
  Hold("digits", 100, seconds(3));  // the ledger could not write in between
  const UsageRow row = Used("atlas", "digits", 1);
  meter.Note({&row, 1});
  meter.Divide(*ledger);
  EXPECT_THAT(Of({"atlas", "ana", "digits"})[2], DoubleEq(500));
}

TEST_F(ResidenceMeterTest, ComesAndGoesWithHalfAnInterval) {
  meter.Sample({}, {}, now);
  const ResidenceMeter::Held versions[] = {{"digits", {0, 0, 60}}, {"digits", {0, 0, 40}}};
  meter.Sample(versions, {}, now += seconds(2));
  meter.Sample({}, {}, now += seconds(2));
  meter.Sample({}, {}, now += seconds(2));
  meter.Divide(*ledger);
  EXPECT_THAT(Of({"_idle", "", ""})[2], DoubleEq(200));
}

TEST_F(ResidenceMeterTest, PutsStatesOfSequencesOnTheAccountsThatKeepThem) {
  const AccountKey talk{"atlas", "ana", "talk"};
  const tenancy::AccountRef account = ledger->Open(talk);
  meter.Sample({}, {{account, 1000}}, now);
  meter.Sample({}, {{account, 1000}, {account, 500}}, now += seconds(2));  // another one begins
  meter.Sample({}, {}, now += seconds(2));
  meter.Sample({}, {}, now += seconds(2));
  EXPECT_THAT(Of(talk)[1], DoubleEq(2 * 1250 + 2 * 750));
  EXPECT_EQ(Of(talk)[2], 0);
  meter.Divide(*ledger);
  EXPECT_EQ(Of({"_idle", "", ""})[1], 0);
}

}  // namespace
}  // namespace hadron::server
