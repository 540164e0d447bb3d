// A version that comes in place of another on a card that does not hold both.
#include "unit/model/residency_rig.h"

namespace hadron::model {
namespace {

using testing::HasSubstr;

/// A card for one of them, and for less than half of another.
class Swap : public Residency {
 protected:
  void Open(ResidencyManager::Options options = {}) {
    Residency::Open(4 * kMiB, std::move(options));
    old_ = Admit("a", {1, 2, 3});
    ASSERT_TRUE(Serve(old_));
  }
  ModelHandle Next(ReloadPolicy policy, const std::vector<int>& layers = {4, 5, 6}) {
    return TryAdmit("a", layers, std::nullopt, old_, policy).value();
  }
  /// What the load of a version does; its pin, while it lives, is the load's.
  void Want(const ModelHandle& version) {
    manager_->Want(*version, clock_.Now());
    RunAll();
  }

  ModelHandle old_;
};

TEST_F(Swap, TheOldOneStaysUnlessTheCallSaysOtherwise) {
  Open();
  ModelHandle next = Next(ReloadPolicy::kKeepOld);
  Want(next);
  EXPECT_FALSE(Resident(next));
  EXPECT_THAT(refusal_, HasSubstr("need 3.0 MiB more"));
  EXPECT_THAT(refusal_, HasSubstr("1.0 MiB are free beside the version that serves"));
  EXPECT_THAT(refusal_, HasSubstr("--reload-policy=swap-out-first"));
  EXPECT_TRUE(Resident(old_));
  next.reset();
  RunAll();
  EXPECT_TRUE(Serve(old_));
}

TEST_F(Swap, OthersLeaveBeforeTheOldOneDoes) {
  Residency::Open(6 * kMiB);
  old_ = Admit("a", {1, 2});
  const ModelHandle other = Admit("b", {7, 8});
  ASSERT_TRUE(Serve(old_));
  ASSERT_TRUE(Serve(other));
  const ModelHandle next = Next(ReloadPolicy::kKeepOld, {3, 4, 5});
  Want(next);
  EXPECT_TRUE(Resident(next));
  EXPECT_TRUE(Resident(old_));
  EXPECT_FALSE(Resident(other));
}

TEST_F(Swap, ABusyOldOneTakesNoNewBatchesAndLeaves) {
  Open();
  auto running = manager_->TryPin(*old_);
  const ModelHandle next = Next(ReloadPolicy::kSwapOutFirst);
  next->metrics().pending.Add(2);  // the series is the model's: these wait for the old one
  Want(next);
  EXPECT_FALSE(Resident(next));
  EXPECT_FALSE(Resident(old_)) << "its requests wait";
  running.reset();
  RunAll();
  auto load = manager_->TryPin(*next);
  ASSERT_TRUE(load);
  // What was accepted for the old one is served when the load has ended.
  Want(old_);
  EXPECT_FALSE(Resident(old_));
  load.reset();
  RunAll();
  EXPECT_TRUE(Serve(old_));
}

TEST_F(Swap, TheOldOneComesBackWhenTheCopyIsLost) {
  Open();
  auto running = manager_->TryPin(*old_);
  ModelHandle next = Next(ReloadPolicy::kSwapOutFirst);
  copies_get_lost_ = true;
  Want(next);
  running.reset();
  RunAll();
  EXPECT_FALSE(Resident(next));
  EXPECT_THAT(refusal_, HasSubstr("planted"));
  copies_get_lost_ = false;
  claims_.emplace();  // and it is known who does: nobody
  next.reset();
  RunAll();
  EXPECT_TRUE(Resident(old_)) << "though nobody asks";
  EXPECT_TRUE(Serve(old_));
}

TEST_F(Swap, ALoadThatIsGivenUpLetsTheOldOneGoOn) {
  Open();
  auto running = manager_->TryPin(*old_);
  ModelHandle next = Next(ReloadPolicy::kSwapOutFirst);
  Want(next);
  EXPECT_FALSE(Resident(old_));
  const int news = news_;
  next.reset();
  RunAll();
  EXPECT_TRUE(Resident(old_));
  EXPECT_GT(news_, news) << "its requests are told";
}

TEST_F(Swap, APinIsTheModels) {
  ResidencyManager::Options options;
  options.pinned = {"a"};
  Open(std::move(options));
  const auto kept = TryAdmit("a", {4, 5, 6}, std::nullopt, old_, ReloadPolicy::kKeepOld);
  EXPECT_EQ(kept.code(), base::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(kept.message()), HasSubstr("take 3.0 MiB"));
  const ModelHandle next = Next(ReloadPolicy::kSwapOutFirst);
  Want(next);
  EXPECT_TRUE(Resident(next));
  EXPECT_FALSE(Resident(old_));
  manager_->CountUse(*next, 1);
  EXPECT_TRUE(Serve(old_)) << "what it had accepted";
  old_.reset();
  RunAll();
  EXPECT_TRUE(Serve(next));
  EXPECT_EQ(TryAdmit("b", {7, 8}).code(), base::StatusCode::kResourceExhausted) << "as ever";
}

TEST(ReloadPolicy, IsKnownByName) {
  EXPECT_EQ(ParseReloadPolicy("keep-old").value(), ReloadPolicy::kKeepOld);
  EXPECT_EQ(ParseReloadPolicy("swap-out-first").value(), ReloadPolicy::kSwapOutFirst);
  EXPECT_THAT(std::string(ParseReloadPolicy("swap\n").message()),
              HasSubstr("is not keep-old or swap-out-first"));
}

}  // namespace
}  // namespace hadron::model
