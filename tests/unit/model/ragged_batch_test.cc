#include "model/ragged_batch.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace hadron::model {
namespace {

using config::BatchInput;
using tensor::DataType;
using tensor::Shape;

/// Inputs: a ragged "x" of two dimensions, an ordinary "w", and where the requests of x begin.
struct Ragged {
  explicit Ragged(std::int64_t max_batch = 8) : config(Fields(max_batch)) {
    const graph::SymbolicShape free = {graph.Symbol("n")};
    graph.AddInput("x", DataType::kFp32, free);
    graph.AddInput("offsets", DataType::kInt32, {graph.Symbol("m")});
    graph.AddInput("w", DataType::kFp32, {graph.Symbol("b"), graph::Dim(2)});
  }

  static config::ModelConfig::Fields Fields(std::int64_t max_batch) {
    config::ModelConfig::Fields fields;
    fields.max_batch_size = max_batch;
    fields.inputs.resize(2);
    fields.inputs[0].name = "x";
    fields.inputs[0].dims = {-1, 3};
    fields.inputs[0].ragged = true;
    fields.inputs[1].name = "w";
    fields.inputs[1].dims = {2};
    fields.batch_inputs = {{.kind = BatchInput::Kind::kAccumulatedElementCountWithZero,
                            .targets = {"offsets"},
                            .type = DataType::kInt32,
                            .source = "x"}};
    return fields;
  }

  graph::Graph graph;
  config::ModelConfig config;
};

TEST(RaggedBatch, PutsRaggedInputsOneBehindTheOther) {
  const Ragged model;
  RaggedBatch batch(model.config, model.graph);
  EXPECT_FALSE(batch.IsMade(0));
  EXPECT_TRUE(batch.IsMade(1));
  for (const std::int64_t rows : {1, 2}) {
    batch.Add(0, {rows, 4 * rows, 3});
    batch.Add(2, {rows, 2});
  }
  EXPECT_TRUE(batch.Check().ok());
  EXPECT_EQ(batch.Shapes(), (std::vector<Shape>{{12 + 48}, {3}, {3, 2}}));
  const base::IoBuf content = batch.Content(1).Flatten();
  const auto offsets = base::AsArray<std::int32_t>(content.bytes());
  EXPECT_EQ(std::vector<std::int32_t>(offsets.begin(), offsets.end()),
            (std::vector<std::int32_t>{0, 12, 60}));
}

TEST(RaggedBatch, RefusesWhatCannotBeTold) {
  const Ragged model;
  RaggedBatch batch(model.config, model.graph);
  batch.Add(0, {1, std::int64_t{1} << 30U, 3});
  batch.Add(2, {1, 2});
  EXPECT_EQ(batch.Check().code(), base::StatusCode::kInvalidArgument);
}

TEST(RaggedBatch, HasTypicalShapesOfFullBatches) {
  const Ragged model;
  const auto batches = TypicalBatches(model.config, model.graph);
  ASSERT_EQ(batches.size(), 8U);
  EXPECT_EQ(batches[0], (std::vector<Shape>{{8 * 64 * 3}, {9}, {8, 2}}));
  EXPECT_EQ(batches.back(), (std::vector<Shape>{{8 * 3}, {9}, {8, 2}}));
}

TEST(RaggedBatch, HasTypicalShapesForAnyBatchSize) {
  const Ragged model(2'000'000'000);
  EXPECT_EQ(TypicalBatches(model.config, model.graph)[0],
            (std::vector<Shape>{{64 * 64 * 3}, {65}, {64, 2}}));
}

}  // namespace
}  // namespace hadron::model
