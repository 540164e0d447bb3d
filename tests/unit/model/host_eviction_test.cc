// ModelManager where host memory does not hold all models: who leaves, what clients see of it, and
// what comes back. A version takes as many bytes as its file has; a load is thought to take half
// as many more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/model_manager.h"
#include "unit/model/manager_rig.h"

namespace hadron::model {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Text(char letter, std::size_t bytes) { return std::string(bytes, letter); }

/// Four models of 10 bytes where 42 are to be had: three stay.
class HostEviction : public testing::TestWithParam<ControlMode> {
 protected:
  HostEviction() {
    for (const char name : {'a', 'b', 'c', 'd'}) {
      rig.Write(std::string(1, name), 1, Text(name, 10));
      rig.used[std::string(1, name)] = static_cast<std::uint64_t>(name);
    }
  }
  std::string Serve(const std::string& model) {
    const Asking asking(rig, model);
    rig.RunAll();
    return *asking.answer;
  }

  ManagerRig rig{InMode(GetParam(), {"*"}), 42};
};

TEST_P(HostEviction, ModelsLeaveForOthersAndComeBackOnUse) {
  EXPECT_EQ(rig.Start(), "OK");
  for (const char* name : {"a", "b", "c", "d"}) EXPECT_EQ(rig.States(name), "1:READY");
  EXPECT_TRUE(rig.manager->catalogue()->all_ready);
  EXPECT_EQ(rig.Serving("a"), "absent");
  EXPECT_EQ(rig.Serving("d"), Text('d', 10));
  EXPECT_EQ(rig.host->reserved(), 30U);

  EXPECT_EQ(Serve("a"), Text('a', 10));
  EXPECT_EQ(rig.Serving("b"), "absent");  // the least recently used of the others
  EXPECT_EQ(rig.host->reserved(), 30U);
  EXPECT_EQ(rig.loader.alive, 3);
}

TEST_P(HostEviction, StatisticsAndSeriesStay) {
  EXPECT_EQ(rig.Start(), "OK");
  const auto series = rig.metrics.FindModel("b", 1);
  series->success.Add();
  const ModelHandle before = rig.manager->Find("b", {}).value();
  before->statistics().RecordFailure(5);
  const VersionHistory* history = before->history().get();
  rig.used["b"] = 0;
  const Asking asking(rig, "a");
  rig.RunAll();
  EXPECT_EQ(rig.Serving("b"), "absent");
  EXPECT_EQ(rig.States("b"), "1:READY");  // while its last handle is held
  EXPECT_EQ(*asking.answer, "");
  EXPECT_EQ(rig.manager->catalogue()->models.at("b").versions.at(1).history.get(), history);
  EXPECT_EQ(series->evictions(telemetry::EvictionCause::kPressure), 1U);
  EXPECT_EQ(rig.metrics.FindModel("b", 1), series);
}

TEST_P(HostEviction, WhatIsHeldLeavesWhenItIsLetGo) {
  EXPECT_EQ(rig.Start(), "OK");
  rig.used["b"] = 0;
  ModelHandle running = rig.manager->Find("b", {}).value();
  const Asking asking(rig, "a");
  rig.RunAll();
  EXPECT_EQ(*asking.answer, "");
  running.reset();
  rig.RunAll();
  EXPECT_EQ(*asking.answer, Text('a', 10));
  EXPECT_EQ(Serve("b"), Text('b', 10));
}

TEST_P(HostEviction, ACallSendsAnIdleModelAway) {
  EXPECT_EQ(rig.Start(), "OK");
  const auto evict = [this](const std::string& model) {
    std::string outcome = "not yet";
    rig.manager->Evict(model, [&outcome](base::Status status) { outcome = status.ToString(); });
    rig.RunAll();
    return outcome;
  };
  rig.pinned = {"c"};
  EXPECT_EQ(evict("b"), "OK");
  EXPECT_EQ(rig.Serving("b"), "absent");
  EXPECT_EQ(rig.States("b"), "1:READY");
  EXPECT_EQ(rig.host->reserved(), 20U);
  EXPECT_EQ(evict("b"), "OK");
  EXPECT_EQ(evict("nobody"), "OK");
  EXPECT_THAT(evict("c"),
              HasSubstr("UNAVAILABLE: model 'c' has to stay in host memory: it is pinned;"));
  EXPECT_EQ(rig.metrics.FindModel("b", 1)->evictions(telemetry::EvictionCause::kManual), 1U);
  EXPECT_EQ(Serve("b"), Text('b', 10));
}

TEST_P(HostEviction, PinnedModelsStay) {
  rig.pinned = {"a", "b"};
  EXPECT_EQ(rig.Start(), "OK");
  EXPECT_EQ(Serve("c") + Serve("d") + Serve("c"), Text('c', 10) + Text('d', 10) + Text('c', 10));
  EXPECT_EQ(rig.Serving("a"), Text('a', 10));
  EXPECT_EQ(rig.Serving("b"), Text('b', 10));
}

TEST_P(HostEviction, WhatCannotFitEvictsNobodyTwice) {
  rig.Write("z", 1, Text('z', 60));
  EXPECT_THAT(rig.Start(), HasSubstr("z needs 60 B of memory"));
  EXPECT_THAT(rig.States("z"), HasSubstr("1:UNAVAILABLE(z needs 60 B"));
  EXPECT_EQ(rig.host->reserved(), 30U);
  const auto loads = rig.loader.loads.size();
  rig.Advance(seconds(2));
  EXPECT_THAT(Serve("d"), Text('d', 10));
  EXPECT_EQ(rig.loader.loads.size(), loads);  // it was there all the time
}

TEST_P(HostEviction, IdleModelsLeaveForABatch) {
  EXPECT_EQ(rig.Start(), "OK");  // "b", "c" and "d": 12 are free
  rig.waiting = {{"b", 1}};      // would be the first
  std::string outcome;
  const auto want = [&](std::uint64_t bytes) {
    outcome = "not yet";
    const ModelHandle by = rig.manager->Find("d", {}).value();
    rig.manager->WantActivations(*by, bytes,
                                 [&outcome](base::Status status) { outcome = status.ToString(); });
    rig.RunAll();
    return outcome;
  };
  EXPECT_EQ(want(20), "OK");
  EXPECT_EQ(rig.Serving("b"), Text('b', 10));
  EXPECT_EQ(rig.Serving("c"), "absent");
  EXPECT_EQ(rig.host->free(), 22U);
  EXPECT_EQ(want(30), "not yet") << "b is busy";
  rig.waiting.clear();
  rig.Advance(milliseconds(10));
  EXPECT_EQ(outcome, "OK");
  EXPECT_EQ(rig.Serving("b"), "absent");
  EXPECT_EQ(rig.metrics.FindModel("b", 1)->evictions(telemetry::EvictionCause::kArena), 1U);
  EXPECT_THAT(want(40), HasSubstr("RESOURCE_EXHAUSTED: the tensors between the layers take 40 B"));
  EXPECT_EQ(rig.Serving("d"), Text('d', 10)) << "its own model stays";
  EXPECT_EQ(Serve("c"), Text('c', 10));
}

TEST_P(HostEviction, OneTimerServesAllBatchesThatWait) {
  EXPECT_EQ(rig.Start(), "OK");
  const std::size_t others = rig.timers.size();
  const ModelHandle by = rig.manager->Find("d", {}).value();
  for (const std::uint64_t bytes : {20, 32}) {
    rig.waiting = {{"b", 1}, {"c", 1}};
    rig.manager->WantActivations(*by, bytes, [](const base::Status&) {});
    rig.RunAll();
    EXPECT_EQ(rig.timers.size(), others + 1);
    rig.waiting.clear();
    rig.manager->OnHostMemory();  // a model leaves, and is there no more: nobody waits
    rig.RunAll();
  }
}

TEST_P(HostEviction, LanesMakeRoomForALoadThatNothingElseMakesRoomFor) {
  EXPECT_EQ(rig.Start(), "OK");
  rig.pinned = {"b", "c", "d"};
  std::optional<device::Reservation> lane = rig.host->Reserve("lane", 10).value();
  rig.call_back = [&] {
    if (!lane) return false;
    rig.control.Post([&] {
      lane.reset();
      rig.manager->OnHostMemory();
    });
    return true;
  };
  EXPECT_EQ(Serve("a"), Text('a', 10));
  EXPECT_FALSE(lane);
}

TEST_P(HostEviction, AFileThatHasGoneFailsTheNextUseByName) {
  EXPECT_EQ(rig.Start(), "OK");
  std::filesystem::remove(rig.directory / "a/1/model.onnx");
  rig.Write("a", 1, "bad file");
  EXPECT_THAT(Serve("a"), HasSubstr("load failed for model 'a': version 1 is at UNAVAILABLE "));
  EXPECT_EQ(rig.States("a"), "1:UNAVAILABLE(bad file)");
  rig.Write("a", 1, Text('a', 10));
  rig.Advance(seconds(2));
  EXPECT_EQ(Serve("a"), Text('a', 10));
  EXPECT_EQ(rig.States("a"), "1:READY");
}

TEST_P(HostEviction, ALoadThatTakesMoreThanThoughtIsTriedAgain) {
  // Not the files but something beside them takes the memory: the estimate is too low.
  device::Reservation beside = rig.host->Reserve("beside", 10).value();
  rig.Write("d", 1, Text('d', 16));
  EXPECT_EQ(rig.Start(), "OK");
  EXPECT_EQ(rig.Serving("d"), Text('d', 16));
  bool taken = false;
  rig.used["d"] = 0;
  rig.loader.while_loading = [&] {
    // At the first attempt another one takes what was free.
    if (!std::exchange(taken, true)) beside = rig.host->Reserve("grown", rig.host->free()).value();
  };
  EXPECT_EQ(Serve("a"), Text('a', 10));
  EXPECT_TRUE(taken);
}

TEST(HostEvictionOfFamilies, OnlyWhatNobodyElseHoldsCountsAsFreed) {
  // "a" and "b" have 8 of their 10 bytes in common: the two of them are 12. A load is thought to
  // take half as much again as its file.
  ManagerRig rig(InMode(ControlMode::kExplicit, {"a", "b", "d"}), 25);
  rig.Write("a", 1, "aa++++++++");
  rig.Write("b", 1, "bb++++++++");
  rig.Write("c", 1, Text('c', 8));
  rig.Write("d", 1, Text('d', 2));
  rig.used = {{"a", 1}, {"b", 2}, {"d", 3}};
  ASSERT_EQ(rig.Start(), "OK");
  EXPECT_EQ(rig.host->reserved(), 14U);
  // 12 wanted, 11 free: "a" alone suffices.
  EXPECT_EQ(rig.LoadNow("c"), "OK");
  EXPECT_EQ(rig.Serving("a"), "absent");
  EXPECT_EQ(rig.Serving("b"), "bb++++++++");
  EXPECT_EQ(rig.host->reserved(), 20U);
  // 5 are free and "b", which now has the common bytes alone, frees 10.
  rig.used["c"] = 4;
  EXPECT_EQ(rig.LoadNow("a"), "OK");
  EXPECT_EQ(rig.Serving("b"), "absent");
  EXPECT_EQ(rig.Serving("d"), Text('d', 2));
  EXPECT_EQ(rig.host->reserved(), 20U);
}

TEST(HostEvictionOfFamilies, PinnedModelsHoldWhatOthersShareWithThem) {
  ManagerRig rig(InMode(ControlMode::kExplicit, {"a", "b", "d"}), 25);
  rig.Write("a", 1, "aa++++++++");
  rig.Write("b", 1, "bb++++++++");
  rig.Write("c", 1, Text('c', 10));
  rig.Write("d", 1, Text('d', 6));
  rig.used = {{"a", 1}, {"b", 2}, {"d", 3}};
  rig.pinned = {"b"};
  ASSERT_EQ(rig.Start(), "OK");
  EXPECT_EQ(rig.host->reserved(), 18U);
  // 15 wanted, 7 free: "a" would free 2 and "d" 6, both together what is missing.
  EXPECT_EQ(rig.LoadNow("c"), "OK");
  EXPECT_EQ(rig.Serving("a"), "absent");
  EXPECT_EQ(rig.Serving("d"), "absent");
  EXPECT_EQ(rig.Serving("b"), "bb++++++++");
  EXPECT_EQ(rig.host->reserved(), 20U);
}

TEST(HostEvictionOfFamilies, VersionsOfOneModelLeaveTogether) {
  ManagerRig rig(InMode(ControlMode::kExplicit, {"a", "d"}), 24);
  rig.WriteFile("a/config.pbtxt", "versions: all");
  rig.Write("a", 1, "11++++++++");
  rig.Write("a", 2, "22++++++++");
  rig.Write("c", 1, Text('c', 14));
  rig.Write("d", 1, Text('d', 2));
  rig.used = {{"a", 1}, {"d", 2}};
  ASSERT_EQ(rig.Start(), "OK");
  EXPECT_EQ(rig.host->reserved(), 14U);
  // 21 wanted, 10 free: the versions hold 12 together, although neither frees what both share.
  EXPECT_EQ(rig.LoadNow("c"), "OK");
  EXPECT_EQ(rig.Serving("a"), "absent");
  EXPECT_EQ(rig.Serving("d"), Text('d', 2));
  EXPECT_EQ(rig.host->reserved(), 16U);
}

INSTANTIATE_TEST_SUITE_P(Modes, HostEviction,
                         testing::Values(ControlMode::kNone, ControlMode::kPoll,
                                         ControlMode::kExplicit, ControlMode::kDemand),
                         [](const auto& mode) { return std::string(ControlModeName(mode.param)); });

TEST(HostEvictionExplicit, AnUnloadedModelStaysUnloaded) {
  ManagerRig rig(InMode(ControlMode::kExplicit), 24);
  rig.Write("a", 1, Text('a', 10));
  rig.Write("b", 1, Text('b', 10));
  ASSERT_EQ(rig.Start(), "OK");
  EXPECT_EQ(rig.LoadNow("a"), "OK");
  EXPECT_EQ(rig.LoadNow("b"), "OK");
  EXPECT_EQ(rig.Serving("a"), "absent");
  EXPECT_EQ(rig.UnloadNow("a"), "OK");
  EXPECT_EQ(rig.States("a"), "1:UNAVAILABLE(unloaded)");
  EXPECT_EQ(rig.metrics.FindModel("a", 1), nullptr);
  EXPECT_THAT(rig.Serving("a"), HasSubstr("has no available versions"));
  EXPECT_EQ(rig.LoadNow("a"), "OK");
  EXPECT_EQ(rig.Serving("b"), "absent");
  EXPECT_EQ(rig.LoadNow("b"), "OK");  // by call, as any other
  EXPECT_EQ(rig.Serving("b"), Text('b', 10));
}

TEST(HostEvictionExplicit, OverriddenModelsStay) {
  ManagerRig rig(InMode(ControlMode::kExplicit), 24);
  rig.Write("a", 1, Text('a', 10));
  rig.Write("b", 1, Text('b', 10));
  ASSERT_EQ(rig.Start(), "OK");
  std::string outcome;
  rig.Load({.name = "a", .config_json = "{}"}, outcome);
  rig.RunAll();
  ASSERT_EQ(outcome, "OK");
  EXPECT_EQ(rig.LoadNow("b"), "OK");  // it just fits beside
  EXPECT_EQ(rig.Serving("a"), Text('a', 10));
}

}  // namespace
}  // namespace hadron::model
