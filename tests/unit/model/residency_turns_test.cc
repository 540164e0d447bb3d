// Whose model is brought next, and within whose limit.
#include "model/residency_manager.h"
#include "unit/model/residency_rig.h"

namespace hadron::model {
namespace {

constexpr char kNames[2] = {'a', 'b'};
constexpr Payer kA = &kNames[0];
constexpr Payer kB = &kNames[1];

using std::chrono::seconds;
using testing::ElementsAre;

class Turns : public Residency {
 protected:
  /// Somebody asks for a model, and it computes for him if it comes.
  bool Use(const ModelHandle& version, Payer payer, std::uint64_t most_bytes = 0,
           double compute = 0.01) {
    clock_.Advance(std::chrono::milliseconds(1));
    claims_.emplace();
    if (!Resident(version)) ClaimFor(version, payer, most_bytes);
    RunAll();
    claims_.emplace();
    {
      const auto pin = manager_->TryPin(*version);
      if (!pin) return false;
      manager_->CountUse(*version, 1);
      manager_->NoteUse(*version, payer, most_bytes, compute);
    }
    RunAll();
    return true;
  }
  double OnAccount(Payer payer) { return manager_->OnAccounts()[payer]; }
};

TEST_F(Turns, BringsTheModelOfWhoseTurnItIs) {
  Open(8 * kMiB);
  const ModelHandle first = Admit("first", {1, 2});
  const ModelHandle second = Admit("second", {3, 4});
  ClaimFor(first, kA, 0, 1);
  clock_.Advance(seconds(100));  // older by far
  ClaimFor(second, kB, 0, 0);
  RunAll();
  EXPECT_THAT(restored_, ElementsAre(kB, kA));
}

TEST_F(Turns, GoesByAgeOverCostInsideATurn) {
  Open(8 * kMiB);
  const ModelHandle large = Admit("large", {1, 2, 3});
  const ModelHandle small = Admit("small", {4});
  ClaimFor(large, kA);
  ClaimFor(small, kB);
  clock_.Advance(seconds(1));
  RunAll();
  EXPECT_THAT(restored_, ElementsAre(kB, kA));
}

TEST_F(Turns, BringsAModelThatTwoWaitForWhenTheFirstOfThemIsNext) {
  Open(8 * kMiB);
  const ModelHandle shared = Admit("shared", {1, 2});
  const ModelHandle other = Admit("other", {3});
  ClaimFor(shared, kA, 0, 2);
  ClaimFor(other, kA, 0, 1);
  ClaimFor(shared, kB, 0, 0);
  RunAll();
  EXPECT_THAT(restored_, ElementsAre(kB, kA));
}

TEST_F(Turns, BringsNothingThatNobodyWaitsForAnyMore) {
  Open(8 * kMiB);
  const ModelHandle model = Admit("model", {1});
  ClaimFor(model, kA);
  claims_->clear();  // it has gone meanwhile
  RunAll();
  EXPECT_FALSE(Resident(model));
}

TEST_F(Turns, LetsATenantAtItsLimitDisplaceItsOwnModelsAlone) {
  Open(8 * kMiB);
  const ModelHandle others = Admit("others", {1, 2});
  const ModelHandle one = Admit("one", {3, 4});
  const ModelHandle two = Admit("two", {5, 6});
  const ModelHandle three = Admit("three", {7});
  ASSERT_TRUE(Use(others, kB));
  ASSERT_TRUE(Use(one, kA, 3 * kMiB));
  EXPECT_EQ(OnAccount(kA), 2 * kMiB);
  ASSERT_TRUE(Use(two, kA, 3 * kMiB));
  EXPECT_FALSE(Resident(one)) << "for two, though there was room on the device";
  ASSERT_TRUE(Use(three, kA, 3 * kMiB));
  EXPECT_TRUE(Resident(two));
  EXPECT_TRUE(Resident(others));
  EXPECT_EQ(OnAccount(kA), 3 * kMiB);
  EXPECT_EQ(OnAccount(kB), 2 * kMiB);
  EXPECT_EQ(one->metrics().evictions(telemetry::EvictionCause::kQuota), 1U);
}

TEST_F(Turns, WaitsForATenantsBusyModelsAndServesOthersMeanwhile) {
  Open(8 * kMiB);
  const ModelHandle one = Admit("one", {1, 2});
  const ModelHandle two = Admit("two", {3, 4});
  const ModelHandle others = Admit("others", {5, 6});
  ASSERT_TRUE(Use(one, kA, 2 * kMiB));
  auto pin = manager_->TryPin(*one);
  ClaimFor(two, kA, 2 * kMiB, 0);
  ClaimFor(others, kB, 0, 1);
  RunAll();
  EXPECT_FALSE(Resident(two));
  EXPECT_TRUE(manager_->HeldBack(*two, kA));
  EXPECT_FALSE(manager_->HeldBack(*two, kB));
  EXPECT_TRUE(Resident(others)) << "whose turn comes after";
  pin.reset();
  RunAll();
  EXPECT_TRUE(Resident(two));
  EXPECT_FALSE(Resident(one));
  EXPECT_FALSE(manager_->HeldBack(*two, kA));
}

TEST_F(Turns, BringsWhatOneTenantMayNotForAnother) {
  Open(8 * kMiB);
  const ModelHandle one = Admit("one", {1, 2});
  const ModelHandle shared = Admit("shared", {3, 4});
  ASSERT_TRUE(Use(one, kA, 2 * kMiB));
  const auto pin = manager_->TryPin(*one);
  ClaimFor(shared, kA, 2 * kMiB, 0);
  ClaimFor(shared, kB, 0, 1);
  RunAll();
  EXPECT_TRUE(Resident(shared));
  EXPECT_EQ(OnAccount(kB), 2 * kMiB);
}

TEST_F(Turns, KnowsWhatWillNeverFit) {
  Open(8 * kMiB);
  const ModelHandle one = Admit("one", {1, 2});
  const ModelHandle variant = Admit("variant", {1, 3});
  EXPECT_EQ(manager_->BytesAlone(*one), 2 * kMiB);
  ASSERT_TRUE(Use(one, kB));
  EXPECT_EQ(manager_->BytesAlone(*one), 0U) << "it is there already";
  EXPECT_EQ(manager_->BytesAlone(*variant), kMiB + kMiB / 2) << "half of what both hold";
}

TEST_F(Turns, LeavesWithWhatATenantUsesOfOthers) {
  Open(8 * kMiB);
  const ModelHandle own = Admit("own", {1, 2});
  const ModelHandle others = Admit("others", {3, 4});
  ASSERT_TRUE(Use(own, kA, 2 * kMiB));
  ASSERT_TRUE(Use(others, kB));
  ASSERT_TRUE(Use(others, kA, 2 * kMiB)) << "it is there, and nobody needs room";
  EXPECT_TRUE(Resident(others));
  EXPECT_FALSE(Resident(own)) << "half of the other is on the account now";
  EXPECT_NEAR(OnAccount(kA), kMiB, 1000);
  EXPECT_FALSE(Use(own, kA, 2 * kMiB)) << "the others still use theirs";
  Pass(UsageShares::kRecent);
  EXPECT_TRUE(Use(own, kA, 2 * kMiB));
  EXPECT_FALSE(Resident(others));
}

TEST_F(Turns, SendsAwayWhatIsBusyWhenItHasEnded) {
  Open(8 * kMiB);
  const ModelHandle own = Admit("own", {1, 2});
  const ModelHandle loaded = Admit("loaded", {3, 4});
  ASSERT_TRUE(Use(own, kA, 3 * kMiB));
  claims_.reset();
  manager_->Want(*loaded, clock_.Now());  // by a load, which is nobody's
  RunAll();
  EXPECT_EQ(OnAccount(kA), 2 * kMiB);
  auto running = manager_->TryPin(*own);
  const auto too = manager_->TryPin(*loaded);
  ASSERT_TRUE(Use(loaded, kA, 3 * kMiB));
  EXPECT_EQ(OnAccount(kA), 4 * kMiB) << "while both are busy";
  running.reset();
  RunAll();
  EXPECT_FALSE(Resident(own));
  EXPECT_EQ(OnAccount(kA), 2 * kMiB);
}

}  // namespace
}  // namespace hadron::model
