#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "support/still_clock.h"
#include "tenancy/tenants.h"

namespace hadron::tenancy {
namespace {

using base::Duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kNotKnown{0};

TenantSettings Limits(void (*set)(TenantSettings& settings)) {
  TenantSettings settings;
  set(settings);
  return settings;
}

TEST(TenantLimits, LetsEverythingInWithoutLimits) {
  const test::StillClock clock;
  Tenant tenant("atlas", {});
  std::vector<Tenant::Hold> held;
  for (int i = 0; i < 1000; ++i) {
    auto hold = tenant.Admit(10, seconds(1), clock.Now());
    ASSERT_TRUE(hold.ok());
    held.push_back(*std::move(hold));
  }
  EXPECT_EQ(tenant.outstanding(), 1000U);
  EXPECT_EQ(tenant.queued_bytes(), 10000U);
  held.clear();
  EXPECT_EQ(tenant.outstanding(), 0U);
  EXPECT_EQ(tenant.queued_bytes(), 0U);
  EXPECT_EQ(tenant.refused(), 0U);
}

TEST(TenantLimits, CountsRequestsOutstanding) {
  const test::StillClock clock;
  Tenant tenant("atlas", Limits([](TenantSettings& s) { s.max_outstanding = 2; }));
  auto first = tenant.Admit(1, kNotKnown, clock.Now());
  auto second = tenant.Admit(1, kNotKnown, clock.Now());
  ASSERT_TRUE(first.ok() && second.ok());
  auto refused = tenant.Admit(1, kNotKnown, clock.Now());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.code(), base::StatusCode::kResourceExhausted);
  const base::Status status = refused.CloneStatus();
  EXPECT_EQ(status.cause(), base::RefusalCause::kQuota);
  EXPECT_EQ(status.message(),
            "tenant 'atlas' has 2 requests outstanding of 2; its limit is 'max_outstanding' of "
            "--tenant-config");
  EXPECT_TRUE(status.retry_after().has_value());
  *second = Tenant::Hold();
  EXPECT_TRUE(tenant.Admit(1, kNotKnown, clock.Now()).ok());
  EXPECT_EQ(tenant.refused(), 1U);
}

TEST(TenantLimits, CountsBytesOfInputs) {
  const test::StillClock clock;
  Tenant tenant("atlas", Limits([](TenantSettings& s) { s.max_queued_bytes = 100; }));
  auto first = tenant.Admit(60, kNotKnown, clock.Now());
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(tenant.Admit(41, kNotKnown, clock.Now()).ok());
  EXPECT_TRUE(tenant.Admit(40, kNotKnown, clock.Now()).ok());
  // Waiting helps nobody whose request alone is too large.
  const base::Status never = tenant.Admit(101, kNotKnown, clock.Now()).status();
  EXPECT_NE(never.message().find("make it smaller"), std::string::npos);
  EXPECT_FALSE(never.retry_after().has_value());
  EXPECT_FALSE(tenant.Admit(UINT64_MAX, kNotKnown, clock.Now()).ok());
}

TEST(TenantLimits, SaysWhyAModelHasNoPlaceOnTheDevice) {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
  Tenant tenant("atlas", Limits([](TenantSettings& s) { s.max_resident_bytes = 3 * kMiB; }));
  EXPECT_EQ(tenant.max_resident_bytes(), 3 * kMiB);
  const base::Status never = tenant.RefuseResident("m\n", 4 * kMiB);
  EXPECT_EQ(
      never.message(),
      "tenant 'atlas' may have 3.0 MiB of the device's memory, and model 'm\\x0a' alone takes "
      "4.0 MiB: ask for a smaller one; its limit is 'max_resident_bytes' of --tenant-config");
  EXPECT_EQ(never.cause(), base::RefusalCause::kQuota);
  EXPECT_FALSE(never.retry_after().has_value());
  const base::Status later = tenant.RefuseResident("m", 0);
  EXPECT_EQ(later.message(),
            "tenant 'atlas' has its 3.0 MiB of the device's memory in use, and model 'm' found no "
            "place among them within --model-restore-timeout-ms; its limit is "
            "'max_resident_bytes' of --tenant-config");
  EXPECT_EQ(later.code(), base::StatusCode::kResourceExhausted);
  EXPECT_TRUE(later.retry_after().has_value());
  EXPECT_EQ(tenant.refused(), 2U);
}

/// Requests that are let in when they come ten times as often as they may.
int AdmittedAtTenfoldDemand(double rate, seconds length) {
  test::StillClock clock;
  TenantSettings settings;
  settings.max_requests_per_second = rate;
  Tenant tenant("atlas", settings);
  const Duration between(static_cast<std::int64_t>(1e8 / rate));
  int admitted = 0;
  for (Duration at{0}; at < length; at += between) {
    admitted += tenant.Admit(0, kNotKnown, clock.Now()).ok() ? 1 : 0;
    clock.Advance(between);
  }
  return admitted;
}

TEST(TenantLimits, AdmitsItsRateWithinOnePercent) {
  // A burst of one second comes on top, once.
  for (const double rate : {0.5, 1.0, 7.3, 100.0, 1000.0}) {
    const double allowed = rate * 400 + std::max(1.0, rate);
    EXPECT_NEAR(AdmittedAtTenfoldDemand(rate, seconds(400)), allowed, allowed * 0.01 + 1) << rate;
  }
}

TEST(TenantLimits, SaysWhenTheRateLetsSomebodyInAgain) {
  test::StillClock clock;
  Tenant tenant("atlas", Limits([](TenantSettings& s) { s.max_requests_per_second = 4; }));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(tenant.Admit(0, kNotKnown, clock.Now()).ok());
  const base::Status refused = tenant.Admit(0, kNotKnown, clock.Now()).status();
  ASSERT_TRUE(refused.retry_after().has_value());
  EXPECT_EQ(*refused.retry_after(), milliseconds(250));
  clock.Advance(*refused.retry_after() - Duration(1000));
  EXPECT_FALSE(tenant.Admit(0, kNotKnown, clock.Now()).ok());
  clock.Advance(Duration(1000));
  EXPECT_TRUE(tenant.Admit(0, kNotKnown, clock.Now()).ok());
}

TEST(TenantLimits, TimeThatGoesBackGivesNothing) {
  test::StillClock clock;
  Tenant tenant("atlas", Limits([](TenantSettings& s) { s.max_requests_per_second = 1; }));
  ASSERT_TRUE(tenant.Admit(0, kNotKnown, clock.Now()).ok());
  EXPECT_FALSE(tenant.Admit(0, kNotKnown, clock.Now() - seconds(10)).ok());
  EXPECT_FALSE(tenant.Admit(0, kNotKnown, clock.Now()).ok());
}

TenantSettings TenSecondsAMinute() {
  TenantSettings settings;
  settings.max_device_seconds = 10;
  settings.window = seconds(60);
  return settings;
}

TEST(TenantLimits, AdmitsItsDeviceSecondsWithinOnePercent) {
  for (const bool known : {true, false}) {
    test::StillClock clock;
    Tenant tenant("atlas", TenSecondsAMinute());
    const Duration each = milliseconds(33);
    Duration used{0};
    // Three at a time, ten times as much as is allowed.
    for (int step = 0; step < 60'000; ++step) {
      std::vector<Tenant::Hold> running;
      for (int i = 0; i < 3; ++i) {
        auto hold = tenant.Admit(0, known ? each : kNotKnown, clock.Now());
        if (hold.ok()) running.push_back(*std::move(hold));
      }
      clock.Advance(milliseconds(60));
      for (std::size_t i = 0; i < running.size(); ++i) {
        tenant.Charge(each, clock.Now());
        used += each;
      }
    }
    const double allowed = 60.0 * 10;
    EXPECT_NEAR(std::chrono::duration<double>(used).count(), allowed, allowed * 0.01) << known;
  }
}

TEST(TenantLimits, ExpectationsOfOutstandingRequestsCount) {
  test::StillClock clock;
  Tenant tenant("atlas", TenSecondsAMinute());
  auto first = tenant.Admit(0, seconds(6), clock.Now());
  auto second = tenant.Admit(0, seconds(6), clock.Now());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_FALSE(tenant.Admit(0, seconds(1), clock.Now()).ok());
  *second = Tenant::Hold();  // it was cancelled: nothing was used
  EXPECT_TRUE(tenant.Admit(0, seconds(1), clock.Now()).ok());
}

TEST(TenantLimits, CarriesWhatWasTooMuchIntoLaterWindows) {
  test::StillClock clock;
  Tenant tenant("atlas", TenSecondsAMinute());
  ASSERT_TRUE(tenant.Admit(0, kNotKnown, clock.Now()).ok());
  tenant.Charge(seconds(35), clock.Now());
  clock.Advance(seconds(5));
  const base::Status refused = tenant.Admit(0, kNotKnown, clock.Now()).status();
  ASSERT_TRUE(refused.retry_after().has_value());
  // 35 of 10: after one window 25 are left, after two 15, after three 5.
  EXPECT_EQ(*refused.retry_after(), seconds(3 * 60 - 5));
  EXPECT_NE(refused.message().find("'max_device_seconds'"), std::string::npos);
  clock.Advance(*refused.retry_after() - Duration(1));
  EXPECT_FALSE(tenant.Admit(0, kNotKnown, clock.Now()).ok());
  clock.Advance(Duration(1));
  EXPECT_TRUE(tenant.Admit(0, kNotKnown, clock.Now()).ok());
}

TEST(TenantLimits, AWindowBeginsWithItsFirstUse) {
  test::StillClock clock;
  Tenant tenant("atlas", TenSecondsAMinute());
  clock.Advance(seconds(59));
  tenant.Charge(seconds(10), clock.Now());
  clock.Advance(seconds(30));  // a window that had begun at the start would be over
  EXPECT_FALSE(tenant.Admit(0, kNotKnown, clock.Now()).ok());
  clock.Advance(seconds(30));
  EXPECT_TRUE(tenant.Admit(0, kNotKnown, clock.Now()).ok());
}

TEST(TenantLimits, ARequestLargerThanTheLimitGetsInOnceNothingIsUsed) {
  test::StillClock clock;
  Tenant tenant("atlas", TenSecondsAMinute());
  EXPECT_TRUE(tenant.Admit(0, seconds(1000), clock.Now()).ok());
}

TEST(TenantLimits, NumbersWithoutMeaningDoNoHarm) {
  test::StillClock clock;
  Tenant tenant("atlas", TenSecondsAMinute());
  {
    auto hold = tenant.Admit(0, Duration::max(), clock.Now());
    ASSERT_TRUE(hold.ok());
    EXPECT_FALSE(tenant.Admit(0, Duration::max(), clock.Now()).ok());
  }
  tenant.Charge(Duration::max(), clock.Now());
  tenant.Charge(Duration::max(), clock.Now());
  tenant.Charge(Duration::min(), clock.Now());
  const base::Status refused = tenant.Admit(0, kNotKnown, clock.Now()).status();
  EXPECT_GT(*refused.retry_after(), seconds(0));
}

TEST(TenantLimits, AppliesWhatIsConfiguredLater) {
  test::StillClock clock;
  Tenant tenant("atlas", {});
  auto hold = tenant.Admit(5, seconds(20), clock.Now());
  tenant.Configure(Limits([](TenantSettings& s) {
    s.max_outstanding = 1;
    s.max_device_seconds = 1;
    s.window = seconds(1);
    s.weight = 3;
  }));
  EXPECT_EQ(tenant.weight(), 3);
  EXPECT_FALSE(tenant.Admit(0, kNotKnown, clock.Now()).ok());
  *hold = Tenant::Hold();
  EXPECT_EQ(tenant.outstanding(), 0U);
  EXPECT_TRUE(tenant.Admit(0, kNotKnown, clock.Now()).ok());
}

}  // namespace
}  // namespace hadron::tenancy
