#include "model/model_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/model/manager_rig.h"

namespace hadron::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kNewer[] = "Newer operation has been applied";

// ---- start --------------------------------------------------------------------------------------

TEST(ModelManagerStart, LoadsEverythingByItsVersionPolicy) {
  ManagerRig rig(InMode(ControlMode::kNone));
  rig.Write("one", 1, "one-1");
  rig.Write("two", 1, "two-1");
  rig.Write("two", 2, "two-2");
  EXPECT_FALSE(rig.manager->catalogue()->loaded);
  EXPECT_EQ(rig.Serving("one"), "UNAVAILABLE: the server is starting: models are not known yet");
  EXPECT_EQ(rig.Start(), "OK");
  EXPECT_EQ(rig.Serving("one"), "one-1");
  EXPECT_EQ(rig.Serving("two"), "two-2");
  EXPECT_EQ(rig.States("two"), "2:READY");
  EXPECT_TRUE(rig.manager->catalogue()->loaded);
  EXPECT_TRUE(rig.manager->catalogue()->all_ready);
  EXPECT_THAT(rig.timers, IsEmpty());  // mode none looks at nothing again
  EXPECT_THAT(rig.manager->CheckChangesAllowed().message(),
              HasSubstr("explicit model load / unload is not allowed if polling is enabled"));
}

TEST(ModelManagerStart, NamesWhatFailedAndServesTheRest) {
  ManagerRig rig(InMode(ControlMode::kNone));
  rig.Write("good", 1, "good-1");
  rig.Write("worse", 1, "bad file");
  rig.Write("unread", 1, "x");
  rig.WriteFile("unread/config.pbtxt", "broken");
  const std::string outcome = rig.Start();
  EXPECT_THAT(outcome, HasSubstr("2 of the models failed to load"));
  EXPECT_THAT(outcome, HasSubstr("load failed for model 'worse': version 1 is at UNAVAILABLE "
                                 "state: bad file;"));
  EXPECT_THAT(outcome, HasSubstr("'unread': broken configuration"));
  EXPECT_EQ(rig.Serving("good"), "good-1");
  EXPECT_EQ(rig.States("worse"), "1:UNAVAILABLE(bad file)");
  EXPECT_EQ(rig.States("unread"), "(broken configuration)");
  EXPECT_FALSE(rig.manager->catalogue()->all_ready);
}

TEST(ModelManagerStart, ExplicitLoadsWhatItIsToldTo) {
  ManagerRig rig(InMode(ControlMode::kExplicit, {"one"}));
  rig.Write("one", 1, "one-1");
  rig.Write("two", 1, "bad");
  EXPECT_EQ(rig.Start(), "OK");
  EXPECT_EQ(rig.Serving("one"), "one-1");
  EXPECT_EQ(rig.States("two"), "");  // known, and never asked for
  EXPECT_TRUE(rig.manager->catalogue()->all_ready);
}

TEST(ModelManagerStart, FollowsALoadCallThatWasQuicker) {
  ManagerRig rig(InMode(ControlMode::kExplicit, {"one"}));
  rig.Write("one", 1, "one-1");
  std::string called;
  std::string started = "not yet";
  rig.Load({.name = "one"}, called);
  rig.control.RunAll();
  rig.manager->Start([&](base::Status status) { started = status.ToString(); });
  rig.RunAll();
  EXPECT_EQ(called, "OK");
  EXPECT_EQ(started, "OK");
  EXPECT_EQ(rig.Serving("one"), "one-1");
  EXPECT_EQ(rig.loader.loads.size(), 1U);
}

TEST(ModelManagerStart, ExplicitStarLoadsAll) {
  ManagerRig rig(InMode(ControlMode::kExplicit, {"*"}));
  rig.Write("one", 1, "one-1");
  rig.Write("two", 1, "two-1");
  EXPECT_EQ(rig.Start(), "OK");
  EXPECT_THAT(rig.loader.loads, testing::UnorderedElementsAre("one/1", "two/1"));
}

TEST(ModelManagerStart, ExplicitNamesAModelThatIsNotThere) {
  ManagerRig rig(InMode(ControlMode::kExplicit, {"ghost"}));
  EXPECT_THAT(rig.Start(),
              HasSubstr("failed to load 'ghost', failed to poll from model repository"));
  EXPECT_FALSE(rig.manager->catalogue()->all_ready);
}

TEST(ModelManagerStart, RetriesAsOftenAsItMay) {
  ModelManager::Options options = InMode(ControlMode::kNone);
  options.load_retries = 2;
  ManagerRig rig(options);
  rig.Write("m", 1, "fine");
  rig.loader.failures = 2;
  EXPECT_EQ(rig.Start(), "OK");
  EXPECT_EQ(rig.loader.loads.size(), 3U);
  EXPECT_EQ(rig.Serving("m"), "fine");
}

// ---- load and unload ----------------------------------------------------------------------------

TEST(ModelManagerLoad, ReplacesWhatServesOnlyWhenTheNewOneIsReady) {
  ManagerRig rig(InMode(ControlMode::kExplicit, {"m"}));
  rig.Write("m", 1, "old");
  ASSERT_EQ(rig.Start(), "OK");
  rig.Write("m", 1, "newer");
  rig.loader.while_loading = [&] {
    EXPECT_EQ(rig.Serving("m"), "old");
    EXPECT_EQ(rig.States("m"), "1:READY");
    EXPECT_TRUE(rig.manager->catalogue()->all_ready);
  };
  EXPECT_EQ(rig.LoadNow("m"), "OK");
  EXPECT_EQ(rig.Serving("m"), "newer");
  EXPECT_THAT(rig.events, ElementsAre("ready old", "ready newer", "gone old"));
  EXPECT_EQ(rig.loader.alive, 1);
}

TEST(ModelManagerLoad, LeavesAloneWhatHasNotChanged) {
  ManagerRig rig(InMode(ControlMode::kExplicit, {"m"}));
  rig.WriteFile("m/config.pbtxt", "versions: all");
  rig.Write("m", 1, "a");
  ASSERT_EQ(rig.Start(), "OK");
  const ModelHandle before = *rig.manager->Find("m", 1);
  rig.Write("m", 2, "b");
  EXPECT_EQ(rig.LoadNow("m"), "OK");
  EXPECT_EQ(*rig.manager->Find("m", 1), before);
  EXPECT_EQ(rig.States("m"), "1:READY 2:READY");
  EXPECT_THAT(rig.loader.loads, ElementsAre("m/1", "m/2"));
}

TEST(ModelManagerLoad, AllVersionsOrNone) {
  ManagerRig rig(InMode(ControlMode::kExplicit, {"m"}));
  rig.WriteFile("m/config.pbtxt", "versions: all");
  rig.Write("m", 1, "one");
  ASSERT_EQ(rig.Start(), "OK");
  rig.Write("m", 1, "one again");
  rig.Write("m", 2, "bad two");
  EXPECT_THAT(rig.LoadNow("m"), HasSubstr("load failed for model 'm': version 2 is at UNAVAILABLE "
                                          "state: bad two;"));
  EXPECT_EQ(rig.Serving("m"), "one");
  EXPECT_EQ(rig.States("m"), "1:READY 2:UNAVAILABLE(bad two)");
  EXPECT_EQ(rig.loader.alive, 1);
  EXPECT_THAT(rig.events, ElementsAre("ready one"));
}

TEST(ModelManagerLoad, AVersionNoLongerWantedRetires) {
  ManagerRig rig(InMode(ControlMode::kExplicit, {"m"}));
  rig.Write("m", 1, "one");
  ASSERT_EQ(rig.Start(), "OK");
  rig.Write("m", 2, "two");
  EXPECT_EQ(rig.LoadNow("m"), "OK");
  EXPECT_EQ(rig.States("m"), "1:UNAVAILABLE(unloaded) 2:READY");
  EXPECT_THAT(rig.events, ElementsAre("ready one", "ready two", "gone one"));
}

TEST(ModelManagerLoad, ANewerLoadSupersedesAnOlder) {
  ManagerRig rig(InMode(ControlMode::kExplicit));
  rig.Write("m", 1, "text");
  ASSERT_EQ(rig.Start(), "OK");
  std::string first;
  std::string second;
  std::string third;
  rig.Load({.name = "m"}, first);
  rig.control.RunAll();
  rig.loader.while_loading = [&] {
    rig.loader.while_loading = nullptr;
    rig.Load({.name = "m"}, second);
    rig.Load({.name = "m"}, third);
    rig.control.RunAll();
    EXPECT_THAT(first, HasSubstr(kNewer));
    EXPECT_THAT(second, HasSubstr(kNewer));
    EXPECT_EQ(third, "not yet");
  };
  rig.RunAll();
  EXPECT_EQ(third, "OK");
  EXPECT_THAT(rig.loader.loads, ElementsAre("m/1", "m/1"));
  EXPECT_EQ(rig.loader.alive, 1);
  EXPECT_EQ(rig.Serving("m"), "text");
}

TEST(ModelManagerLoad, AnUnloadSupersedesALoad) {
  ManagerRig rig(InMode(ControlMode::kExplicit));
  rig.Write("m", 1, "text");
  ASSERT_EQ(rig.Start(), "OK");
  std::string loaded;
  std::string unloaded = "not yet";
  rig.Load({.name = "m"}, loaded);
  rig.loader.while_loading = [&] {
    rig.manager->Unload("m", [&](base::Status status) { unloaded = status.ToString(); });
    rig.control.RunAll();
    EXPECT_THAT(loaded, HasSubstr(kNewer));
    EXPECT_EQ(unloaded, "OK");
  };
  rig.RunAll();
  EXPECT_THAT(rig.Serving("m"), HasSubstr("has no available versions"));
  EXPECT_EQ(rig.loader.alive, 0);
  EXPECT_THAT(rig.events, IsEmpty());
  rig.loader.while_loading = nullptr;
  EXPECT_EQ(rig.LoadNow("m"), "OK");
  EXPECT_EQ(rig.Serving("m"), "text");
}

TEST(ModelManagerLoad, RefusesWhatMakesNoSense) {
  ManagerRig rig(InMode(ControlMode::kExplicit));
  ASSERT_EQ(rig.Start(), "OK");
  const struct {
    LoadRequest request;
    const char* says;
  } rows[] = {
      {{"", {}, {}}, "INVALID_ARGUMENT: Model name cannot be empty"},
      {{" ", {}, {}}, "Model name cannot be empty"},
      {{"..", {}, {}}, "model name must not contain path traversal characters"},
      {{"a/b", {}, {}}, "model name must not contain path traversal characters"},
      {{".hidden", {}, {}}, "must not begin with '.'"},
      {{"m", {}, {{"1/model.onnx", {}}}},
       "Load parameter 'config' must be specified for model file override"},
      {{"m", "{}", {{"../x", {}}}}, "must stay within model directory"},
      {{"m", "{}", {{"/etc/x", {}}}}, "must stay within model directory"},
      {{"m", "{}", {{"", {}}}}, "must stay within model directory"},
      {{"m", "{", {}}, "INVALID_ARGUMENT: Invalid config override"},
      {{"m", "{\"no_such_field\": 1}", {}}, "Invalid config override"},
      {{"ghost", {}, {}},
       "NOT_FOUND: failed to load 'ghost', failed to poll from model repository"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.says);
    std::string outcome;
    rig.Load({row.request.name, row.request.config_json, row.request.files}, outcome);
    rig.RunAll();
    EXPECT_THAT(outcome, HasSubstr(row.says));
  }
  EXPECT_THAT(rig.manager->catalogue()->models, IsEmpty());  // nothing of it is remembered
}

TEST(ModelManagerUnload, WaitsForTheLastHandle) {
  ManagerRig rig(InMode(ControlMode::kExplicit, {"m"}));
  rig.Write("m", 1, "text");
  ASSERT_EQ(rig.Start(), "OK");
  ModelHandle held = *rig.manager->Find("m", std::nullopt);
  EXPECT_EQ(rig.UnloadNow("m"), "OK");
  EXPECT_EQ(rig.States("m"), "1:UNLOADING");
  EXPECT_EQ(rig.Serving("m"),
            "NOT_FOUND: Request for unknown model: 'm' has no available versions");
  EXPECT_THAT(rig.Serving("m", 1), HasSubstr("version 1 is not at ready state"));
  EXPECT_EQ(rig.loader.alive, 1);
  EXPECT_NE(rig.metrics.FindModel("m", 1), nullptr);
  EXPECT_EQ(rig.metrics.FindModel("m", 1)->state(), "UNLOADING");
  held.reset();
  EXPECT_EQ(rig.loader.alive, 1);  // not on the thread that happened to be the last
  while (rig.control.RunOne()) {
  }
  EXPECT_EQ(rig.States("m"), "1:UNLOADING");  // the memory is not back yet
  rig.RunAll();
  EXPECT_EQ(rig.loader.alive, 0);
  EXPECT_EQ(rig.States("m"), "1:UNAVAILABLE(unloaded)");
  EXPECT_EQ(rig.metrics.FindModel("m", 1), nullptr);
  EXPECT_TRUE(rig.manager->catalogue()->all_ready);
  EXPECT_THAT(rig.events, ElementsAre("ready text", "gone text"));
}

TEST(ModelManagerUnload, AReloadBesideAnInstanceThatRetires) {
  ManagerRig rig(InMode(ControlMode::kExplicit, {"m"}));
  rig.Write("m", 1, "text");
  ASSERT_EQ(rig.Start(), "OK");
  ModelHandle held = *rig.manager->Find("m", std::nullopt);
  EXPECT_EQ(rig.UnloadNow("m"), "OK");
  EXPECT_EQ(rig.LoadNow("m"), "OK");
  EXPECT_EQ(rig.States("m"), "1:READY");
  EXPECT_EQ(rig.loader.alive, 2);
  held.reset();
  rig.RunAll();
  EXPECT_EQ(rig.States("m"), "1:READY");
  EXPECT_EQ(rig.loader.alive, 1);
  EXPECT_NE(rig.metrics.FindModel("m", 1), nullptr);
}

TEST(ModelManagerUnload, MakesAServerReadyThatAModelKeptFromIt) {
  ManagerRig rig(InMode(ControlMode::kExplicit));
  rig.Write("m", 1, "bad");
  rig.Write("n", 1, "x");
  rig.WriteFile("n/config.pbtxt", "broken");
  ASSERT_EQ(rig.Start(), "OK");
  for (const char* model : {"m", "n"}) {
    EXPECT_TRUE(rig.manager->catalogue()->all_ready);
    EXPECT_THAT(rig.LoadNow(model), HasSubstr("INVALID_ARGUMENT: load failed for model"));
    EXPECT_FALSE(rig.manager->catalogue()->all_ready);
    EXPECT_EQ(rig.UnloadNow(model), "OK");
  }
  EXPECT_TRUE(rig.manager->catalogue()->all_ready);
}

TEST(ModelManagerUnload, OfNothingIsFine) {
  ManagerRig rig(InMode(ControlMode::kExplicit));
  rig.Write("m", 1, "text");
  ASSERT_EQ(rig.Start(), "OK");
  EXPECT_EQ(rig.UnloadNow("ghost"), "OK");
  EXPECT_EQ(rig.UnloadNow("m"), "OK");
  EXPECT_EQ(rig.States("ghost"), "none");
  EXPECT_EQ(rig.LoadNow("m"), "OK");
}

TEST(ModelManagerLoad, OverridesLastUntilThePlainLoad) {
  ManagerRig rig(InMode(ControlMode::kExplicit, {"m"}));
  rig.Write("m", 1, "of the repository");
  ASSERT_EQ(rig.Start(), "OK");
  std::string outcome;
  LoadRequest request{"m", "{}", {}};
  request.files.push_back({"7/model.onnx", base::IoBuf::FromString("of the call")});
  rig.Load(std::move(request), outcome);
  rig.RunAll();
  EXPECT_EQ(outcome, "OK");
  EXPECT_EQ(rig.Serving("m"), "of the call");
  EXPECT_EQ(rig.States("m"), "1:UNAVAILABLE(unloaded) 7:READY");
  EXPECT_EQ(rig.LoadNow("m"), "OK");
  EXPECT_EQ(rig.Serving("m"), "of the repository");
}

TEST(ModelManagerLoad, AModelOfAnOverrideAloneIsListedWhileItLives) {
  ManagerRig rig(InMode(ControlMode::kExplicit));
  ASSERT_EQ(rig.Start(), "OK");
  std::string outcome;
  LoadRequest request{"new", "{}", {}};
  request.files.push_back({"1/model.onnx", base::IoBuf::FromString("of the call")});
  rig.Load(std::move(request), outcome);
  rig.RunAll();
  EXPECT_EQ(outcome, "OK");
  EXPECT_EQ(rig.States("new"), "1:READY");
  rig.Advance(kPoll);
  EXPECT_EQ(rig.States("new"), "1:READY");
  EXPECT_EQ(rig.UnloadNow("new"), "OK");
  EXPECT_EQ(rig.States("new"), "none");
}

TEST(ModelManagerLoad, AConfigOverrideBuildsAnew) {
  ManagerRig rig(InMode(ControlMode::kExplicit, {"m"}));
  rig.Write("m", 1, "text");
  ASSERT_EQ(rig.Start(), "OK");
  std::string outcome;
  rig.Load({"m", "{}", {}}, outcome);
  rig.RunAll();
  EXPECT_EQ(outcome, "OK");
  EXPECT_EQ(rig.loader.loads.size(), 2U);
  EXPECT_EQ(rig.LoadNow("m"), "OK");  // and the plain one takes it back
  EXPECT_EQ(rig.loader.loads.size(), 3U);
}

// ---- poll ---------------------------------------------------------------------------------------

TEST(ModelManagerPoll, LoadsANewDirectoryWhenItHasComeToRest) {
  ManagerRig rig(InMode(ControlMode::kPoll));
  ASSERT_EQ(rig.Start(), "OK");
  rig.Write("m", 1, "hal");
  rig.Advance(kPoll);
  EXPECT_EQ(rig.States("m"), "none");
  rig.Write("m", 1, "half of");
  rig.Advance(kPoll);
  EXPECT_EQ(rig.States("m"), "none");
  rig.Write("m", 1, "the whole text");
  rig.Advance(kPoll);
  EXPECT_THAT(rig.loader.loads, IsEmpty());
  rig.Advance(kPoll);
  EXPECT_EQ(rig.Serving("m"), "the whole text");
  rig.Advance(kPoll);
  rig.Advance(kPoll);
  EXPECT_EQ(rig.loader.loads.size(), 1U);
}

TEST(ModelManagerPoll, FollowsChangesAndRemovals) {
  ManagerRig rig(InMode(ControlMode::kPoll));
  rig.Write("m", 1, "one");
  ASSERT_EQ(rig.Start(), "OK");
  rig.Write("m", 2, "two!");
  rig.Advance(kPoll);
  EXPECT_EQ(rig.Serving("m"), "one");
  rig.Advance(kPoll);
  EXPECT_EQ(rig.Serving("m"), "two!");
  EXPECT_EQ(rig.States("m"), "1:UNAVAILABLE(unloaded) 2:READY");
  std::filesystem::remove_all(rig.directory / "m");
  rig.Advance(kPoll);
  EXPECT_EQ(rig.States("m"), "none");
  EXPECT_EQ(rig.loader.alive, 0);
  rig.Write("m", 1, "back again");
  rig.Advance(kPoll);
  rig.Advance(kPoll);
  EXPECT_EQ(rig.Serving("m"), "back again");
}

TEST(ModelManagerPoll, AFailedLoadWaitsForAChange) {
  ManagerRig rig(InMode(ControlMode::kPoll));
  rig.Write("m", 1, "good");
  ASSERT_EQ(rig.Start(), "OK");
  rig.Write("m", 1, "bad one");
  rig.Advance(kPoll);
  rig.Advance(kPoll);
  EXPECT_EQ(rig.loader.loads.size(), 2U);
  EXPECT_EQ(rig.Serving("m"), "good");
  rig.Advance(kPoll);
  EXPECT_EQ(rig.loader.loads.size(), 2U);
  rig.Write("m", 1, "good again");
  rig.Advance(kPoll);
  rig.Advance(kPoll);
  EXPECT_EQ(rig.Serving("m"), "good again");
}

TEST(ModelManagerPoll, AStoreThatCannotBeListedRemovesNothing) {
  ManagerRig rig(InMode(ControlMode::kPoll));
  rig.Write("m", 1, "text");
  ASSERT_EQ(rig.Start(), "OK");
  const auto aside = rig.directory.string() + "-aside";
  std::filesystem::rename(rig.directory, aside);
  rig.Advance(kPoll);
  EXPECT_EQ(rig.Serving("m"), "text");
  std::filesystem::rename(aside, rig.directory);
  rig.Advance(kPoll);
  EXPECT_EQ(rig.Serving("m"), "text");
}

TEST(ModelManagerPoll, ExplicitListsWhatIsNewAndLoadsNothing) {
  ManagerRig rig(InMode(ControlMode::kExplicit));
  ASSERT_EQ(rig.Start(), "OK");
  rig.Write("m", 1, "text");
  rig.Advance(kPoll);
  EXPECT_EQ(rig.States("m"), "");
  EXPECT_THAT(rig.loader.loads, IsEmpty());
  std::filesystem::remove_all(rig.directory / "m");
  rig.Advance(kPoll);
  EXPECT_EQ(rig.States("m"), "none");
}

}  // namespace
}  // namespace hadron::model
