// Which steps of an ensemble may begin when, and which tensors are needed for how long.
#include "serving/ensemble_plan.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <sstream>

#include "base/strings.h"
#include "serving/ensemble_run.h"

namespace hadron::serving {
namespace {

/// "a b > c d": a step that reads a and b and writes c and d.
config::EnsembleStep ParseEnsembleStep(const std::string& text) {
  config::EnsembleStep step;
  step.model = "model";
  std::istringstream words(text);
  bool writes = false;
  for (std::string word; words >> word;) {
    if (word == ">") {
      writes = true;
    } else {
      (writes ? step.outputs : step.inputs)["of_" + word] = word;
    }
  }
  return step;
}

EnsemblePlan MakePlan(const std::vector<std::string>& steps) {
  config::ModelConfig::Fields fields;
  fields.inputs.emplace_back().name = "x";
  fields.ensemble.emplace();
  for (const std::string& step : steps) fields.ensemble->steps.push_back(ParseEnsembleStep(step));
  return EnsemblePlan(config::ModelConfig(std::move(fields)));
}

std::string Numbers(const std::vector<std::size_t>& numbers) {
  std::string text;
  for (const std::size_t number : numbers)
    text += (text.empty() ? "" : " ") + std::to_string(number);
  return text;
}

struct PlanCase {
  std::string name;
  std::vector<std::string> steps;
  std::vector<std::string> outputs;
  std::size_t running;                       ///< steps that have to run
  std::string begin;                         ///< steps ready at once
  std::map<std::size_t, std::string> after;  ///< by the step that ended: what is ready then
};

TEST(EnsemblePlan, SaysWhichStepsAreReadyWhen) {
  const std::vector<PlanCase> table = {
      {"one step", {"x > y"}, {"y"}, 1, "0", {{0, ""}}},
      {"a chain written backwards", {"t > y", "x > t"}, {"y"}, 2, "1", {{1, "0"}, {0, ""}}},
      {"a diamond: the join waits for both",
       {"x > a", "a > b", "a > c", "b c > y"},
       {"y"},
       4,
       "0",
       {{0, "1 2"}, {1, ""}, {2, "3"}, {3, ""}}},
      {"independent steps begin together", {"x > a", "x > b"}, {"a", "b"}, 2, "0 1", {}},
      {"what nobody asked for does not run", {"x > a", "x > b"}, {"b"}, 1, "1", {{1, ""}}},
      {"also not what only that needs", {"x > a", "a > b", "x > c"}, {"c"}, 1, "2", {{2, ""}}},
      {"a step that is needed for one of its outputs",
       {"x > a b", "a > c"},
       {"b"},
       1,
       "0",
       {{0, ""}}},
      {"two tensors of one writer release a reader once",
       {"x > a b", "a b > y"},
       {"y"},
       2,
       "0",
       {{0, "1"}, {1, ""}}},
  };
  for (const PlanCase& row : table) {
    SCOPED_TRACE(row.name);
    const EnsemblePlan plan = MakePlan(row.steps);
    std::vector<std::size_t> outputs;
    for (const std::string& name : row.outputs) outputs.push_back(plan.FindTensor(name).value());
    EnsembleProgress progress(plan, outputs);
    EXPECT_EQ(progress.steps(), row.running);
    const auto begin = progress.Begin();
    EXPECT_EQ(Numbers(begin), row.begin);
    std::deque<std::size_t> open(begin.begin(), begin.end());
    std::size_t ran = 0;
    for (; !open.empty(); ++ran) {
      const std::size_t step = open.front();
      open.pop_front();
      progress.Taken(step);
      const auto next = progress.Finish(step);
      if (row.after.contains(step)) {
        EXPECT_EQ(Numbers(next), row.after.at(step)) << step;
      }
      open.insert(open.end(), next.begin(), next.end());
    }
    EXPECT_EQ(ran, row.running);
  }
}

TEST(EnsembleProgress, KeepsATensorUntilItsLastReaderHasIt) {
  const EnsemblePlan plan = MakePlan({"x > a", "a > b", "a x > c", "b c > y"});
  const auto tensor = [&plan](const char* name) { return plan.FindTensor(name).value(); };
  const std::vector<std::size_t> wanted = {tensor("y"), tensor("b")};
  EnsembleProgress progress(plan, wanted);
  EXPECT_EQ(Numbers(progress.Taken(0)), "");  // step 2 reads x, too
  EXPECT_EQ(Numbers(progress.Taken(1)), "");
  EXPECT_EQ(Numbers(progress.Taken(2)), Numbers({tensor("x"), tensor("a")}));
  EXPECT_EQ(Numbers(progress.Taken(3)), Numbers({tensor("c")}));  // b goes to the client
  EXPECT_TRUE(progress.IsNeeded(tensor("b")));
  EXPECT_FALSE(progress.IsNeeded(tensor("a")));
}

TEST(EnsemblePlan, KnowsOfATensorThatAStepReadsTwice) {
  config::ModelConfig::Fields fields;
  fields.inputs.emplace_back().name = "x";
  fields.ensemble.emplace();
  fields.ensemble->steps = {
      {.model = "m", .inputs = {{"p", "x"}}, .outputs = {{"o", "t"}}},
      {.model = "m", .version = 3, .inputs = {{"p", "t"}, {"q", "t"}}, .outputs = {{"o", "y"}}}};
  const EnsemblePlan plan(config::ModelConfig(std::move(fields)));
  EXPECT_EQ(plan.steps()[1].version, 3);
  const std::vector<std::size_t> wanted = {plan.FindTensor("y").value()};
  EnsembleProgress progress(plan, wanted);
  EXPECT_EQ(Numbers(progress.Finish(0)), "1");
  EXPECT_EQ(Numbers(progress.Taken(1)), Numbers({plan.FindTensor("t").value()}));
}

struct ShapeCase {
  tensor::Shape shape;
  tensor::Shape dims;
  std::int64_t max_batch;
  std::string fitted;  ///< or "no"
};

TEST(FitShape, AddsAndTakesABatchDimensionOfOne) {
  const std::vector<ShapeCase> table = {
      {{2, 4}, {4}, 8, "[2,4]"}, {{4}, {4}, 8, "[1,4]"},       {{1, 4}, {4}, 0, "[4]"},
      {{2, 4}, {4}, 0, "no"},    {{2, 4}, {2, 4}, 0, "[2,4]"}, {{2, 4}, {-1, 4}, 0, "[2,4]"},
      {{2, 5}, {4}, 8, "no"},    {{5}, {-1}, 8, "[1,5]"},      {{}, {1}, 0, "no"},
      {{1, 1, 4}, {4}, 8, "no"}, {{3, 7}, {-1}, 8, "[3,7]"},
  };
  for (const ShapeCase& row : table) {
    config::ModelConfig::Fields fields;
    fields.max_batch_size = row.max_batch;
    const config::ModelConfig model(std::move(fields));
    config::IoConfig io;
    io.dims = row.dims;
    const auto fitted = FitShape(row.shape, model, io);
    EXPECT_EQ(fitted.ok() ? fitted->ToString() : "no", row.fitted)
        << row.shape.ToString() << " for " << row.dims.ToString() << " " << row.max_batch;
  }
}

}  // namespace
}  // namespace hadron::serving
