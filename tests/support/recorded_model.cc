#include "support/recorded_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

#include "base/bytes.h"
#include "graph/passes.h"
#include "onnx/loader.h"
#include "support/npy.h"

namespace hadron::test {
namespace {

using tensor::HostTensor;

constexpr std::int64_t kMaxBatch = 8;
constexpr int kInvarianceRows = 200;

double RelativeL2(const HostTensor& got, const HostTensor& want) {
  const base::IoBuf flat = got.bytes.Flatten();
  const base::IoBuf flat_want = want.bytes.Flatten();
  const auto a = base::AsArray<float>(flat.bytes());
  const auto b = base::AsArray<float>(flat_want.bytes());
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    norm += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / std::max(norm, 1e-300));
}

void ExpectClose(const HostTensor& got, const HostTensor& want) {
  ASSERT_EQ(got.desc.shape, want.desc.shape);
  ASSERT_EQ(got.desc.type, want.desc.type);
  ASSERT_EQ(got.bytes.size(), want.bytes.size());
  if (want.desc.type != tensor::DataType::kFp32) {
    EXPECT_EQ(got.bytes.ToString(), want.bytes.ToString());
    return;
  }
  const double distance = RelativeL2(got, want);
  EXPECT_LE(distance, kNetworkTolerance);
  // The largest of a test is in its report (--gtest_output=json:FILE).
  static double largest = 0;
  static const ::testing::TestInfo* test = nullptr;
  const auto* const current = ::testing::UnitTest::GetInstance()->current_test_info();
  largest = test == current ? std::max(largest, distance) : distance;
  test = current;
  ::testing::Test::RecordProperty("relative_l2", std::to_string(largest * 1e6) + "e-6");
}

}  // namespace

RecordedModel RecordedModel::Read(std::string path, const std::string& folder) {
  RecordedModel model{std::move(path), {}};
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".npy") continue;
    model.tensors.emplace_back(file.path().stem().string(), testing::ReadNpy(file.path().string()));
  }
  HADRON_CHECK(!model.tensors.empty());
  return model;
}

base::StatusOr<graph::Graph> RecordedModel::Load() const {
  HADRON_ASSIGN_OR_RETURN(const auto loaded, onnx::LoadOnnxFile(path, {}));
  return loaded.graph.Clone();
}

const HostTensor& RecordedModel::Get(const std::string& direction, const std::string& name) const {
  const auto found = std::ranges::find(tensors, direction + "." + name,
                                       &std::pair<std::string, HostTensor>::first);
  HADRON_CHECK(found != tensors.end());
  return found->second;
}

std::vector<HostTensor> RecordedModel::Inputs(const graph::Graph& graph, std::int64_t first,
                                              std::int64_t rows) const {
  std::vector<HostTensor> inputs;
  for (const graph::ValueId id : graph.inputs()) {
    inputs.push_back(Rows(Get("input", graph.value(id).name), first, rows));
  }
  return inputs;
}

std::vector<std::string> AllPassNames() {
  std::vector<std::string> names;
  for (const graph::Pass& pass : graph::AllPasses()) names.emplace_back(pass.name);
  names.emplace_back("winograd");     // an algorithm and
  names.emplace_back("fuse_lines");   // nodes that one kernel computes, switched like a pass
  names.emplace_back("alias_parts");  // views in plans, switched like a pass
  return names;
}

HostTensor Rows(const HostTensor& whole, std::int64_t first, std::int64_t rows) {
  HostTensor part = whole;
  const auto bytes = whole.bytes.size() / static_cast<std::size_t>(whole.desc.shape[0]);
  part.desc.shape[0] = rows;
  part.bytes = whole.bytes.Sub(static_cast<std::size_t>(first) * bytes,
                               static_cast<std::size_t>(rows) * bytes);
  return part;
}

void ExpectAsRecorded(const RecordedModel& model, const graph::Graph& graph,
                      const std::vector<HostTensor>& outputs, std::int64_t rows) {
  ASSERT_EQ(outputs.size(), graph.outputs().size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const HostTensor& want = model.Get("output", graph.outputs()[i].name);
    ExpectClose(outputs[i], Rows(want, 0, rows));
  }
}

void ExpectAgreement(const RecordedModel& model, const std::string& device) {
  const auto loaded = model.Load();
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  for (const bool passes : {true, false}) {
    PlanRunnerOptions options{.device = device};
    if (!passes) options.disabled_passes = AllPassNames();
    auto runner = PlanRunner::Create(loaded->Clone(), options);
    ASSERT_TRUE(runner.ok()) << "passes " << passes << ": " << runner.message();
    const graph::Graph& graph = (*runner)->model().graph();
    for (const std::int64_t rows : {1, 3, 8}) {
      SCOPED_TRACE(::testing::Message() << model.path << " passes " << passes << " rows " << rows);
      auto outputs = (*runner)->Run(model.Inputs(graph, 0, rows));
      ASSERT_TRUE(outputs.ok()) << outputs.message();
      ExpectAsRecorded(model, graph, *outputs, rows);
    }
  }
}

void ExpectBatchInvariance(const RecordedModel& model, const std::string& device) {
  auto loaded = model.Load();
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  auto runner = PlanRunner::Create(std::move(loaded).value(), {.device = device});
  ASSERT_TRUE(runner.ok()) << runner.message();
  const graph::Graph& graph = (*runner)->model().graph();
  std::vector<std::vector<HostTensor>> alone;
  for (std::int64_t row = 0; row < model.rows(); ++row) {
    auto outputs = (*runner)->Run(model.Inputs(graph, row, 1));
    ASSERT_TRUE(outputs.ok()) << outputs.message();
    alone.push_back(std::move(outputs).value());
  }
  std::mt19937 random(3);
  for (int checked = 0; checked < kInvarianceRows;) {
    const auto rows = static_cast<std::int64_t>(1 + random() % kMaxBatch);
    const auto first = static_cast<std::int64_t>(random()) % (model.rows() - rows + 1);
    const auto together = (*runner)->Run(model.Inputs(graph, first, rows));
    ASSERT_TRUE(together.ok()) << together.message();
    for (std::int64_t row = 0; row < rows; ++row, ++checked) {
      for (std::size_t i = 0; i < together->size(); ++i) {
        ASSERT_EQ(Rows((*together)[i], row, 1).bytes.ToString(),
                  alone[static_cast<std::size_t>(first + row)][i].bytes.ToString())
            << model.path << " row " << row << " of " << rows;
      }
    }
  }
}

void ExpectPassesLoadCheck(const std::string& path, const std::string& device) {
  SCOPED_TRACE(path + " on " + device);
  auto loaded = onnx::LoadOnnxFile(path, {});
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  auto runner = PlanRunner::Create(std::move(loaded->graph), {.device = device});
  ASSERT_TRUE(runner.ok()) << runner.message();
  const auto outcome = (*runner)->CheckBatchInvariance();
  ASSERT_TRUE(outcome.ok()) << outcome.message();
  EXPECT_EQ(outcome->skipped, "");
  EXPECT_GE(outcome->tensors, (*runner)->model().graph().outputs().size());
  EXPECT_EQ(outcome->rows, kMaxBatch);
}

}  // namespace hadron::test
