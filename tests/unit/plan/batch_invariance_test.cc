// The check that a model gives a row the same bytes alone and in a batch: it finds planted kernels
// that break the promise and names them, accepts the example models, and gives its memory back.
#include "plan/batch_invariance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/executor.h"
#include "device/host/factory.h"
#include "onnx/loader.h"
#include "support/onnx_writer.h"
#include "support/recorded_model.h"
#include "support/row_dependent_kernel.h"

namespace hadron::plan {
namespace {

using tensor::DataType;
using test::OnnxTensor;
using test::OnnxWriter;
using test::RowFault;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint64_t kCheckBudget = std::uint64_t{1} << 30;

/// A device, kernels and a running lane.
class BatchInvariance : public testing::Test {
 protected:
  BatchInvariance()
      : host_(device::MakeHostDevice(kCheckBudget)), thread_([this] { lane_.Run(); }) {}
  ~BatchInvariance() override { lane_.Stop(); }

  base::StatusOr<InvarianceOutcome> Check(const OnnxWriter& file, std::int64_t max_batch) {
    backend::RegisterNativeKernels(kernels_);
    auto loaded =
        onnx::LoadOnnx(base::IoBuf::FromString(file.Serialize()), onnx::ExternalData::None(), {});
    EXPECT_TRUE(loaded.ok()) << loaded.message();
    CompileOptions options;
    options.max_batch = max_batch;
    options.disabled_passes = {"fuse_post_ops"};
    HADRON_ASSIGN_OR_RETURN(
        const auto model,
        CompiledModel::Compile(std::move(loaded->graph), options, kernels_, *host_, *host_));
    HADRON_ASSIGN_OR_RETURN(const auto weights,
                            WeightBinding::Create(model->weights(), *host_, lane_, "model"));
    const std::uint64_t before = host_->memory().reserved();
    auto outcome = CheckBatchInvariance({*host_, *host_, lane_, "check"}, *model, weights);
    EXPECT_EQ(host_->memory().reserved(), before);
    return outcome;
  }

  backend::KernelRegistry kernels_;
  std::unique_ptr<device::Device> host_;
  base::TaskQueue lane_;
  std::jthread thread_;
};

/// Two products with a Relu named "suspect" between them.
OnnxWriter Network() {
  std::vector<float> values(64);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = 0.3F - 0.01F * static_cast<float>(i * 7 % 61);
  }
  OnnxWriter w;
  w.Input("x", DataType::kFp32, {"batch", 8}).Output("y", DataType::kFp32, {"batch", 8});
  w.Initializer("w", OnnxTensor::Floats({8, 8}, values));
  w.Node({"MatMul", {"x", "w"}, {"h"}});
  w.Node({"Relu", {"h"}, {"r"}, {}, "suspect"});
  w.Node({"MatMul", {"r", "w"}, {"y"}});
  return w;
}

TEST_F(BatchInvariance, HoldsForTheKernelsOfTheBuild) {
  const auto outcome = Check(Network(), 64);
  ASSERT_TRUE(outcome.ok()) << outcome.message();
  EXPECT_THAT(outcome->skipped, IsEmpty());
  EXPECT_EQ(outcome->rows, kInvarianceRows);
  EXPECT_EQ(outcome->tensors, 4U);  // three steps and the output
}

TEST_F(BatchInvariance, ComparesAgainstTheLargestBucketOfSmallBatches) {
  const auto outcome = Check(Network(), 3);
  ASSERT_TRUE(outcome.ok()) << outcome.message();
  EXPECT_EQ(outcome->rows, 3);
}

class PlantedFault : public BatchInvariance, public testing::WithParamInterface<RowFault> {};

TEST_P(PlantedFault, IsFoundAndNamed) {
  test::PlantRowDependentKernel(kernels_, "Relu", GetParam());
  for (const std::int64_t max_batch : {2, 8, 64}) {
    const auto outcome = Check(Network(), max_batch);
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.code(), base::StatusCode::kInternal);
    EXPECT_THAT(outcome.message(), HasSubstr("suspect"));
    EXPECT_THAT(outcome.message(), HasSubstr("[planted]"));
    EXPECT_THAT(outcome.message(), HasSubstr("--batch-invariant=off"));
    EXPECT_THAT(outcome.message(), Not(HasSubstr("MatMul")));
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, PlantedFault,
                         testing::Values(RowFault::kPosition, RowFault::kOrder,
                                         RowFault::kNeighbour));

TEST_F(BatchInvariance, TakesOneNanForAnother) {
  test::PlantRowDependentKernel(kernels_, "Relu", RowFault::kNan);
  const auto outcome = Check(Network(), 8);
  EXPECT_TRUE(outcome.ok()) << outcome.message();
}

TEST_F(BatchInvariance, RefusesAModelThatCombinesTheRowsOfABatch) {
  OnnxWriter w;
  w.Input("x", DataType::kFp32, {"batch", 8}).Output("y", DataType::kFp32, {"batch", 8});
  w.Initializer("axes", OnnxTensor::Ints({1}, {0}));
  w.Node({"ReduceSum", {"x", "axes"}, {"sum"}}).Node({"Sub", {"x", "sum"}, {"y"}});
  const auto outcome = Check(w, 8);
  ASSERT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.message(), HasSubstr("max_batch_size: 0"));
}

TEST_F(BatchInvariance, LooksAtOutputsThatNoKernelComputes) {
  OnnxWriter w;
  w.Input("x", DataType::kInt64, {"batch", 3}).Output("y", DataType::kInt64, {"batch", 3});
  w.Node({"Identity", {"x"}, {"y"}});
  const auto outcome = Check(w, 4);
  ASSERT_TRUE(outcome.ok()) << outcome.message();
  EXPECT_EQ(outcome->tensors, 1U);
}

TEST_F(BatchInvariance, TakesIndicesAsInputs) {
  OnnxWriter w;
  w.Input("x", DataType::kInt64, {"batch", 3}).Output("y", DataType::kFp32, {"batch", 3, 4});
  w.Initializer("table", OnnxTensor::Floats({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}));
  w.Node({"Gather", {"table", "x"}, {"y"}});
  const auto outcome = Check(w, 8);
  ASSERT_TRUE(outcome.ok()) << outcome.message();
  EXPECT_THAT(outcome->skipped, IsEmpty());
}

TEST_F(BatchInvariance, MakesUpSizesOfFreeDimensions) {
  OnnxWriter w;
  w.Input("x", DataType::kFp32, {"batch", "n"}).Output("y", DataType::kFp32, {"batch", "n"});
  w.Initializer("w", OnnxTensor::Floats({1, 32}, std::vector<float>(32, 0.5F)));
  w.Node({"Add", {"x", "w"}, {"a"}}).Node({"Exp", {"a"}, {"y"}});  // n is 32 or 1
  const auto outcome = Check(w, 4);
  ASSERT_TRUE(outcome.ok()) << outcome.message();
  EXPECT_THAT(outcome->skipped, IsEmpty());
}

TEST_F(BatchInvariance, SkipsWhatCannotBeAsked) {
  EXPECT_THAT(Check(Network(), 0)->skipped, HasSubstr("does not batch"));
  EXPECT_THAT(Check(Network(), 1)->skipped, HasSubstr("does not batch"));
  OnnxWriter strings;
  strings.Input("x", DataType::kString, {"batch", 2}).Output("y", DataType::kString, {"batch", 2});
  strings.Node({"Identity", {"x"}, {"y"}});
  EXPECT_THAT(Check(strings, 4)->skipped, HasSubstr("strings"));
}

TEST_F(BatchInvariance, SkipsModelsThatRefuseTheValues) {
  // Indices of 0 and 1 in a table of one row.
  OnnxWriter w;
  w.Input("x", DataType::kInt64, {"batch", 3}).Output("y", DataType::kFp32, {"batch", 3, 1});
  w.Initializer("table", OnnxTensor::Floats({1, 1}, {1}));
  w.Node({"Gather", {"table", "x"}, {"y"}});
  const auto outcome = Check(w, 8);
  ASSERT_TRUE(outcome.ok()) << outcome.message();
  EXPECT_THAT(outcome->skipped, Not(IsEmpty()));
}

TEST_F(BatchInvariance, NeedsMemoryAndGivesItBack) {
  backend::RegisterNativeKernels(kernels_);
  auto loaded = onnx::LoadOnnx(base::IoBuf::FromString(Network().Serialize()),
                               onnx::ExternalData::None(), {});
  CompileOptions options;
  options.max_batch = 8;
  const auto model =
      CompiledModel::Compile(std::move(loaded->graph), options, kernels_, *host_, *host_).value();
  const auto weights = WeightBinding::Create(model->weights(), *host_, lane_, "model").value();
  const auto small = device::MakeHostDevice(300);  // enough for the inputs alone
  const auto outcome = CheckBatchInvariance({*small, *small, lane_, "check"}, *model, weights);
  EXPECT_EQ(outcome.code(), base::StatusCode::kResourceExhausted);
  EXPECT_THAT(outcome.message(), HasSubstr("check"));
  EXPECT_EQ(small->memory().reserved(), 0U);
}

class ExampleModel : public testing::TestWithParam<const char*> {};

TEST_P(ExampleModel, PassesTheCheckOfLoads) {
  const std::string root = HADRON_SOURCE_DIR;
  test::ExpectPassesLoadCheck(root + "/model_repo/" + GetParam() + "/1/model.onnx", "cpu");
}

INSTANTIATE_TEST_SUITE_P(Models, ExampleModel,
                         testing::Values("digits", "calo_gan", "jet_bdt", "simple",
                                         "identity_fp32"),
                         [](const auto& name) { return std::string(name.param); });

}  // namespace
}  // namespace hadron::plan
