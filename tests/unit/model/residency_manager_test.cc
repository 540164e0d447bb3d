// Who is on the device: restores, evictions, pins, sharing, refusals, and what is left at the end.
// The device is a card that the CPU plays; nothing runs but when the test says so.
#include "model/residency_manager.h"

#include <future>
#include <thread>

#include "unit/model/residency_rig.h"

namespace hadron::model {
namespace {

using base::Status;
using testing::HasSubstr;

TEST_F(Residency, BringsModelsOntoTheCardOnDemand) {
  Open(8 * kMiB);
  const ModelHandle model = Admit("a", {1, 2});
  EXPECT_FALSE(Resident(model));
  EXPECT_GT(manager_->RestoreSeconds(*model), 0);
  EXPECT_TRUE(Serve(model));
  EXPECT_EQ(news_, 1);
  EXPECT_EQ(manager_->RestoreSeconds(*model), 0);
  EXPECT_EQ(manager_->totals().used_bytes, 2 * kMiB);
}

TEST_F(Residency, EvictsWhomRequestsWantLeast) {
  Open(4 * kMiB);
  const ModelHandle often = Admit("often", {1, 2});
  const ModelHandle once = Admit("once", {3, 4});
  const ModelHandle other = Admit("other", {5, 6});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Serve(often));
  EXPECT_TRUE(Serve(once));
  EXPECT_TRUE(Serve(other));
  EXPECT_TRUE(Resident(often));
  EXPECT_FALSE(Resident(once));
  EXPECT_TRUE(Serve(once)) << "and back, by a copy";
  EXPECT_EQ(manager_->totals().evictions, 2U);
  EXPECT_EQ(manager_->totals().restores, 4U);
  EXPECT_EQ(once->metrics().evictions(telemetry::EvictionCause::kPressure), 1U);
  EXPECT_EQ(often->metrics().evictions(telemetry::EvictionCause::kPressure), 0U);
}

TEST_F(Residency, DoesNotKeepAModelForOneCopyThatWasSlow) {
  Open(4 * kMiB);
  const ModelHandle disturbed = Admit("disturbed", {1, 2});
  const ModelHandle often = Admit("often", {3, 4});
  manager_->Want(*disturbed, clock_.Now());
  control_.RunAll();
  clock_.Advance(std::chrono::milliseconds(100));  // others' take no time
  RunAll();
  ASSERT_TRUE(Serve(disturbed));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Serve(often));
  EXPECT_TRUE(Serve(Admit("other", {5, 6})));
  EXPECT_TRUE(Resident(often));
  EXPECT_FALSE(Resident(disturbed));
}

TEST_F(Residency, LeavesWhatRunsAndWaitsForIt) {
  Open(4 * kMiB);
  const ModelHandle running = Admit("running", {1, 2, 3});
  const ModelHandle next = Admit("next", {4, 5});
  ASSERT_TRUE(Serve(running));
  auto pin = manager_->TryPin(*running);
  manager_->Want(*next, clock_.Now());
  RunAll();
  EXPECT_FALSE(Resident(next));
  EXPECT_TRUE(Resident(running));
  EXPECT_EQ(evicted_, 0);
  pin.reset();
  RunAll();
  EXPECT_TRUE(Resident(next));
  EXPECT_FALSE(Resident(running));
}

TEST_F(Residency, KeepsARestoredModelUntilItHasServedWhatWaited) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {1, 2, 3});
  const ModelHandle b = Admit("b", {4, 5, 6});
  a->metrics().pending.Add(3);
  manager_->Want(*a, clock_.Now());
  RunAll();
  manager_->Want(*b, clock_.Now());
  RunAll();
  EXPECT_TRUE(Resident(a)) << "three requests wait for it";
  for (int i = 0; i < 3; ++i) {
    const auto pin = manager_->TryPin(*a);
    manager_->CountUse(*a, 1);
    a->metrics().pending.Add(-1);
  }
  RunAll();
  EXPECT_TRUE(Resident(b));
}

TEST_F(Residency, NeverEvictsPinnedModels) {
  ResidencyManager::Options options;
  options.pinned = {"precious"};
  Open(4 * kMiB, std::move(options));
  const ModelHandle precious = Admit("precious", {1, 2});
  ASSERT_TRUE(Serve(precious));
  const ModelHandle small = Admit("small", {3, 4});
  EXPECT_TRUE(Serve(small));
  const auto large = TryAdmit("large", {5, 6, 7});
  EXPECT_EQ(large.code(), base::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(large.message()), HasSubstr("3.0 MiB"));
  EXPECT_THAT(std::string(large.message()), HasSubstr("2.0 MiB of that are pinned"));
  EXPECT_TRUE(Resident(precious));
}

TEST_F(Residency, CountsPinnedBytesThatAreSharedOnce) {
  ResidencyManager::Options options;
  options.pinned = {"precious"};
  Open(4 * kMiB, std::move(options));
  const ModelHandle before = Admit("precious", {1, 2});
  const ModelHandle after = Admit("precious", {1, 2});  // its next version, say
  ASSERT_TRUE(Serve(before));
  ASSERT_TRUE(Serve(after));
  EXPECT_TRUE(Serve(Admit("other", {3, 4})));
}

TEST_F(Residency, ShowsAndForeseesWhoIsWhere) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {1, 2});
  const ModelHandle b = Admit("b", {1, 3});
  const ModelHandle c = Admit("c", {4, 5, 6});
  ASSERT_TRUE(Serve(a));
  ASSERT_TRUE(Serve(b));
  const auto picture = manager_->Look();
  EXPECT_TRUE(picture.at(&a->residence()).resident);
  EXPECT_EQ(picture.at(&a->residence()).resident_bytes, 2 * kMiB);
  EXPECT_EQ(picture.at(&a->residence()).shared_bytes, kMiB);
  EXPECT_FALSE(picture.at(&c->residence()).resident);
  EXPECT_EQ(picture.at(&c->residence()).host_bytes, 3 * kMiB);
  EXPECT_EQ(picture.at(&c->residence()).host_shared_bytes, 0U);
  EXPECT_EQ(picture.at(&b->residence()).host_bytes, 2 * kMiB);
  EXPECT_EQ(picture.at(&b->residence()).host_shared_bytes, kMiB);
  EXPECT_EQ(host_->memory().reserved(), 6 * kMiB);
  EXPECT_EQ(manager_->Foresee(*a).missing_bytes, 0U);
  const auto forecast = manager_->Foresee(*c);
  EXPECT_EQ(forecast.missing_bytes, 3 * kMiB);
  EXPECT_FALSE(forecast.victims.empty());
  EXPECT_TRUE(Resident(a) && Resident(b));  // nothing has changed
  manager_->Pin("a");
  manager_->Pin("b");
  EXPECT_TRUE(manager_->Foresee(*c).blocked);
}

TEST_F(Residency, NamesTheRangesOfHostMemoryThatLeavingWouldFree) {
  Open(8 * kMiB);
  const ModelHandle a = Admit("a", {1, 2, 2});
  const ModelHandle b = Admit("b", {1, 3});
  EvictionCandidate of_a;
  EvictionCandidate of_b;
  EXPECT_TRUE(manager_->AddHostPart(*a, of_a));
  manager_->Pin("b");
  EXPECT_FALSE(manager_->AddHostPart(*b, of_b));
  const auto holds = [](const EvictionCandidate& candidate, const ModelHandle& model, int segment) {
    const auto& segments = model->compiled().weights()->segments();
    return std::ranges::count(candidate.parts, segments.at(segment).host.get(),
                              &EvictionCandidate::Part::range);
  };
  EXPECT_EQ(of_a.parts.size(), 2U);
  EXPECT_EQ(of_b.parts.size(), 2U);
  EXPECT_EQ(holds(of_a, b, 0), 1);
  EXPECT_EQ(holds(of_b, a, 0), 1);
  EXPECT_EQ(holds(of_a, b, 1), 0);
}

TEST_F(Residency, EvictsByCallWhatIsIdleAndNotPinned) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {1, 2});
  ASSERT_TRUE(Serve(a));
  std::string answer;
  const auto evict = [&] {
    answer = "none";
    manager_->Evict("a", [&](Status status) { answer = status.ok() ? "" : status.message(); });
    RunAll();
  };
  manager_->Pin("a");
  evict();
  EXPECT_THAT(answer, HasSubstr("is pinned"));
  ASSERT_TRUE(manager_->Unpin("a").ok());
  {
    const auto pin = manager_->TryPin(*a);
    evict();
    EXPECT_THAT(answer, HasSubstr("is busy"));
  }
  evict();
  EXPECT_EQ(answer, "");
  EXPECT_FALSE(Resident(a));
  EXPECT_EQ(a->metrics().evictions(telemetry::EvictionCause::kManual), 1U);
  evict();
  EXPECT_EQ(answer, "");
  EXPECT_TRUE(Serve(a));
}

TEST_F(Residency, SendsAwayWhomNobodyUses) {
  using std::chrono::seconds;
  ResidencyManager::Options options;
  options.idle_evict = seconds(10);
  Open(8 * kMiB, std::move(options));
  const ModelHandle used = Admit("used", {1});
  const ModelHandle idle = Admit("idle", {2});
  const ModelHandle quick = TryAdmit("quick", {3}, seconds(3)).value();
  const ModelHandle stays = TryAdmit("stays", {4}, seconds(0)).value();
  const ModelHandle pinned = Admit("pinned", {5});
  manager_->Pin("pinned");
  const std::vector<ModelHandle> all = {used, idle, quick, stays, pinned};
  for (const ModelHandle& model : all) ASSERT_TRUE(Serve(model));
  const auto resident = [&] {
    std::string names;
    for (const ModelHandle& model : all) {
      if (manager_->Look().at(&model->residence()).resident) names += " " + model->name();
    }
    return names;
  };
  Pass(seconds(2));
  EXPECT_EQ(resident(), " used idle quick stays pinned");
  Pass(seconds(1));
  EXPECT_EQ(resident(), " used idle stays pinned");
  EXPECT_TRUE(Serve(used));
  auto pin = manager_->TryPin(*used);  // a long run
  Pass(seconds(8));
  EXPECT_EQ(resident(), " used stays pinned");
  Pass(seconds(60));
  EXPECT_EQ(resident(), " used stays pinned");
  pin.reset();
  Pass(seconds(9));
  EXPECT_EQ(resident(), " used stays pinned") << "the run ended nine seconds ago";
  Pass(seconds(10));
  EXPECT_EQ(resident(), " stays pinned");
  for (const ModelHandle& gone : {used, idle, quick}) {
    EXPECT_EQ(gone->metrics().evictions(telemetry::EvictionCause::kIdle), 1U);
    EXPECT_TRUE(Serve(gone)) << "and back";
  }
  used->metrics().pending.Add(1);  // waits in its queue, whatever for
  Pass(seconds(30));
  EXPECT_EQ(resident(), " used stays pinned");
}

TEST_F(Residency, RefusesWhatTheCardCouldNeverHold) {
  Open(4 * kMiB);
  const ModelHandle resident = Admit("a", {1});
  ASSERT_TRUE(Serve(resident));
  EXPECT_EQ(TryAdmit("huge", {1, 2, 3, 4, 5, 6}).code(), base::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Resident(resident)) << "nobody is evicted for it";
}

TEST_F(Residency, PlacesAModelThatTakesAllOfTheCard) {
  Open(5 * kMiB);  // slabs of 2, 2 and 1
  EXPECT_TRUE(Serve(Admit("a", {1, -2})));
  EXPECT_EQ(refusal_, "");
}

TEST_F(Residency, StoresEqualWeightsOnce) {
  Open(6 * kMiB);
  const ModelHandle base = Admit("base", {1, 2, 3});
  const ModelHandle tuned = Admit("tuned", {1, 2, 9});
  ASSERT_TRUE(Serve(base));
  ASSERT_TRUE(Serve(tuned));
  EXPECT_EQ(manager_->totals().used_bytes, 4 * kMiB);
  EXPECT_EQ(manager_->totals().restored_bytes, 4 * kMiB) << "only the difference was copied";
  const ModelHandle other = Admit("other", {20, 21, 22});
  ASSERT_TRUE(Serve(other));
  EXPECT_TRUE(Serve(base));
  EXPECT_TRUE(Serve(tuned));
}

TEST_F(Residency, RefusesOneModelWhenTheDeviceLies) {
  Open(8 * kMiB);
  const ModelHandle a = Admit("a", {1});
  const ModelHandle b = Admit("b", {2, 3, 4});
  ASSERT_TRUE(Serve(a));
  const std::uint64_t before = ledger_->reserved();
  faults_.FailAt(test::MemoryFaults::Kind::kAllocate, 0);
  EXPECT_FALSE(Serve(b));
  EXPECT_TRUE(faults_.Disarm());
  EXPECT_THAT(refusal_, HasSubstr("allocates nothing more"));
  EXPECT_TRUE(Resident(a));
  EXPECT_EQ(ledger_->reserved(), before);
  EXPECT_TRUE(Serve(b)) << "the next request tries again";
}

TEST_F(Residency, NeverSharesWhatALostCopyLeft) {
  Open(8 * kMiB);
  hold_evicted_ = true;
  const ModelHandle model = Admit("a", {1, 2});
  const ModelHandle sibling = Admit("b", {1, 3});
  copies_get_lost_ = true;
  manager_->Want(*model, clock_.Now());
  RunAll();
  EXPECT_FALSE(Resident(model));
  EXPECT_THAT(refusal_, HasSubstr("the copy was lost"));
  copies_get_lost_ = false;
  EXPECT_TRUE(Serve(sibling));
  EXPECT_TRUE(Serve(model));
  held_.clear();
}

TEST_F(Residency, MayLoseAVersionInTheMiddleOfItsUpload) {
  Open(4 * kMiB);
  ModelHandle gone = Admit("gone", {1, 2, 3});
  manager_->Want(*gone, clock_.Now());
  control_.RunAll();  // the copies are enqueued and have not run
  gone.reset();
  const ModelHandle next = Admit("next", {4, 5, 6});
  EXPECT_TRUE(Serve(next));
}

TEST_F(Residency, EndsALoadThatNobodyMakesRoomFor) {
  ResidencyManager::Options options;
  options.restore_timeout = std::chrono::milliseconds(20);
  Open(4 * kMiB, std::move(options));
  const ModelHandle running = Admit("running", {1, 2, 3});
  ASSERT_TRUE(Serve(running));
  const auto pin = manager_->TryPin(*running);
  const ModelHandle next = Admit("next", {4, 5});
  const auto refused = manager_->Obtain(next);
  EXPECT_EQ(refused.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--model-restore-timeout-ms"));
}

/// Threads for the executors, in place of the test's own hand.
struct Threads {
  base::TaskQueue control;
  base::TaskQueue copies;
  std::jthread control_thread{[this] { control.Run(); }};
  std::jthread copies_thread{[this] { copies.Run(); }};
  ~Threads() {
    copies.Stop();
    control.Stop();
  }
};

TEST_F(Residency, BringsEachOfTheLoadsOfAStartInOnce) {
  constexpr int kLoads = 4;
  Threads threads;
  Open(3 * kMiB, {}, threads.control, threads.copies);
  std::vector<ModelHandle> models;
  for (int i = 0; i < kLoads; ++i) models.push_back(Admit("m", {10 * i, 10 * i + 1}));
  {
    std::vector<std::jthread> loads;
    for (const ModelHandle& model : models) {
      loads.emplace_back([this, &model] {
        const auto pin = manager_->Obtain(model);
        EXPECT_TRUE(pin.ok() && HasItsBytes(model, *pin->weights_ptr()));
      });
    }
  }
  EXPECT_EQ(manager_->totals().restores, kLoads);
  EXPECT_EQ(manager_->totals().evictions, kLoads - 1) << "one at a time is all that fits";
  models.clear();
  std::promise<void> settled;
  threads.control.Post([&] { settled.set_value(); });
  settled.get_future().wait();
}

TEST_F(Residency, GivesEverythingBack) {
  Open(4 * kMiB);
  std::vector<ModelHandle> models;
  for (int i = 0; i < 5; ++i) models.push_back(Admit("m", {10 * i, 10 * i + 1}));
  for (int round = 0; round < 3; ++round) {
    for (const ModelHandle& model : models) ASSERT_TRUE(Serve(model));
  }
  models.clear();
  RunAll();
  EXPECT_EQ(ledger_->reserved(), 0U);
  EXPECT_EQ(host_->memory().reserved(), 0U);
}

}  // namespace
}  // namespace hadron::model
