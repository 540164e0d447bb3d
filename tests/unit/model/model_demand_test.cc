// ModelManager in mode `demand`: loads on first use, and those who wait for them.
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

TEST(ModelManagerDemand, CataloguesAndLoadsOnFirstUse) {
  ManagerRig rig(InMode(ControlMode::kDemand));
  rig.Write("m", 1, "text");
  rig.Write("broken", 1, "x");
  rig.WriteFile("broken/config.pbtxt", "broken");
  EXPECT_EQ(rig.Start(), "OK");
  EXPECT_THAT(rig.loader.loads, IsEmpty());
  EXPECT_EQ(rig.States("m"), "1:READY");
  EXPECT_EQ(rig.Serving("m"), "absent");
  EXPECT_EQ(rig.States("broken"), "(broken configuration)");
  EXPECT_TRUE(rig.manager->catalogue()->all_ready);
  EXPECT_EQ(rig.metrics.FindModel("m", 1), nullptr);

  const Asking first(rig, "m");
  const Asking second(rig, "m", 1);
  rig.control.RunAll();
  const Asking third(rig, "m");
  EXPECT_EQ(*first.answer + *second.answer + *third.answer, "");
  rig.loader.while_loading = [&] { EXPECT_EQ(rig.States("m"), "1:READY"); };
  rig.RunAll();
  EXPECT_EQ(*first.answer, "text");
  EXPECT_EQ(*second.answer, "text");
  EXPECT_EQ(*third.answer, "text");
  EXPECT_THAT(rig.loader.loads, ElementsAre("m/1"));
  const Asking later(rig, "m");
  EXPECT_EQ(*later.answer, "text");  // at once
  EXPECT_EQ(*Asking(rig, "ghost").answer,
            "NOT_FOUND: Request for unknown model: 'ghost' is not found");
  EXPECT_EQ(*Asking(rig, "m", 2).answer,
            "NOT_FOUND: Request for unknown model: 'm' version 2 is not found");
  EXPECT_THAT(*Asking(rig, "broken").answer, HasSubstr("broken configuration"));
}

TEST(ModelManagerDemand, AWaitEndsWithItsTimeOrItsClient) {
  ManagerRig rig(InMode(ControlMode::kDemand));
  rig.Write("m", 1, "text");
  ASSERT_EQ(rig.Start(), "OK");
  const Asking hasty(rig, "m", {}, milliseconds(250));
  const Asking gone(rig, "m");
  const Asking patient(rig, "m");
  rig.loader.while_loading = [&] {
    gone.hung_up->store(true);
    rig.clock.Advance(milliseconds(300));
    std::vector<base::Task> due;
    for (auto& [when, task] : rig.timers) due.push_back(std::move(task));
    rig.timers.clear();
    for (base::Task& task : due) rig.control.Post(std::move(task));
    rig.control.RunAll();
    EXPECT_THAT(*hasty.answer, HasSubstr("UNAVAILABLE: Request timeout expired"));
    EXPECT_THAT(*gone.answer, HasSubstr("CANCELLED"));
    EXPECT_EQ(*patient.answer, "");
  };
  rig.RunAll();
  EXPECT_EQ(*patient.answer, "text");
  EXPECT_EQ(rig.Serving("m"), "text");
}

TEST(ModelManagerDemand, AFailureIsAnsweredUntilItsTimeHasCome) {
  ManagerRig rig(InMode(ControlMode::kDemand));
  rig.Write("m", 1, "bad luck");
  ASSERT_EQ(rig.Start(), "OK");
  const Asking first(rig, "m");
  rig.RunAll();
  EXPECT_THAT(*first.answer, HasSubstr("UNAVAILABLE: load failed for model 'm': version 1 is at "
                                       "UNAVAILABLE state: bad luck;"));
  EXPECT_EQ(rig.States("m"), "1:UNAVAILABLE(bad luck)");
  EXPECT_THAT(*Asking(rig, "m").answer, HasSubstr("bad luck"));
  EXPECT_THAT(*Asking(rig, "m", 1).answer, HasSubstr("version 1 is not at ready state: load"));
  EXPECT_EQ(rig.loader.loads.size(), 1U);
  rig.Write("m", 1, "good luck");
  rig.Advance(seconds(1));
  const Asking second(rig, "m");
  rig.RunAll();
  EXPECT_EQ(*second.answer, "good luck");
}

TEST(ModelManagerDemand, AChangedDirectoryEndsAFailure) {
  ManagerRig rig(InMode(ControlMode::kDemand));
  rig.Write("m", 1, "x");
  rig.WriteFile("m/config.pbtxt", "broken");
  ASSERT_EQ(rig.Start(), "OK");
  rig.WriteFile("m/config.pbtxt", "mended by now");
  rig.Advance(kPoll);
  EXPECT_EQ(rig.States("m"), "(broken configuration)");
  rig.Advance(kPoll);
  EXPECT_EQ(rig.States("m"), "1:READY");
  const Asking asking(rig, "m");
  rig.RunAll();
  EXPECT_EQ(*asking.answer, "x");
}

TEST(ModelManagerDemand, AnUnloadByCallSticks) {
  ManagerRig rig(InMode(ControlMode::kDemand));
  rig.Write("m", 1, "text");
  rig.Write("never", 1, "loaded");
  ASSERT_EQ(rig.Start(), "OK");
  const Asking first(rig, "m");
  rig.RunAll();
  EXPECT_EQ(rig.UnloadNow("m"), "OK");
  EXPECT_EQ(rig.UnloadNow("never"), "OK");
  for (const char* model : {"m", "never"}) {
    EXPECT_EQ(rig.States(model), "1:UNAVAILABLE(unloaded)");
    EXPECT_THAT(*Asking(rig, model).answer, HasSubstr("has no available versions"));
  }
  rig.Write("m", 1, "changed meanwhile");
  rig.Advance(kPoll);
  rig.Advance(kPoll);
  EXPECT_EQ(rig.States("m"), "1:UNAVAILABLE(unloaded)");
  EXPECT_EQ(rig.LoadNow("m"), "OK");
  EXPECT_EQ(rig.Serving("m"), "changed meanwhile");
}

TEST(ModelManagerDemand, AnUnloadTellsThoseWhoWait) {
  ManagerRig rig(InMode(ControlMode::kDemand));
  rig.Write("m", 1, "text");
  ASSERT_EQ(rig.Start(), "OK");
  const Asking asking(rig, "m");
  rig.loader.while_loading = [&] {
    rig.manager->Unload("m", [](base::Status) {});
    rig.control.RunAll();
  };
  rig.RunAll();
  EXPECT_THAT(*asking.answer, HasSubstr("has no available versions"));
  EXPECT_EQ(rig.loader.alive, 0);
}

TEST(ModelManagerDemand, ALoadCallTakesThoseWhoWaitAlong) {
  ManagerRig rig(InMode(ControlMode::kDemand));
  rig.Write("m", 1, "text");
  ASSERT_EQ(rig.Start(), "OK");
  const Asking asking(rig, "m");
  std::string outcome;
  rig.loader.while_loading = [&] {
    rig.loader.while_loading = nullptr;
    rig.Load({.name = "m"}, outcome);
    rig.control.RunAll();
  };
  rig.RunAll();
  EXPECT_EQ(outcome, "OK");
  EXPECT_EQ(*asking.answer, "text");
}

TEST(ModelManagerDemand, ANewVersionIsLoadedByItsFirstUse) {
  ManagerRig rig(InMode(ControlMode::kDemand));
  rig.Write("m", 1, "one");
  ASSERT_EQ(rig.Start(), "OK");
  const Asking first(rig, "m");
  rig.RunAll();
  rig.Write("m", 2, "two!");
  rig.Advance(kPoll);
  rig.Advance(kPoll);
  EXPECT_EQ(rig.States("m"), "1:READY 2:READY");
  EXPECT_EQ(rig.Serving("m"), "absent");
  EXPECT_EQ(rig.Serving("m", 1), "one");
  const Asking second(rig, "m");
  rig.RunAll();
  EXPECT_EQ(*second.answer, "two!");
  EXPECT_EQ(rig.States("m"), "1:UNAVAILABLE(unloaded) 2:READY");
}

TEST(ModelManagerDemand, AChangeOfWhatIsLoadedIsFollowed) {
  ManagerRig rig(InMode(ControlMode::kDemand));
  rig.Write("m", 1, "one");
  ASSERT_EQ(rig.Start(), "OK");
  const Asking first(rig, "m");
  rig.RunAll();
  rig.Write("m", 1, "one changed");
  rig.Advance(kPoll);
  rig.Advance(kPoll);
  EXPECT_EQ(rig.Serving("m"), "one changed");
}

TEST(ModelManagerStop, TellsEverybody) {
  ManagerRig rig(InMode(ControlMode::kDemand));
  rig.Write("m", 1, "text");
  rig.Write("n", 1, "text");
  ASSERT_EQ(rig.Start(), "OK");
  const Asking waiting(rig, "m");
  std::string loaded;
  rig.Load({.name = "n"}, loaded);
  rig.control.RunAll();
  rig.manager->Stop();
  rig.control.RunAll();
  EXPECT_THAT(*waiting.answer, HasSubstr("Server exiting"));
  EXPECT_THAT(loaded, HasSubstr("Server exiting"));
  const Asking late(rig, "m");
  rig.RunAll();
  EXPECT_THAT(*late.answer, HasSubstr("Server exiting"));
  EXPECT_THAT(rig.LoadNow("n"), HasSubstr("Server exiting"));
  EXPECT_EQ(rig.loader.alive, 0);
}

/// A model that somebody has asked about, in mode demand: compiled, and not tried out.
class AskedAbout : public testing::Test {
 protected:
  AskedAbout() {
    rig.Write("m", 1, "first");
    EXPECT_EQ(rig.Start(), "OK");
    const Asking about = About();
    rig.RunAll();
    EXPECT_EQ(*about.answer, "first");
  }
  Asking About() { return {rig, "m", {}, seconds(30), Rung::kCompiled}; }

  ManagerRig rig{InMode(ControlMode::kDemand)};
};

TEST_F(AskedAbout, ItIsLoadedOnceAndTriedOutByItsFirstRequest) {
  EXPECT_EQ(rig.Serving("m"), "absent");
  EXPECT_EQ(rig.States("m"), "1:READY");
  EXPECT_EQ(*About().answer, "first") << "at once";
  EXPECT_THAT(rig.loader.loads, ElementsAre("m/1"));
  const Asking request(rig, "m");
  rig.RunAll();
  EXPECT_EQ(*request.answer, "first");
  EXPECT_EQ(rig.Serving("m"), "first");
  EXPECT_EQ(rig.loader.alive, 1);
  EXPECT_THAT(rig.events, ElementsAre("ready first"));
}

TEST_F(AskedAbout, ALoadCallBringsItAllTheWay) {
  EXPECT_EQ(rig.LoadNow("m"), "OK");
  EXPECT_EQ(rig.Serving("m"), "first");
  EXPECT_EQ(rig.loader.alive, 1);
}

TEST_F(AskedAbout, WhatFailsOnTheDeviceIsGoneAndTriedAgain) {
  rig.loader.failures = 1;
  const Asking request(rig, "m");
  rig.RunAll();
  EXPECT_THAT(*request.answer, HasSubstr("bad on the device"));
  EXPECT_THAT(rig.States("m"), HasSubstr("1:UNAVAILABLE(bad on the device"));
  EXPECT_EQ(rig.loader.alive, 0);
  rig.Advance(seconds(2));
  const Asking later(rig, "m");
  rig.RunAll();
  EXPECT_EQ(*later.answer, "first");
}

TEST_F(AskedAbout, AChangedFileIsLoadedNoFurther) {
  rig.Write("m", 1, "second, and longer");
  rig.Advance(kPoll);
  rig.Advance(kPoll);
  EXPECT_EQ(*About().answer, "second, and longer");
  EXPECT_EQ(rig.Serving("m"), "absent");
}

TEST(ModelDemandAsk, ARequestDuringTheAskingGoesFurther) {
  ManagerRig rig(InMode(ControlMode::kDemand));
  rig.Write("m", 1, "first");
  EXPECT_EQ(rig.Start(), "OK");
  const Asking about(rig, "m", {}, seconds(30), Rung::kCompiled);
  rig.control.RunOne();
  const Asking request(rig, "m");
  rig.RunAll();
  EXPECT_EQ(*about.answer + *request.answer, "firstfirst");
  EXPECT_EQ(rig.loader.alive, 1);
}

}  // namespace
}  // namespace hadron::model
