// Shares of a device: who goes next, and how far apart tenants may come.
#include "serving/fair_share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

namespace hadron::serving {
namespace {

using tenancy::Tenant;
using tenancy::WorkClass;
using testing::ElementsAre;

tenancy::TenantSettings Weight(double weight) {
  tenancy::TenantSettings settings;
  settings.weight = weight;
  return settings;
}

TEST(FairShare, ServesWhoIsFurthestBehind) {
  Tenant a("a", Weight(1));
  Tenant b("b", Weight(1));
  FairShare shares;
  shares.Enter(&a);
  shares.Enter(&b);
  shares.Begin(&a, 1.0);
  const Flow of_a{&a};
  const Flow of_b{&b};
  EXPECT_THAT(shares.Order({of_a, of_b}), ElementsAre(of_b, of_a));
  shares.Settle(&a, 1.0, 1.0);
  shares.Begin(&b, 3.0);
  shares.Settle(&b, 3.0, 3.0);
  EXPECT_DOUBLE_EQ(shares.tag(&a), 1.0);
  EXPECT_DOUBLE_EQ(shares.tag(&b), 3.0);
}

TEST(FairShare, ChargesByWeightAndByWhatWasMeasured) {
  Tenant heavy("heavy", Weight(4));
  FairShare shares;
  shares.Enter(&heavy);
  shares.Begin(&heavy, 2.0);
  EXPECT_DOUBLE_EQ(shares.tag(&heavy), 0.5);
  shares.Settle(&heavy, 2.0, 8.0);
  EXPECT_DOUBLE_EQ(shares.tag(&heavy), 2.0);
}

TEST(FairShare, LetsNobodySaveUp) {
  Tenant a("a", Weight(1));
  Tenant idle("idle", Weight(1));
  FairShare shares;
  shares.Enter(&a);
  for (int i = 0; i < 10; ++i) {
    shares.Begin(&a, 1.0);
    shares.Settle(&a, 1.0, 1.0);
  }
  shares.Enter(&idle);
  EXPECT_DOUBLE_EQ(shares.tag(&idle), shares.virtual_time());
  EXPECT_DOUBLE_EQ(shares.virtual_time(), 9.0);
}

TEST(FairShare, ForgetsDebtsWhenNobodyHasWork) {
  Tenant a("a", Weight(1));
  Tenant b("b", Weight(1));
  FairShare shares;
  shares.Enter(&a);
  shares.Begin(&a, 5.0);
  shares.Leave(&a);
  shares.Settle(&a, 5.0, 5.0);
  shares.Rest();
  shares.Enter(&b);
  shares.Enter(&a);
  EXPECT_DOUBLE_EQ(shares.tag(&a), shares.tag(&b));
}

TEST(FairShare, PutsInteractiveWorkFirstWhileItsTenantIsInsideItsShare) {
  Tenant a("a", Weight(1));
  Tenant b("b", Weight(1));
  FairShare shares;
  shares.Enter(&a);
  shares.Enter(&b);
  // The longest job so far takes a second; both are at their start.
  shares.Begin(&b, 1.0);
  shares.Settle(&b, 1.0, 1.0);
  shares.Begin(&a, 1.0);
  shares.Settle(&a, 1.0, 1.0);
  const Flow farm{&a, WorkClass::kBatch};
  const Flow person{&b, WorkClass::kInteractive};
  shares.Begin(&b, 0.5);
  shares.Settle(&b, 0.5, 0.5);
  // b is ahead of a, and less than a longest job ahead of the virtual time.
  ASSERT_GT(shares.tag(&b), shares.tag(&a));
  ASSERT_TRUE(shares.InsideShare(&b));
  EXPECT_THAT(shares.Order({farm, person}), ElementsAre(person, farm));
}

TEST(FairShare, GivesNothingForCallingAllWorkInteractive) {
  Tenant a("a", Weight(1));
  Tenant greedy("greedy", Weight(1));
  FairShare shares;
  shares.Enter(&a);
  shares.Enter(&greedy);
  for (int i = 0; i < 3; ++i) {  // three longest jobs ahead of the other one
    shares.Begin(&greedy, 1.0, true);
    shares.Settle(&greedy, 1.0, 1.0);
  }
  ASSERT_FALSE(shares.InsideShare(&greedy));
  const Flow farm{&a, WorkClass::kBatch};
  const Flow all{&greedy, WorkClass::kInteractive};
  EXPECT_THAT(shares.Order({all, farm}), ElementsAre(farm, all));
}

/// Two tenants with work all the time never differ by more than their longest jobs over their
/// weights (Goyal, Vin, Cheng, theorem 1), however long their jobs are and however wrong the
/// guesses.
TEST(FairShare, KeepsTwoBackloggedTenantsWithinTheBound) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    std::uniform_real_distribution<double> weight(0.5, 8.0);
    std::array<Tenant, 2> tenants{Tenant("a", Weight(weight(random))),
                                  Tenant("b", Weight(weight(random)))};
    const std::array<double, 2> longest = {0.01, 0.2};
    FairShare shares;
    for (Tenant& tenant : tenants) shares.Enter(&tenant);
    std::array<double, 2> served{};
    double lag = 0;
    for (int job = 0; job < 2000; ++job) {
      const Flow next = shares.Order({Flow{&tenants[0]}, Flow{&tenants[1]}}).front();
      const std::size_t who = next.tenant == &tenants[0] ? 0 : 1;
      std::uniform_real_distribution<double> seconds(longest[who] / 10, longest[who]);
      const double expected = seconds(random);
      const double measured = seconds(random);
      shares.Begin(next.tenant, expected);
      shares.Settle(next.tenant, expected, measured);
      served[who] += measured;
      lag = std::max(lag,
                     std::abs(served[0] / tenants[0].weight() - served[1] / tenants[1].weight()));
    }
    const double bound = longest[0] / tenants[0].weight() + longest[1] / tenants[1].weight();
    // Interactive work inside its share may be a longest job of anybody ahead.
    EXPECT_LE(lag, bound + longest[1] / std::min(tenants[0].weight(), tenants[1].weight()));
  }
}

TEST(FairShare, CountsWhatElseWasDoneForATenant) {
  FairShare shares;
  tenancy::Tenant a("a", {});
  tenancy::Tenant b("b", {});
  shares.Enter(&a);
  shares.Enter(&b);
  shares.Charge(&a, 1.0);
  const std::vector<Flow> flows = {{&a}, {&b}};
  EXPECT_EQ(shares.Order(flows).front().tenant, &b);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(shares.Order(flows).front().tenant, &b) << i;
    shares.Begin(&b, 0.3);
    shares.Settle(&b, 0.3, 0.3);
  }
  EXPECT_EQ(shares.Order(flows).front().tenant, &a) << "b has had its 1.2 seconds";
}

TEST(FairShare, ChargesByWeight) {
  FairShare shares;
  tenancy::TenantSettings heavy;
  heavy.weight = 4;
  tenancy::Tenant a("a", heavy);
  shares.Enter(&a);
  shares.Charge(&a, 1.0);
  EXPECT_DOUBLE_EQ(shares.tag(&a), 0.25);
}

TEST(FairShare, TakesNothingFromATenantAloneForWhatWasDoneForIt) {
  FairShare shares;
  tenancy::Tenant a("a", {});
  tenancy::Tenant late("late", {});
  shares.Enter(&a);
  for (int i = 0; i < 10; ++i) {
    shares.Charge(&a, 5.0);
    EXPECT_TRUE(shares.InsideShare(&a));
    shares.Begin(&a, 0.1);
    shares.Settle(&a, 0.1, 0.1);
  }
  shares.Enter(&late);  // and who comes then has saved nothing
  EXPECT_NEAR(shares.tag(&late), shares.tag(&a), 0.1 + 1e-9);
}

}  // namespace
}  // namespace hadron::serving
