#include "protocol/activity.h"

#include <gtest/gtest.h>

#include <array>

#include "unit/protocol/fake_models.h"

namespace hadron::protocol {
namespace {

constexpr std::array kBounds = {1.0, 2.0, 4.0};

std::optional<double> Of(std::array<std::uint64_t, 4> buckets, double share) {
  return Percentile(kBounds, buckets, share);
}

TEST(Percentile, IsSpreadEvenlyInsideABucket) {
  EXPECT_EQ(Of({0, 0, 0, 0}, 0.5), std::nullopt);
  EXPECT_DOUBLE_EQ(*Of({4, 0, 0, 0}, 0.5), 0.5);
  EXPECT_DOUBLE_EQ(*Of({0, 0, 4, 0}, 0.5), 3.0);
  EXPECT_DOUBLE_EQ(*Of({1, 1, 2, 0}, 0.5), 2.0);
  EXPECT_DOUBLE_EQ(*Of({1, 1, 2, 0}, 1.0), 4.0);
}

TEST(Percentile, WhatLiesAboveAllBoundsCountsAsTheLast) {
  EXPECT_DOUBLE_EQ(*Of({0, 0, 0, 9}, 0.5), 4.0);
  EXPECT_EQ(Percentile({}, {}, 0.5), std::nullopt);
}

class ActivityTest : public ::testing::Test {
 protected:
  static model::Catalogue With(const model::ModelHandle& handle) {
    model::Catalogue catalogue;
    model::ModelEntry& entry = catalogue.models["simple"];
    entry.name = "simple";
    entry.versions[1] = {model::VersionState::kReady, "", handle};
    entry.versions[2] = {model::VersionState::kReady, "", nullptr};
    return catalogue;
  }
  static void Serve(const model::ModelHandle& model, int requests, double seconds) {
    model::BatchTimes batch;
    batch.rows = 1;
    batch.infer_ns = 50'000'000;
    for (int i = 0; i < requests; ++i) {
      model->statistics().RecordBatch(batch);
      model->statistics().RecordSuccess(1, 1000, 10, batch, 1);
      model->metrics().ObserveRequest(telemetry::Protocol::kRest, base::StatusCode::kOk, seconds);
    }
  }
  VersionActivity Now() const { return meter_.Read()->at({"simple", 1}); }

  ActivityMeter meter_;
  base::TimePoint time_{std::chrono::seconds(100)};
};

TEST_F(ActivityTest, RatesAreDifferencesOverTime) {
  const auto model = SimpleModel();
  const model::Catalogue catalogue = With(model);
  Serve(model, 7, 0.5);
  meter_.Sample(catalogue, time_);
  EXPECT_EQ(Now().requests_per_s, 0);  // from when they are is not known
  EXPECT_EQ(Now().p50_seconds, std::nullopt);
  Serve(model, 10, 0.010);
  meter_.Sample(catalogue, time_ += std::chrono::seconds(2));
  EXPECT_DOUBLE_EQ(Now().requests_per_s, 5);
  EXPECT_DOUBLE_EQ(Now().device_share, 0.25);
  ASSERT_TRUE(Now().p50_seconds.has_value());
  EXPECT_LT(*Now().p50_seconds, 0.1);
  EXPECT_GE(*Now().p99_seconds, *Now().p50_seconds);
  EXPECT_EQ(meter_.Read()->size(), 1U);  // what is not loaded does nothing
}

TEST_F(ActivityTest, LatenciesStayWhileNobodyAsks) {
  const auto model = SimpleModel();
  meter_.Sample(With(model), time_);
  Serve(model, 1, 0.010);
  meter_.Sample(With(model), time_ += std::chrono::seconds(1));
  const auto before = Now();
  meter_.Sample(With(model), time_ += std::chrono::seconds(1));
  EXPECT_EQ(Now().requests_per_s, 0);
  EXPECT_EQ(Now().p50_seconds, before.p50_seconds);
}

TEST_F(ActivityTest, AReloadedVersionBeginsAtZero) {
  const auto first = SimpleModel();
  Serve(first, 10, 0.010);
  meter_.Sample(With(first), time_);
  const auto second = SimpleModel();
  Serve(second, 3, 0.010);
  meter_.Sample(With(second), time_ += std::chrono::seconds(1));
  EXPECT_EQ(Now().requests_per_s, 0);
  meter_.Sample({}, time_ += std::chrono::seconds(1));
  EXPECT_TRUE(meter_.Read()->empty());
}

}  // namespace
}  // namespace hadron::protocol
