// A driver that fails at one call after the other, while a model is loaded and while it runs.
#include "support/driver_faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>

#include "unit/model/loading_rig.h"

namespace hadron::model {
namespace {

using test::DriverFaults;
using testing::HasSubstr;

/// The next place to fail at: every one of the first, then ever fewer.
std::uint64_t After(std::uint64_t number) { return number + 1 + number / 8; }

class DriverFaultsTest : public testing::Test {
 protected:
  void SetUp() override {
    bystander_ = rig_.Load("bystander").value();
    right_ = rig_.Ask(bystander_).value();
  }

  static void ExpectNamed(const char* call, const base::Status& status) {
    EXPECT_THAT(status.message(), HasSubstr(call));
    EXPECT_THAT(status.message(), HasSubstr(DriverFaults::CodeText(call)));
    EXPECT_THAT(status.message(), HasSubstr("opencl:0"));
  }
  void ExpectBystanderServes() {
    const auto answer = rig_.Ask(bystander_);
    ASSERT_TRUE(answer.ok()) << answer.message();
    EXPECT_EQ(*answer, right_);
  }

  LoadingRig rig_{"opencl-cpu"};
  ModelHandle bystander_;
  std::string right_;
};

class FailingLoad : public DriverFaultsTest, public testing::WithParamInterface<const char*> {};

TEST_P(FailingLoad, NamesItsReasonAndLeavesNothingBehind) {
  const auto before = rig_.Ledger();
  std::uint64_t failures = 0;
  // What was built stays built: each load gets one program further.
  const bool kept = std::string_view(GetParam()).find("Program") != std::string_view::npos;
  for (std::uint64_t number = 0;; number = kept ? 1 : After(number)) {
    SCOPED_TRACE(failures);
    DriverFaults::FailAt(GetParam(), number);
    auto loaded = rig_.Load("victim");
    if (!DriverFaults::Disarm()) {
      ASSERT_TRUE(loaded.ok()) << loaded.message();
      break;
    }
    ++failures;
    ASSERT_FALSE(loaded.ok());
    ExpectNamed(GetParam(), loaded.CloneStatus());
    EXPECT_EQ(rig_.Ledger(), before);
    ExpectBystanderServes();
  }
  EXPECT_GE(failures, kept ? 5U : 1U);
  const ModelHandle victim = rig_.Load("victim").value();
  EXPECT_TRUE(rig_.Ask(victim).ok());
  ExpectBystanderServes();
}

INSTANTIATE_TEST_SUITE_P(Calls, FailingLoad,
                         testing::Values("clBuildProgram", "clCreateProgramWithSource",
                                         "clCreateBuffer", "clEnqueueMigrateMemObjects", "clFinish",
                                         "clCreateCommandQueue", "clCreateKernel", "clSetKernelArg",
                                         "clCreateUserEvent", "clEnqueueBarrierWithWaitList",
                                         "clEnqueueMarkerWithWaitList", "clEnqueueNDRangeKernel",
                                         "clEnqueueReadBuffer", "clEnqueueWriteBuffer",
                                         "clSetEventCallback"),
                         [](const auto& name) { return std::string(name.param); });

TEST_F(DriverFaultsTest, ALostDeviceEndsEveryRunWithAReason) {
  const ModelHandle victim = rig_.Load("victim").value();
  const std::string right = rig_.Ask(victim).value();
  for (std::uint64_t number = 0;; ++number) {
    SCOPED_TRACE(number);
    DriverFaults::LoseDeviceAt(number);
    const auto answer = rig_.Ask(victim);
    if (!DriverFaults::Disarm()) {
      EXPECT_EQ(answer.value(), right);
      EXPECT_GE(number, 10U);
      return;
    }
    EXPECT_EQ(answer.code(), base::StatusCode::kResourceExhausted);
    EXPECT_THAT(answer.message(), HasSubstr("opencl:0"));
    EXPECT_EQ(rig_.lane().in_flight(), 0);
    ExpectBystanderServes();  // the device is back
  }
}

class FailingRun : public DriverFaultsTest, public testing::WithParamInterface<const char*> {};

TEST_P(FailingRun, FailsItsRequestAndNoOther) {
  const ModelHandle victim = rig_.Load("victim").value();
  const std::string right = rig_.Ask(victim).value();
  std::uint64_t failures = 0;
  for (std::uint64_t number = 0;; number = After(number)) {
    SCOPED_TRACE(number);
    rig_.RenewLane();  // the request needs memory and kernels of its own
    ExpectBystanderServes();
    DriverFaults::FailAt(GetParam(), number);
    const auto answer = rig_.Ask(victim);
    if (!DriverFaults::Disarm()) {
      EXPECT_EQ(answer.value(), right);
      break;
    }
    ++failures;
    ASSERT_FALSE(answer.ok());
    ExpectNamed(GetParam(), answer.CloneStatus());
    EXPECT_EQ(rig_.lane().in_flight(), 0);
    ExpectBystanderServes();
    const auto again = rig_.Ask(victim);
    ASSERT_TRUE(again.ok()) << again.message();
    EXPECT_EQ(*again, right);
  }
  EXPECT_GE(failures, 1U);
}

INSTANTIATE_TEST_SUITE_P(Calls, FailingRun,
                         testing::Values("clCreateBuffer", "clEnqueueMigrateMemObjects", "clFinish",
                                         "clCreateKernel", "clSetKernelArg", "clCreateUserEvent",
                                         "clEnqueueBarrierWithWaitList",
                                         "clEnqueueMarkerWithWaitList", "clEnqueueNDRangeKernel",
                                         "clEnqueueReadBuffer", "clEnqueueWriteBuffer",
                                         "clSetEventCallback"),
                         [](const auto& name) { return std::string(name.param); });

class WarmLoad : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() /
                 ("hadron_warm_load_" + std::to_string(std::random_device{}()));
    LoadingRig cold("opencl-cpu", directory_.string());
    right_ = cold.Ask(cold.Load("victim").value()).value();
    programs_ = cold.programs()->counts().compiled;
    EXPECT_EQ(cold.programs()->counts().loaded, 0U);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path directory_;
  std::string right_;
  std::uint64_t programs_ = 0;
};

TEST_F(WarmLoad, CompilesNothing) {
  LoadingRig warm("opencl-cpu", directory_.string());
  DriverFaults::FailAt("clCreateProgramWithSource", 0);  // is not even called
  const ModelHandle victim = warm.Load("victim").value();
  EXPECT_FALSE(DriverFaults::Disarm());
  EXPECT_EQ(warm.programs()->counts().compiled, 0U);
  EXPECT_EQ(warm.programs()->counts().loaded, programs_);
  EXPECT_EQ(warm.Ask(victim).value(), right_);
}

TEST_F(WarmLoad, CompilesWhatTheDriverDoesNotTake) {
  for (std::uint64_t number = 0; number < programs_; ++number) {
    LoadingRig warm("opencl-cpu", directory_.string());
    DriverFaults::FailAt("clCreateProgramWithBinary", number);
    const ModelHandle victim = warm.Load("victim").value();
    EXPECT_TRUE(DriverFaults::Disarm());
    EXPECT_EQ(warm.programs()->counts().compiled, 1U);
    EXPECT_EQ(warm.programs()->counts().loaded, programs_ - 1);
    EXPECT_EQ(warm.Ask(victim).value(), right_);
  }
}

}  // namespace
}  // namespace hadron::model
