// Batches that run in pieces: when, and that nobody can tell from the answer.
#include "plan/row_split.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "base/bytes.h"
#include "onnx/loader.h"
#include "support/onnx_writer.h"
#include "support/plan_runner.h"

namespace hadron::plan {
namespace {

using tensor::DataType;
using tensor::HostTensor;
using tensor::Shape;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;

/// A plan of `rows` rows that has nothing but an input, an output and this arena.
ExecutionPlan PlanOf(std::int64_t rows, std::uint64_t arena, Shape input, Shape output) {
  ExecutionPlan plan;
  plan.rows = rows;
  plan.host_arena_bytes = arena;
  PlanTensor tensor;
  tensor.space = Space::kIo;
  for (Shape* const shape : {&input, &output}) {
    tensor.spec = {DataType::kFp32, *shape, backend::Layout::kPlain};
    plan.tensors.push_back(tensor);
  }
  plan.inputs = {0};
  plan.outputs = {1};
  return plan;
}

TEST(RowSplit, CutsWhatLeavesTheCaches) {
  struct Row {
    std::int64_t rows;
    std::uint64_t arena;
    std::int64_t pieces;
  };
  static constexpr std::array kRows = {
      Row{8, 12 * kMiB, 1},  Row{8, 12 * kMiB + 1, 2}, Row{8, 46 * kMiB, 4}, Row{8, 64 * kMiB, 8},
      Row{8, 900 * kMiB, 8}, Row{1, 900 * kMiB, 1},    Row{6, 46 * kMiB, 6}, Row{6, 30 * kMiB, 3},
      Row{7, 30 * kMiB, 7},  Row{64, 72 * kMiB, 8},    Row{0, 0, 1},
  };
  for (const Row& row : kRows) {
    const ExecutionPlan plan = PlanOf(row.rows, row.arena, {row.rows, 3}, {row.rows, 5});
    EXPECT_EQ(ChoosePieces(plan), row.pieces) << row.rows << " rows, " << row.arena << " bytes";
  }
}

TEST(RowSplit, LeavesWhatHasNoRowsInFront) {
  EXPECT_EQ(ChoosePieces(PlanOf(8, 64 * kMiB, {8, 3}, {5})), 1);
  EXPECT_EQ(ChoosePieces(PlanOf(8, 64 * kMiB, {3, 8}, {8, 5})), 1);
  ExecutionPlan strings = PlanOf(8, 64 * kMiB, {8, 3}, {8, 5});
  strings.tensors[0].space = Space::kStrings;
  EXPECT_EQ(ChoosePieces(strings), 1);
  ExecutionPlan uploads = PlanOf(8, 64 * kMiB, {8, 3}, {8, 5});
  uploads.steps.emplace_back().kind = PlanStep::Kind::kUpload;
  EXPECT_EQ(ChoosePieces(uploads), 1);
}

/// Two convolutions whose rows write 3 MiB each, and an output for each of them.
test::OnnxWriter WideNetwork() {
  test::OnnxWriter w;
  w.Input("x", DataType::kFp32, {"batch", 4, 128, 128})
      .Output("y", DataType::kFp32, {"batch", 8, 128, 128})
      .Output("mean", DataType::kFp32, {"batch", 8, 1, 1});
  std::vector<float> first(48 * 4);
  std::vector<float> second(8 * 48);
  for (std::size_t i = 0; i < first.size(); ++i) first[i] = 0.02F * static_cast<float>(i % 11);
  for (std::size_t i = 0; i < second.size(); ++i)
    second[i] = 0.1F - 0.01F * static_cast<float>(i % 17);
  w.Initializer("w1", test::OnnxTensor::Floats({48, 4, 1, 1}, first));
  w.Initializer("w2", test::OnnxTensor::Floats({8, 48, 1, 1}, second));
  w.Node({"Conv", {"x", "w1"}, {"h"}});
  w.Node({"Relu", {"h"}, {"r"}});
  w.Node({"Conv", {"r", "w2"}, {"y"}});
  w.Node({"GlobalAveragePool", {"y"}, {"mean"}});
  return w;
}

HostTensor RandomRows(std::int64_t rows, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(rows) * 4 * 128 * 128);
  for (float& value : values) value = normal(random);
  return {{"x", DataType::kFp32, {rows, 4, 128, 128}},
          base::IoBuf::Copy(std::as_bytes(std::span(values)))};
}

TEST(RowSplit, GivesTheBytesOfSingleRows) {
  auto loaded = onnx::LoadOnnx(base::IoBuf::FromString(WideNetwork().Serialize()),
                               onnx::ExternalData::None(), {});
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  auto runner = test::PlanRunner::Create(std::move(loaded->graph), {});
  ASSERT_TRUE(runner.ok()) << runner.message();
  const auto plan = (*runner)->model().Specialise(std::array{Shape{8, 4, 128, 128}});
  ASSERT_TRUE(plan.ok()) << plan.message();
  EXPECT_GT((*plan)->pieces, 1);
  EXPECT_LT((*plan)->pieces, 8);
  EXPECT_EQ((*plan)->rows, 8);

  for (const std::int64_t rows : {8, 5}) {  // a full bucket, and a last piece that is not full
    const HostTensor batch = RandomRows(rows, 3);
    const auto together = (*runner)->Run({batch});
    ASSERT_TRUE(together.ok()) << together.message();
    const std::size_t bytes = batch.bytes.size() / static_cast<std::size_t>(rows);
    for (std::int64_t row = 0; row < rows; ++row) {
      const HostTensor single{{"x", DataType::kFp32, {1, 4, 128, 128}},
                              batch.bytes.Sub(static_cast<std::size_t>(row) * bytes, bytes)};
      const auto alone = (*runner)->Run({single});
      ASSERT_TRUE(alone.ok()) << alone.message();
      for (std::size_t k = 0; k < alone->size(); ++k) {
        const base::IoBuf& all = (*together)[k].bytes;
        EXPECT_EQ((*together)[k].desc.shape[0], rows);
        const std::size_t size = (*alone)[k].bytes.size();
        EXPECT_EQ(all.Sub(static_cast<std::size_t>(row) * size, size).ToString(),
                  (*alone)[k].bytes.ToString())
            << "output " << k << ", row " << row << " of " << rows;
      }
    }
  }
}

}  // namespace
}  // namespace hadron::plan
