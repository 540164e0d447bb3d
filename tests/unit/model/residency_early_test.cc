// Weights that go to the card while their model is still being packed.
#include <deque>
#include <random>
#include <set>

#include "unit/model/residency_rig.h"

namespace hadron::model {
namespace {

class EarlyUpload : public Residency {
 protected:
  /// Packs and admits a version whose segments are sent ahead, each as soon as it is packed.
  ModelHandle AdmitEarly(const std::string& name, const std::vector<int>& layers) {
    early_ = manager_->Expect();
    while_packing_ = [this] { RunAll(); };
    return Admit(name, layers);
  }
  /// Sends segments ahead for a load that goes on; a version that only lends its bytes.
  std::shared_ptr<EarlyWeights> Begin(const std::vector<int>& layers) {
    auto early = manager_->Expect();
    sources_.push_back(Admit("source", layers));
    const plan::WeightImage& image = *sources_.back()->compiled().weights();
    for (std::uint32_t i = 0; i < image.segments().size(); ++i) early->Add(image, i);
    return early;
  }
  std::uint64_t Uploaded() const { return manager_->totals().restored_bytes; }

  std::vector<ModelHandle> sources_;
};

TEST_F(EarlyUpload, IsTheWholeUploadOfAModel) {
  Open(4 * kMiB);
  const ModelHandle a = AdmitEarly("a", {1, 2, 3});
  EXPECT_EQ(Uploaded(), 3 * kMiB);
  EXPECT_FALSE(Resident(a));  // nobody has asked for it
  EXPECT_EQ(manager_->totals().restores, 0U);
  EXPECT_TRUE(Serve(a));
  EXPECT_EQ(Uploaded(), 3 * kMiB);
  EXPECT_EQ(manager_->totals().restores, 1U);
  EXPECT_EQ(ledger_->reserved(), 4 * kMiB);
}

TEST_F(EarlyUpload, CountsAsOneRestoreThatTookAsLongAsItsCopies) {
  Open(4 * kMiB);
  early_ = manager_->Expect();
  while_packing_ = [this] {
    control_.RunAll();
    clock_.Advance(std::chrono::milliseconds(10));
    RunAll();
  };
  const ModelHandle a = Admit("a", {1, 2});
  ASSERT_TRUE(Serve(a));
  EXPECT_NEAR(manager_->RestoreSeconds(*a), 0, 1e-9);  // it is there
  manager_->TakeDown(*a);
  EXPECT_FALSE(Resident(a));
  EXPECT_NEAR(manager_->RestoreSeconds(*a), 0.02, 1e-6);
}

TEST_F(EarlyUpload, WaitsForWhatIsOnItsWayRatherThanSendItTwice) {
  Open(4 * kMiB);
  early_ = manager_->Expect();
  const ModelHandle a = Admit("a", {1, 2, 3});
  manager_->Want(*a, clock_.Now());
  control_.RunAll();
  EXPECT_FALSE(Resident(a));
  RunAll();
  EXPECT_TRUE(Serve(a));
  EXPECT_EQ(Uploaded(), 3 * kMiB);
}

TEST_F(EarlyUpload, ARestoreThatOvertakesTheLastSegmentsUsesThePlacesKeptForThem) {
  Open(5 * kMiB);
  const ModelHandle other = Admit("other", {9});
  ASSERT_TRUE(Serve(other));
  auto gone = Begin({8});
  RunAll();
  early_ = manager_->Expect();
  while_packing_ = [&] {
    if (gone == nullptr) return;
    RunAll();  // the first segment is there, the others have their places
    gone.reset();
  };
  const ModelHandle a = Admit("a", {1, 2, 3});
  manager_->Want(*a, clock_.Now());
  RunAll();
  EXPECT_TRUE(Resident(a));
  EXPECT_TRUE(Resident(other));
  EXPECT_EQ(refusal_, "");
}

TEST_F(EarlyUpload, WhatItSentItselfMayLieInItsWay) {
  Open(5 * kMiB);
  auto lender = Begin({1});
  RunAll();
  // Its first layer is there, in a slab of two; one of the large ones finds another, the last none.
  const ModelHandle a = AdmitEarly("a", {1, -2});
  lender.reset();
  RunAll();
  EXPECT_TRUE(Serve(a));
  EXPECT_EQ(refusal_, "");
}

TEST_F(EarlyUpload, LeavesNothingWhenTheLoadFails) {
  Open(4 * kMiB);
  auto early = Begin({1, 2, 3});
  RunAll();
  EXPECT_EQ(manager_->totals().used_bytes, 3 * kMiB);
  early.reset();
  RunAll();
  EXPECT_EQ(ledger_->reserved(), 0U);
  EXPECT_EQ(Uploaded(), 3 * kMiB);
}

TEST_F(EarlyUpload, MemoryIsNotFreeBeforeTheCopyIntoItHasEnded) {
  Open(4 * kMiB);
  auto early = Begin({1, 2, 3});
  control_.RunAll();
  early.reset();
  control_.RunAll();
  EXPECT_EQ(manager_->totals().used_bytes, kMiB);  // one at a time is on its way
  RunAll();
  EXPECT_EQ(ledger_->reserved(), 0U);
  EXPECT_EQ(Uploaded(), 0U);
}

TEST_F(EarlyUpload, EvictsNobodyUntilTheModelIsWanted) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {1, 2, 3});
  ASSERT_TRUE(Serve(a));
  const ModelHandle b = AdmitEarly("b", {4, 5, 6});
  EXPECT_EQ(Uploaded(), 3 * kMiB);  // all of it or nothing
  EXPECT_TRUE(Resident(a));
  EXPECT_TRUE(Serve(b));
  EXPECT_EQ(Uploaded(), 6 * kMiB);
  EXPECT_FALSE(Resident(a));
}

TEST_F(EarlyUpload, MakesRoomForWeightsThatAreWanted) {
  Open(4 * kMiB);
  const auto early = Begin({1, 2, 3});
  RunAll();
  const ModelHandle b = Admit("b", {4, 5, 6, 7});
  EXPECT_TRUE(Serve(b));
  EXPECT_EQ(manager_->totals().evictions, 0U);
  EXPECT_EQ(refusal_, "");
}

TEST_F(EarlyUpload, MakesRoomAlsoForSomethingOnItsWay) {
  Open(4 * kMiB);
  const auto early = Begin({1, 2, 3});
  control_.RunAll();
  const ModelHandle b = Admit("b", {4, 5, 6, 7});
  manager_->Want(*b, clock_.Now());
  control_.RunAll();
  EXPECT_FALSE(Resident(b));
  RunAll();
  EXPECT_TRUE(Serve(b));
  EXPECT_EQ(refusal_, "");
}

TEST_F(EarlyUpload, MakesRoomForLanes) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {9});
  ASSERT_TRUE(Serve(a));
  const auto early = Begin({1, 2, 3});
  RunAll();
  EXPECT_EQ(AskForArena(a, 2 * kMiB), "granted");
  EXPECT_TRUE(Resident(a));
}

TEST_F(EarlyUpload, ALoadThatGaveWayStillBecomesResident) {
  Open(4 * kMiB);
  early_ = manager_->Expect();
  while_packing_ = [this] { RunAll(); };
  const ModelHandle a = Admit("a", {1, 2, 3});
  const ModelHandle b = Admit("b", {4, 5, 6, 7});
  ASSERT_TRUE(Serve(b));
  EXPECT_TRUE(Serve(a));
  EXPECT_EQ(Uploaded(), 10 * kMiB);
}

TEST_F(EarlyUpload, LoadsAtATimeLieInOnePieceEach) {
  Open(9 * kMiB);
  const auto a = manager_->Expect();
  const auto b = manager_->Expect();
  sources_ = {Admit("a", {1, 2, 3, 4}), Admit("b", {5, 6, 7, 8})};
  for (std::uint32_t i = 0; i < 4; ++i) {
    a->Add(*sources_[0]->compiled().weights(), i);
    b->Add(*sources_[1]->compiled().weights(), i);
    RunAll();
  }
  ASSERT_TRUE(Serve(sources_[0]));
  ASSERT_TRUE(Serve(sources_[1]));
  EXPECT_EQ(Uploaded(), 8 * kMiB);
  std::map<const Residence*, std::set<std::size_t>> slabs;
  const auto list = manager_->LookAtSlabs();
  for (std::size_t slab = 0; slab < list.size(); ++slab) {
    for (const auto& range : list[slab].ranges) slabs[range.holder].insert(slab);
  }
  for (const auto& [holder, of] : slabs) EXPECT_EQ(of.size(), 2U);  // of 2 MiB each
}

TEST_F(EarlyUpload, AVariantLeavesNoHoleWhereItsSharedLayersWouldHaveBeen) {
  Open(16 * kMiB);
  const ModelHandle a = AdmitEarly("a", {1, 2, 3, 4, 5});
  ASSERT_TRUE(Serve(a));
  const ModelHandle b = AdmitEarly("b", {1, 2, 3, 4, 6});
  ASSERT_TRUE(Serve(b));
  EXPECT_EQ(Uploaded(), 6 * kMiB);
  EXPECT_EQ(ledger_->reserved(), 6 * kMiB);  // three slabs, full
}

TEST_F(EarlyUpload, HoldsWhatOthersHaveThereAlready) {
  Open(8 * kMiB);
  ModelHandle a = Admit("a", {1, 2});
  ASSERT_TRUE(Serve(a));
  const ModelHandle b = AdmitEarly("b", {1, 2, 3});
  EXPECT_EQ(Uploaded(), 3 * kMiB);
  a.reset();
  RunAll();
  EXPECT_TRUE(Serve(b));
  EXPECT_EQ(Uploaded(), 3 * kMiB);
}

TEST_F(EarlyUpload, NobodyIsGivenAShareOfACopyThatFailed) {
  Open(8 * kMiB);
  copies_get_lost_ = true;
  const ModelHandle a = AdmitEarly("a", {1, 2});
  EXPECT_EQ(Uploaded(), 0U);
  EXPECT_EQ(ledger_->reserved(), 0U);
  copies_get_lost_ = false;
  EXPECT_TRUE(Serve(Admit("b", {1, 2})));
  EXPECT_TRUE(Serve(a));
}

TEST_F(EarlyUpload, NobodyIsGivenAShareOfACopyUnderWay) {
  Open(8 * kMiB);
  const auto early = Begin({1});
  control_.RunAll();
  const ModelHandle b = Admit("b", {1});
  ASSERT_TRUE(Serve(b));
  EXPECT_EQ(Uploaded(), 2 * kMiB);  // both, since either might have failed
}

TEST_F(EarlyUpload, AModelThatCannotFitIsRefusedAllTheSame) {
  Open(2 * kMiB);
  early_ = manager_->Expect();
  while_packing_ = [this] { RunAll(); };
  const auto a = TryAdmit("a", {1, 2, 3});
  EXPECT_EQ(a.code(), base::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(a.message()), testing::HasSubstr("the weights take 3.0 MiB"));
  RunAll();
  EXPECT_EQ(ledger_->reserved(), 0U);
}

TEST_F(EarlyUpload, AFaultOfTheDeviceIsTheRestoresToReport) {
  Open(4 * kMiB);
  faults_.FailAt(test::MemoryFaults::Kind::kAllocate, 0);
  early_ = manager_->Expect();
  while_packing_ = [this] { RunAll(); };
  const ModelHandle a = Admit("a", {1, 2});
  EXPECT_TRUE(faults_.Disarm());
  EXPECT_TRUE(Serve(a));
  EXPECT_EQ(Uploaded(), 2 * kMiB);
}

TEST_F(EarlyUpload, AServerThatEndsSendsNothingAnyMore) {
  Open(4 * kMiB);
  const auto early = Begin({1, 2});
  manager_->Stop();
  RunAll();
  EXPECT_EQ(Uploaded(), 0U);
}

/// Loads that begin, end and fail at any moment beside models that are used and lanes that grow.
class EarlyHistories : public EarlyUpload, public testing::WithParamInterface<unsigned> {
 protected:
  void Step() {
    switch (Draw(8)) {
      case 0:
        if (loads_.size() < 3) loads_.push_back(Begin(RandomLayers()));
        break;
      case 1:
        if (!loads_.empty()) loads_.pop_front();
        break;
      case 2:
        control_.RunOne();
        break;
      case 3:
        copies_.RunOne();
        break;
      case 4:
        copies_get_lost_ = Draw(6) == 0;
        AdmitOne();
        break;
      case 5:
        if (!models_.empty())
          models_.erase(models_.begin() + static_cast<long>(Draw(models_.size())));
        break;
      case 6:
        copies_get_lost_ = false;
        ServeOne();
        break;
      default:
        arena_ = {};
        if (!models_.empty()) AskForArena(models_.front(), (1 + Draw(2)) * kMiB);
        break;
    }
  }
  std::size_t Draw(std::size_t below) { return random_() % below; }

  std::deque<std::shared_ptr<EarlyWeights>> loads_;
  std::vector<ModelHandle> models_;

 private:
  std::vector<int> RandomLayers() {
    std::vector<int> layers(1 + Draw(3));
    for (int& layer : layers) layer = static_cast<int>(Draw(9));
    return layers;
  }
  void AdmitOne() {
    if (models_.size() == 4) models_.clear();
    early_ = manager_->Expect();
    while_packing_ = [this] {
      for (std::size_t i = Draw(4); i > 0; --i) Draw(2) == 0 ? control_.RunOne() : copies_.RunOne();
    };
    models_.push_back(Admit("model", RandomLayers()));
  }
  void ServeOne() {
    if (models_.empty()) return;
    const ModelHandle& model = models_[Draw(models_.size())];
    arena_ = {};
    if (Draw(2) == 0) RunAll();
    EXPECT_TRUE(Serve(model)) << refusal_;
  }

  std::minstd_rand random_{GetParam() + 1};
};

TEST_P(EarlyHistories, GiveEverybodyTheRightBytesAndAllMemoryBack) {
  Open(6 * kMiB);
  for (int step = 0; step < 120; ++step) {
    SCOPED_TRACE(step);
    Step();
    ASSERT_LE(ledger_->reserved(), 6 * kMiB);
    ASSERT_FALSE(testing::Test::HasFailure());
  }
  loads_.clear();
  models_.clear();
  sources_.clear();
  arena_ = {};
  RunAll();
  EXPECT_EQ(manager_->totals().used_bytes, 0U);
  EXPECT_EQ(ledger_->reserved(), 0U);
  EXPECT_EQ(host_->memory().reserved(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, EarlyHistories, testing::Range(0U, 12U));

}  // namespace
}  // namespace hadron::model
