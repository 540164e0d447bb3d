// Ensembles and their members, from call to unload.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/model/manager_rig.h"

namespace hadron::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A repository with ensembles, which are chains of models from "x" to "y".
class EnsembleRig : public ManagerRig {
 public:
  using ManagerRig::ManagerRig;

  void WriteEnsemble(const std::string& name, const std::vector<std::string>& members,
                     const std::string& type = "TYPE_FP32") {
    const std::string io = "data_type: " + type + " dims: 4 } ";
    std::string text = "platform: 'ensemble' input { name: 'x' " + io + "output { name: 'y' " + io +
                       "ensemble_scheduling { ";
    for (std::size_t i = 0; i < members.size(); ++i) {
      const std::string from = i == 0 ? "x" : "t" + std::to_string(i);
      const std::string to = i + 1 == members.size() ? "y" : "t" + std::to_string(i + 1);
      text += "step { model_name: '" + members[i] + "' model_version: -1 input_map { key: 'x' " +
              "value: '" + from + "' } output_map { key: 'y' value: '" + to + "' } } ";
    }
    WriteFile(name + "/config.pbtxt", text + "}");
  }
  std::string UnloadWithDependents(const std::string& model) {
    std::string outcome = "not yet";
    manager->Unload(
        model, [&outcome](base::Status status) { outcome = status.ToString(); }, true);
    RunAll();
    return outcome;
  }
};

TEST(Dependents, AreLoadedForTheEnsembleAndGoWithTheLastOne) {
  EnsembleRig rig(InMode(ControlMode::kExplicit));
  for (const char* name : {"a", "b", "c"}) rig.Write(name, 1, name);
  rig.WriteEnsemble("e", {"a", "b"});
  rig.WriteEnsemble("f", {"b", "c"});
  EXPECT_EQ(rig.Start(), "OK");
  EXPECT_EQ(rig.LoadNow("a"), "OK");  // for its own sake
  EXPECT_EQ(rig.LoadNow("e"), "OK");
  EXPECT_EQ(rig.LoadNow("f"), "OK");
  EXPECT_THAT(rig.loader.loads, ElementsAre("a/1", "b/1", "e/1", "c/1", "f/1"));
  EXPECT_EQ(rig.States("e"), "1:READY");

  EXPECT_EQ(rig.UnloadWithDependents("e"), "OK");
  EXPECT_EQ(rig.States("a"), "1:READY") << "somebody has called for it";
  EXPECT_EQ(rig.States("b"), "1:READY") << "f uses it";
  EXPECT_EQ(rig.UnloadNow("f"), "OK");
  EXPECT_EQ(rig.States("b"), "1:READY") << "nobody has asked for its end";
  EXPECT_EQ(rig.UnloadWithDependents("f"), "OK");
  EXPECT_EQ(rig.States("b"), "1:UNAVAILABLE(unloaded)");
  EXPECT_EQ(rig.States("c"), "1:UNAVAILABLE(unloaded)");
  EXPECT_EQ(rig.States("a"), "1:READY");
}

TEST(Dependents, OfAnEnsembleInAnEnsembleGoToo) {
  EnsembleRig rig(InMode(ControlMode::kExplicit, {"outer"}));
  rig.Write("leaf", 1, "leaf");
  rig.WriteEnsemble("inner", {"leaf"});
  rig.WriteEnsemble("outer", {"inner", "leaf"});
  EXPECT_EQ(rig.Start(), "OK");
  for (const char* name : {"leaf", "inner", "outer"}) EXPECT_EQ(rig.States(name), "1:READY");
  EXPECT_EQ(rig.UnloadWithDependents("outer"), "OK");
  for (const char* name : {"leaf", "inner", "outer"}) {
    EXPECT_EQ(rig.States(name), "1:UNAVAILABLE(unloaded)") << name;
  }
}

TEST(Dependents, DecideWhetherTheEnsembleIsReady) {
  EnsembleRig rig(InMode(ControlMode::kExplicit));
  rig.Write("a", 1, "a");
  rig.WriteEnsemble("e", {"a", "b"});
  EXPECT_EQ(rig.Start(), "OK");
  EXPECT_THAT(rig.LoadNow("e"),
              HasSubstr("load failed for model 'e': step 1: model 'b' is in no model repository"));
  EXPECT_THAT(rig.States("e"), HasSubstr("1:UNAVAILABLE(step 1: model 'b'"));
  EXPECT_THAT(rig.Serving("e"), HasSubstr("ensemble 'e' is not ready: step 1: model 'b'"));
  EXPECT_FALSE(rig.manager->catalogue()->all_ready);

  rig.Write("b", 1, "b");
  EXPECT_EQ(rig.LoadNow("b"), "OK");
  EXPECT_EQ(rig.States("e"), "1:READY");
  EXPECT_TRUE(rig.manager->catalogue()->all_ready);
  EXPECT_EQ(rig.UnloadNow("a"), "OK");
  EXPECT_EQ(rig.States("e"), "1:UNAVAILABLE(step 0: model 'a' is not ready: unloaded)");
  EXPECT_EQ(rig.LoadNow("e"), "OK") << "a call brings the members back";
  EXPECT_EQ(rig.States("e"), "1:READY");
}

TEST(Dependents, ThatDoNotFitFailTheLoadByName) {
  EnsembleRig rig(InMode(ControlMode::kExplicit));
  rig.Write("a", 1, "a");
  rig.Write("whole", 1, "int32 numbers");
  rig.WriteEnsemble("e", {"a", "whole"});
  EXPECT_EQ(rig.Start(), "OK");
  EXPECT_THAT(rig.LoadNow("e"),
              HasSubstr("tensor 't1': output 'y' of step 0 (model 'a') has the datatype FP32, "
                        "input 'x' of step 1 (model 'whole') INT32"));
  // One that serves goes on serving what it was.
  rig.WriteEnsemble("e", {"a"});
  EXPECT_EQ(rig.LoadNow("e"), "OK");
  rig.WriteEnsemble("e", {"a", "whole", "whole"});
  EXPECT_THAT(rig.LoadNow("e"), HasSubstr("tensor 't1'"));
  EXPECT_EQ(rig.States("e"), "1:READY");
  EXPECT_EQ((*rig.manager->Find("e", {}))->config().ensemble()->steps.size(), 1U);
}

TEST(Dependents, InACircleAreRefusedAndKeepNobodyWaiting) {
  for (const ControlMode mode : {ControlMode::kNone, ControlMode::kExplicit}) {
    EnsembleRig rig(InMode(mode, {"*"}));
    rig.WriteEnsemble("a", {"b"});
    rig.WriteEnsemble("b", {"c"});
    rig.WriteEnsemble("c", {"a"});
    rig.WriteEnsemble("self", {"self"});
    const std::string outcome = rig.Start();
    EXPECT_THAT(outcome, HasSubstr("the ensembles contain each other: a -> b -> c -> a"));
    EXPECT_THAT(outcome, HasSubstr("self -> self"));
    EXPECT_THAT(rig.States("b"), HasSubstr("UNAVAILABLE(the ensembles contain each other"));
  }
}

TEST(Dependents, StartTogetherWithTheEnsemble) {
  EnsembleRig rig(InMode(ControlMode::kNone));
  rig.WriteEnsemble("a_first", {"m"});
  rig.Write("m", 1, "m");
  EXPECT_EQ(rig.Start(), "OK");
  EXPECT_EQ(rig.States("a_first"), "1:READY");
}

TEST(Dependents, ThatComeByPollMakeTheEnsembleReady) {
  EnsembleRig rig(InMode(ControlMode::kPoll));
  rig.WriteEnsemble("e", {"m"});
  EXPECT_THAT(rig.Start(), HasSubstr("model 'm' is in no model repository"));
  rig.Write("m", 1, "m");
  rig.Advance(kPoll);
  rig.Advance(kPoll);
  EXPECT_EQ(rig.States("e"), "1:READY");
  std::filesystem::remove_all(rig.directory / "m");
  rig.Advance(kPoll);
  rig.Advance(kPoll);
  EXPECT_THAT(rig.States("e"), HasSubstr("1:UNAVAILABLE(step 0: model 'm'"));
}

TEST(Dependents, AreLoadedByTheFirstUseInModeDemand) {
  EnsembleRig rig(InMode(ControlMode::kDemand));
  rig.Write("m", 1, "m");
  rig.WriteEnsemble("e", {"m"});
  EXPECT_EQ(rig.Start(), "OK");
  EXPECT_EQ(rig.States("e"), "1:READY");
  const Asking asking(rig, "e");
  rig.RunAll();
  EXPECT_EQ(*asking.answer, "e");
  EXPECT_THAT(rig.loader.loads, ElementsAre("m/1", "e/1"));
}

TEST(Dependents, ThatFailInModeDemandAreTriedAgain) {
  EnsembleRig rig(InMode(ControlMode::kDemand));
  rig.Write("m", 1, "m");
  rig.WriteEnsemble("e", {"m"});
  EXPECT_EQ(rig.Start(), "OK");
  rig.loader.failures = 1;
  const Asking first(rig, "e");
  rig.RunAll();
  EXPECT_THAT(*first.answer, HasSubstr("ensemble 'e' is not ready: step 0: model 'm'"));
  const Asking at_once(rig, "e");
  EXPECT_THAT(*at_once.answer, HasSubstr("not ready"));
  rig.Advance(std::chrono::minutes(1));
  const Asking later(rig, "e");
  rig.RunAll();
  EXPECT_EQ(*later.answer, "e");
}

TEST(Dependents, DoNotHoldUpAnUnload) {
  EnsembleRig rig(InMode(ControlMode::kExplicit));
  rig.Write("m", 1, "m");
  rig.WriteEnsemble("e", {"m"});
  EXPECT_EQ(rig.Start(), "OK");
  std::string loaded;
  rig.Load({.name = "e"}, loaded);
  rig.loader.while_loading = [&rig] {
    rig.loader.while_loading = nullptr;
    rig.manager->Unload("e", [](const base::Status&) {});
    rig.control.RunAll();
  };
  rig.RunAll();
  EXPECT_THAT(loaded, HasSubstr("Newer operation"));
  EXPECT_EQ(rig.States("m"), "1:READY");
  EXPECT_THAT(rig.Serving("e"), HasSubstr("no available versions"));
  EXPECT_EQ(rig.LoadNow("e"), "OK");
}

TEST(Dependents, EnsemblesHoldNothingThatCouldBeEvicted) {
  EnsembleRig rig(InMode(ControlMode::kExplicit, {"e"}), 100);
  rig.Write("m", 1, "m");
  rig.WriteEnsemble("e", {"m"});
  EXPECT_EQ(rig.Start(), "OK");
  std::string outcome;
  rig.manager->Evict("e", [&](base::Status status) { outcome = status.ToString(); });
  rig.RunAll();
  EXPECT_THAT(outcome, HasSubstr("it is an ensemble"));
  rig.manager->Evict("m", [&](base::Status status) { outcome = status.ToString(); });
  rig.RunAll();
  EXPECT_EQ(outcome, "OK");
}

}  // namespace
}  // namespace hadron::model
