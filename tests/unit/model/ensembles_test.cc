// Which ensembles can serve, by what the catalogue says of their members.
#include "model/ensembles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/still_clock.h"
#include "telemetry/metrics.h"

namespace hadron::model {
namespace {

using config::IoConfig;
using config::ModelConfig;
using tensor::DataType;
using testing::HasSubstr;

IoConfig Io(const std::string& name, DataType type = DataType::kFp32, tensor::Shape dims = {4}) {
  IoConfig io;
  io.name = name;
  io.type = type;
  io.dims = std::move(dims);
  return io;
}

/// A member: input "i", output "o".
ModelConfig::Fields PlainFields(DataType in = DataType::kFp32, DataType out = DataType::kFp32) {
  ModelConfig::Fields fields;
  fields.max_batch_size = 8;
  fields.inputs = {Io("i", in)};
  fields.outputs = {Io("o", out)};
  return fields;
}

/// A chain from "x" to "y" through these models.
ModelConfig::Fields ChainFields(const std::vector<std::string>& members) {
  ModelConfig::Fields fields = PlainFields();
  fields.inputs = {Io("x")};
  fields.outputs = {Io("y")};
  fields.ensemble.emplace();
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::string from = i == 0 ? "x" : "t" + std::to_string(i);
    const std::string to = i + 1 == members.size() ? "y" : "t" + std::to_string(i + 1);
    fields.ensemble->steps.push_back(
        {.model = members[i], .inputs = {{"i", from}}, .outputs = {{"o", to}}});
  }
  return fields;
}

/// The same under a member's names, so that it can be a member.
ModelConfig::Fields NestedFields(const std::vector<std::string>& members) {
  ModelConfig::Fields fields = ChainFields(members);
  fields.inputs = {Io("i")};
  fields.outputs = {Io("o")};
  fields.ensemble->steps.front().inputs = {{"i", "i"}};
  fields.ensemble->steps.back().outputs = {{"o", "o"}};
  return fields;
}

class EnsembleJudging : public testing::Test {
 protected:
  VersionEntry& Put(const std::string& name, ModelConfig::Fields fields, std::int64_t number = 1) {
    ModelVersion::Parts parts;
    parts.name = name;
    parts.version = number;
    parts.config = std::make_shared<const ModelConfig>(std::move(fields));
    parts.metrics = metrics_.AddModel(name, number);
    ModelEntry& model = raw_.models[name];
    model.name = name;
    return model.versions[number] = {VersionState::kReady, "",
                                     std::make_shared<const ModelVersion>(std::move(parts))};
  }
  /// "READY", or the reason.
  std::string Judged(const std::string& name, std::int64_t number = 1) {
    Catalogue judged = raw_;
    JudgeEnsembles(judged);
    const VersionEntry& entry = judged.models.at(name).versions.at(number);
    const bool ready = entry.state == VersionState::kReady;
    EXPECT_EQ(ready, entry.handle != nullptr);
    EXPECT_EQ(ready, judged.models.at(name).failure.empty());
    return ready ? "READY" : entry.reason;
  }

  test::StillClock clock_;
  telemetry::Metrics metrics_{{}, clock_};
  Catalogue raw_;
};

TEST_F(EnsembleJudging, ReadyWhenAllMembersAre) {
  Put("e", ChainFields({"a", "b"}));
  Put("a", PlainFields());
  EXPECT_EQ(Judged("e"), "step 1: model 'b' is in no model repository");
  VersionEntry& b = Put("b", PlainFields());
  EXPECT_EQ(Judged("e"), "READY");
  const ModelHandle handle = std::exchange(b.handle, nullptr);
  EXPECT_EQ(Judged("e"), "READY") << "its next use loads it";
  b.state = VersionState::kUnavailable;
  b.reason = "unloaded";
  EXPECT_EQ(Judged("e"), "step 1: model 'b' is not ready: unloaded");
  b = {VersionState::kLoading, ""};
  EXPECT_EQ(Judged("e"), "step 1: model 'b' is not ready: it is being loaded");
  b = {VersionState::kUnloading, ""};
  EXPECT_EQ(Judged("e"), "step 1: model 'b' is not ready: it is being unloaded");
  raw_.models["b"].versions.clear();
  EXPECT_EQ(Judged("e"), "step 1: model 'b' is not ready: it is not loaded");
  raw_.models["b"].reason = "broken configuration";
  EXPECT_EQ(Judged("e"), "step 1: model 'b' is not ready: broken configuration");
}

TEST_F(EnsembleJudging, WantsTheVersionOfTheStep) {
  ModelConfig::Fields fields = ChainFields({"a"});
  fields.ensemble->steps[0].version = 2;
  Put("e", std::move(fields));
  Put("a", PlainFields());
  EXPECT_EQ(Judged("e"), "step 0: model 'a' version 2 is not ready: there is no such version");
  Put("a", PlainFields(), 2).state = VersionState::kUnavailable;
  raw_.models["a"].versions[2].reason = "unloaded";
  EXPECT_EQ(Judged("e"), "step 0: model 'a' version 2 is not ready: unloaded");
  raw_.models["a"].versions[2].state = VersionState::kReady;
  EXPECT_EQ(Judged("e"), "READY");
  // The newest one counts where the step does not say.
  Put("any", ChainFields({"a"}));
  Put("a", PlainFields(DataType::kInt32), 3);
  EXPECT_THAT(Judged("any"), HasSubstr("INT32"));
  raw_.models["a"].versions[3].state = VersionState::kUnavailable;
  EXPECT_EQ(Judged("any"), "READY");
}

TEST_F(EnsembleJudging, NamesTheCircle) {
  Put("a", NestedFields({"b"}));
  Put("b", NestedFields({"c", "leaf"}));
  Put("c", NestedFields({"leaf", "a"}));
  Put("leaf", PlainFields());
  Put("outside", NestedFields({"a"}));
  for (const char* name : {"a", "b", "c", "outside"}) {
    EXPECT_EQ(Judged(name), "the ensembles contain each other: a -> b -> c -> a") << name;
  }
  Put("self", NestedFields({"self"}));
  EXPECT_EQ(Judged("self"), "the ensembles contain each other: self -> self");
  Put("c", NestedFields({"leaf"}));
  EXPECT_EQ(Judged("a"), "READY");
  EXPECT_EQ(Judged("outside"), "READY");
}

TEST_F(EnsembleJudging, FollowsMembersThatAreEnsembles) {
  Put("outer", NestedFields({"inner"}));
  Put("inner", NestedFields({"gone"}));
  EXPECT_EQ(Judged("outer"),
            "step 0: model 'inner' is not ready: step 0: model 'gone' is in no model repository");
  Put("gone", PlainFields());
  EXPECT_EQ(Judged("outer"), "READY");
}

TEST_F(EnsembleJudging, BoundsTheDepth) {
  Put("e0", PlainFields());
  for (int i = 1; i <= 40; ++i) {
    Put("e" + std::to_string(i), NestedFields({"e" + std::to_string(i - 1)}));
  }
  EXPECT_EQ(Judged("e31"), "READY");
  EXPECT_EQ(Judged("e32"), "READY");
  EXPECT_EQ(Judged("e33"), "ensembles contain each other more than 32 deep");
  EXPECT_EQ(Judged("e40"), "ensembles contain each other more than 32 deep");
}

struct FitCase {
  std::string part;  ///< of the reason; empty: it fits
  ModelConfig::Fields ensemble;
  ModelConfig::Fields first;
  ModelConfig::Fields second;
};

ModelConfig::Fields With(ModelConfig::Fields fields,
                         const std::function<void(ModelConfig::Fields&)>& change) {
  change(fields);
  return fields;
}

TEST(EnsembleSteps, FitOrTheReasonNamesBothEnds) {
  using Fields = ModelConfig::Fields;
  const Fields chain = ChainFields({"a", "b"});
  const Fields plain = PlainFields();
  const auto dims = [](tensor::Shape in, tensor::Shape out) {
    Fields fields = PlainFields();
    fields.inputs[0].dims = std::move(in);
    fields.outputs[0].dims = std::move(out);
    return fields;
  };
  const auto batch = [](Fields fields, std::int64_t most) {
    fields.max_batch_size = most;
    return fields;
  };
  const std::vector<FitCase> table = {
      {"", chain, plain, plain},
      {"tensor 't1': output 'o' of step 0 (model 'a') has the datatype INT32, input 'i' of step 1 "
       "(model 'b') FP32",
       chain, PlainFields(DataType::kFp32, DataType::kInt32), plain},
      {"tensor 'x': the ensemble's input has the datatype FP32, input 'i' of step 0 (model 'a') "
       "FP16",
       chain, PlainFields(DataType::kFp16), plain},
      {"tensor 'y': output 'o' of step 1 (model 'b') has the datatype INT8, the ensemble's output "
       "FP32",
       chain, plain, PlainFields(DataType::kFp32, DataType::kInt8)},
      {"has the shape [-1,5], input 'i' of step 1 (model 'b') [-1,4]", chain, dims({4}, {5}),
       plain},
      {"", chain, dims({-1}, {-1}), dims({4}, {4})},
      {"step 0 (model 'a') takes batches of 4 at most, the ensemble of 8", chain, batch(plain, 4),
       plain},
      {"", chain, batch(plain, 16), batch(dims({-1, 4}, {-1, 4}), 0)},
      {"", batch(chain, 0), plain, batch(plain, 0)},
      {"has no output 'o'", chain, With(plain, [](Fields& f) { f.outputs[0].name = "z"; }), plain},
      {"step 1 (model 'b') has no input 'i'", chain, plain,
       With(plain, [](Fields& f) { f.inputs.clear(); })},
      {"step 1 (model 'b') needs its input 'more', which input_map does not name", chain, plain,
       With(plain, [](Fields& f) { f.inputs.push_back(Io("more")); })},
      {"", chain, plain,
       With(plain,
            [](Fields& f) {
              f.inputs.push_back(Io("more"));
              f.inputs.back().optional = true;
            })},
  };
  for (const FitCase& row : table) {
    const ModelConfig first(row.first);
    const ModelConfig second(row.second);
    const std::string why = WhyStepsDoNotFit(ModelConfig(row.ensemble), {&first, &second});
    if (row.part.empty()) {
      EXPECT_EQ(why, "");
    } else {
      EXPECT_THAT(why, HasSubstr(row.part));
    }
    // What is not known is not blamed.
    EXPECT_EQ(WhyStepsDoNotFit(ModelConfig(row.ensemble), {nullptr, nullptr}), "");
  }
}

}  // namespace
}  // namespace hadron::model
