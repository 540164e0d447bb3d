// Loads that run out of memory at every place where they ask for some: each fails with its reason,
// gives everything back, and another model answers as before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "unit/model/loading_rig.h"

namespace hadron::model {
namespace {

using test::MemoryFaults;
using testing::AnyOf;
using testing::HasSubstr;

class LoadFaults : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    bystander_ = rig_.Load("bystander").value();
    right_ = rig_.Ask(bystander_).value();
  }

  /// Fails the load at one place after the other until it meets none any more.
  void FailEverywhere(MemoryFaults::Kind kind, std::uint64_t at_least) {
    const auto before = rig_.Ledger();
    for (std::uint64_t number = 0;; ++number) {
      SCOPED_TRACE(number);
      rig_.faults().FailAt(kind, number);
      auto loaded = rig_.Load("victim");
      if (!rig_.faults().Disarm()) {
        ASSERT_TRUE(loaded.ok()) << loaded.message();
        EXPECT_GE(number, at_least);
        return;
      }
      ASSERT_FALSE(loaded.ok());
      EXPECT_EQ(loaded.code(), base::StatusCode::kResourceExhausted) << loaded.message();
      EXPECT_THAT(loaded.message(), AnyOf(HasSubstr("needs"), HasSubstr("planted")));
      EXPECT_EQ(rig_.Ledger(), before);
      const auto answer = rig_.Ask(bystander_);
      ASSERT_TRUE(answer.ok()) << answer.message();
      EXPECT_EQ(*answer, right_);
    }
  }

  LoadingRig rig_{GetParam()};
  ModelHandle bystander_;
  std::string right_;
};

TEST_P(LoadFaults, EveryReservationMayBeRefused) {
  FailEverywhere(MemoryFaults::Kind::kReserve, 2);  // the file, the weights
}

TEST_P(LoadFaults, EveryAllocationMayFail) { FailEverywhere(MemoryFaults::Kind::kAllocate, 1); }

TEST_P(LoadFaults, ALaneThatCannotGrowStaysAsItWas) {
  const ModelHandle victim = rig_.Load("victim").value();
  const std::string right = rig_.Ask(victim).value();
  for (std::uint64_t number = 0;; ++number) {
    SCOPED_TRACE(number);
    rig_.RenewLane();
    ASSERT_EQ(rig_.Ask(bystander_).value(), right_);
    const auto before = rig_.Ledger();
    rig_.faults().FailAt(MemoryFaults::Kind::kAllocate, number);
    const auto answer = rig_.Ask(victim);
    if (!rig_.faults().Disarm()) {
      EXPECT_EQ(answer.value(), right);
      EXPECT_GE(number, 1U);
      return;
    }
    EXPECT_EQ(answer.code(), base::StatusCode::kResourceExhausted) << answer.message();
    EXPECT_EQ(rig_.Ledger(), before);
    EXPECT_EQ(rig_.Ask(bystander_).value(), right_);
    EXPECT_EQ(rig_.Ask(victim).value(), right);
  }
}

#ifdef HADRON_HAVE_OPENCL
constexpr std::array kDevices = {"cpu", "opencl-cpu", "opencl-gpu"};
#else
constexpr std::array kDevices = {"cpu"};
#endif
INSTANTIATE_TEST_SUITE_P(Devices, LoadFaults, testing::ValuesIn(kDevices), [](const auto& name) {
  std::string text = name.param;
  std::erase(text, '-');
  return text;
});

}  // namespace
}  // namespace hadron::model
