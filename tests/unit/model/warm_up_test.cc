// Samples that a model runs before it is ready: how often, on what, and what their failure does.
#include "model/warm_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

#include "support/row_dependent_kernel.h"
#include "unit/model/loading_rig.h"

namespace hadron::model {
namespace {

using testing::HasSubstr;

/// Loads "smooth" (x: 24 numbers) with a configuration of the test's and counts its runs.
class WarmedUp {
 public:
  explicit WarmedUp(const std::string& config, std::map<std::string, std::string> files = {}) {
    files["smooth/config.pbtxt"] =
        "max_batch_size: 4 input { name: 'x' data_type: TYPE_FP32 dims: 24 } "
        "output { name: 'y' data_type: TYPE_FP32 dims: 5 } " +
        config;
    const auto kernels = [this](backend::KernelRegistry& registry) {
      using test::RowFault;
      test::PlantRowDependentKernel(registry, "Softplus", RowFault::kNone, &runs_);
    };
    rig_ = std::make_unique<LoadingRig>(
        "cpu", "",
        LoadingChanges{.batch_invariant = false, .kernels = kernels, .files = std::move(files)});
  }

  /// Runs of a load that has to succeed.
  int Runs(bool comes_back = false) {
    const int before = runs_.load();
    auto loaded = rig_->Load("smooth", comes_back);
    EXPECT_TRUE(loaded.ok()) << loaded.message();
    if (loaded.ok()) {
      const StatisticsSnapshot counted = (*loaded)->statistics().Snapshot();
      EXPECT_EQ(counted.execution_count + counted.success.count + counted.inference_count, 0U);
      EXPECT_EQ((*loaded)->metrics().exec_count.value(), 0U);
    }
    return runs_.load() - before;
  }
  /// Message of a load that has to fail, and to leave nothing behind.
  std::string Failure() {
    const auto before = rig_->Ledger();
    auto loaded = rig_->Load("smooth");
    EXPECT_FALSE(loaded.ok());
    EXPECT_EQ(rig_->Ledger(), before);
    return loaded.ok() ? "" : loaded.CloneStatus().ToString();
  }

 private:
  std::atomic<int> runs_{0};
  std::unique_ptr<LoadingRig> rig_;
};

std::string Sample(const std::string& more, const std::string& data = "zero_data: true",
                   const std::string& dims = "24") {
  return "model_warmup { name: 'w' " + more +
         " inputs { key: 'x' value { data_type: TYPE_FP32 dims: " + dims + " " + data + " } } } ";
}

constexpr const char* kTwoInstances = "instance_group { kind: KIND_CPU count: 2 } ";
constexpr const char* kOneInstance = "instance_group { kind: KIND_CPU count: 1 } ";

std::string Floats(std::size_t count, float value) {
  std::string bytes(count * sizeof(float), '\0');
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(bytes.data() + i * sizeof(float), &value, sizeof(float));
  }
  return bytes;
}

TEST(WarmUp, RunsEverySampleSoOftenForEveryInstance) {
  const struct {
    std::string config;
    int runs;
  } rows[] = {
      {kOneInstance, 0},
      {kOneInstance + Sample("batch_size: 1"), 1},
      {kOneInstance + Sample("batch_size: 0"), 0},  // skipped
      {kOneInstance + Sample("batch_size: 3 count: 5"), 5},
      {kTwoInstances + Sample("batch_size: 4 count: 3"), 6},
      {kTwoInstances + Sample("batch_size: 1") + Sample("batch_size: 2 count: 2"), 6},
      {kOneInstance + Sample("batch_size: 2", "random_data: true"), 1},
      {kOneInstance + Sample("batch_size: 2", "random_data: false"), 1},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.config);
    EXPECT_EQ(WarmedUp(row.config).Runs(), row.runs);
  }
}

TEST(WarmUp, ReadsAFileOfTheModel) {
  const std::string config =
      kOneInstance + Sample("batch_size: 2", "input_data_file: 'sub/ones.bin'");
  EXPECT_EQ(WarmedUp(config, {{"smooth/warmup/sub/ones.bin", Floats(24, 1)}}).Runs(), 1);
  EXPECT_THAT(WarmedUp(config).Failure(), HasSubstr("sub/ones.bin"));
  EXPECT_THAT(WarmedUp(config, {{"smooth/warmup/sub/ones.bin", Floats(25, 1)}}).Failure(),
              HasSubstr("model_warmup 'w': input 'x': 'warmup/sub/ones.bin' has 100 bytes, FP32 "
                        "[24] needs 96"));
}

TEST(WarmUp, FailsTheLoadForASampleThatDoesNotFit) {
  EXPECT_THAT(WarmedUp(kOneInstance + Sample("batch_size: 1", "zero_data: true", "23")).Failure(),
              HasSubstr("INVALID_ARGUMENT: model_warmup 'w': input 'x': dims [23] do not fit the "
                        "configured [24]"));
}

TEST(WarmUp, ComesBackWithoutItUnlessTheModelAsksForIt) {
  const std::string config = kOneInstance + Sample("batch_size: 1");
  const std::string again = "parameters { key: 'hadron.warmup_on_restore' value { string_value: '";
  EXPECT_EQ(WarmedUp(config).Runs(true), 0);
  EXPECT_EQ(WarmedUp(config + again + "false' } }").Runs(true), 0);
  EXPECT_EQ(WarmedUp(config + again + "true' } }").Runs(true), 1);
  EXPECT_EQ(WarmedUp(config + again + "true' } }").Runs(false), 1);
}

}  // namespace
}  // namespace hadron::model
