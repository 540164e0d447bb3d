// Loads refuse a model whose rows depend on their batch, unless told to serve it as it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "support/row_dependent_kernel.h"
#include "unit/model/loading_rig.h"

namespace hadron::model {
namespace {

using testing::HasSubstr;

void PlantSoftplus(backend::KernelRegistry& registry) {
  test::PlantRowDependentKernel(registry, "Softplus", test::RowFault::kOrder);
}

TEST(BatchInvariantLoad, RefusesAModelAndLeavesNothingBehind) {
  LoadingRig rig("cpu", "", {.kernels = PlantSoftplus});
  const auto before = rig.Ledger();
  const auto loaded = rig.Load("smooth");
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.message(), HasSubstr("Softplus"));
  EXPECT_THAT(loaded.message(), HasSubstr("[planted]"));
  EXPECT_THAT(loaded.message(), HasSubstr("--batch-invariant=off"));
  EXPECT_EQ(rig.Ledger(), before);
  EXPECT_TRUE(rig.Load("bystander").ok());
}

TEST(BatchInvariantLoad, IsRefusedAgainWhenTriedAgain) {
  LoadingRig rig("cpu", "", {.kernels = PlantSoftplus});
  EXPECT_FALSE(rig.Load("smooth").ok());
  EXPECT_FALSE(rig.Load("smooth").ok());
}

TEST(BatchInvariantLoad, TakesTheModelAsItIsWhenOff) {
  LoadingRig rig("cpu", "", {.batch_invariant = false, .kernels = PlantSoftplus});
  const auto loaded = rig.Load("smooth");
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_TRUE(rig.Ask(*loaded).ok());
  EXPECT_EQ((*loaded)->properties().at("batch_invariant"), "false");
}

TEST(BatchInvariantLoad, ChecksEqualModelsOnce) {
  std::atomic<int> runs = 0;
  LoadingRig rig("cpu", "", {.kernels = [&runs](backend::KernelRegistry& registry) {
                   using test::RowFault;
                   test::PlantRowDependentKernel(registry, "Softplus", RowFault::kNone, &runs);
                 }});
  const auto first = rig.Load("smooth");
  ASSERT_TRUE(first.ok()) << first.message();
  EXPECT_EQ((*first)->properties().at("batch_invariant"), "true");
  EXPECT_EQ(runs.load(), 3);  // a batch and two rows of it
  EXPECT_TRUE(rig.Load("smooth").ok());
  EXPECT_EQ(runs.load(), 3);
}

}  // namespace
}  // namespace hadron::model
