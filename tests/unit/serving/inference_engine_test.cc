// Requests that wait for their model: their place among those in flight, and their patience.
#include "serving/inference_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "device/host/factory.h"
#include "serving/device_scheduler.h"
#include "unit/model/manager_rig.h"

namespace hadron::serving {
namespace {

using model::ControlMode;
using model::ManagerRig;
using testing::HasSubstr;

/// A model "m" that is not loaded, and an engine with room for two requests.
class AwaitTest : public testing::Test {
 protected:
  AwaitTest() {
    rig_.Write("m", 1, "text");
    EXPECT_EQ(rig_.Start(), "OK");
  }
  ~AwaitTest() override {  // whoever waits still is told into members that live
    rig_.manager->Stop();
    rig_.RunAll();
  }

  /// Waits for the model; the place is kept for the test.
  void Await(std::uint64_t timeout_us = 0) {
    engine_.Await(*rig_.manager, {"m", std::nullopt, timeout_us, nullptr},
                  [this](base::StatusOr<model::ModelHandle> found, Place place) {
                    answer_ = found.ok() ? (*found)->name() : found.CloneStatus().ToString();
                    place_ = std::move(place);
                  });
  }
  std::int64_t Metered() {
    return static_cast<std::int64_t>(
        rig_.metrics.server().inflight.Read(rig_.clock.Now()).inflight);
  }

  ManagerRig rig_{model::InMode(ControlMode::kDemand)};
  std::unique_ptr<device::Device> host_ = device::MakeHostDevice(std::uint64_t{1} << 20U);
  model::ResidencyManager residency_{{}, {host_.get(), &rig_.control, &rig_.load, &rig_.clock}};
  DeviceScheduler scheduler_{{{}, &rig_.load, &rig_.clock, &residency_}};
  InferenceEngine engine_{{.max_inflight = 2, .restore_timeout = std::chrono::seconds(10)},
                          scheduler_,
                          rig_.metrics.server(),
                          rig_.clock};
  std::string answer_ = "none yet";
  Place place_;
};

TEST_F(AwaitTest, HoldsAPlaceWhileItWaitsAndHandsItOn) {
  Await();
  EXPECT_EQ(answer_, "none yet");
  EXPECT_EQ(engine_.inflight(), 1U);
  EXPECT_EQ(Metered(), 1);
  rig_.RunAll();
  EXPECT_EQ(answer_, "m");
  EXPECT_TRUE(place_.taken());
  EXPECT_EQ(engine_.inflight(), 1U);
  place_ = {};
  EXPECT_EQ(engine_.inflight(), 0U);
  EXPECT_EQ(Metered(), 0);
}

TEST_F(AwaitTest, CountsARequestOnce) {
  Await();
  rig_.RunAll();
  InferenceRequest request;
  request.model = *rig_.manager->Find("m", std::nullopt);
  std::string refusal;
  engine_.Infer(
      std::move(request),
      [&](InferenceResponse response) {
        refusal = response.status.message();
        EXPECT_EQ(engine_.inflight(), 1U);
        EXPECT_EQ(Metered(), 0);
      },
      std::move(place_));
  EXPECT_THAT(refusal, HasSubstr("no available versions"));  // the scheduler was never told of it
  EXPECT_EQ(engine_.inflight(), 0U);
  EXPECT_EQ(rig_.metrics.server().inflight.Read(rig_.clock.Now()).started, 1U);
}

TEST_F(AwaitTest, RefusesWhatIsTooMany) {
  Await();
  Await();
  Await();
  EXPECT_THAT(answer_, HasSubstr("--max-inflight"));
  EXPECT_EQ(engine_.inflight(), 2U);
}

TEST_F(AwaitTest, RefusesAfterAdmissionHasStopped) {
  engine_.StopAdmission();
  Await();
  EXPECT_THAT(answer_, HasSubstr("Server exiting"));
}

TEST_F(AwaitTest, IsAsPatientAsTheShorterOfItsTimeouts) {
  const struct {
    std::uint64_t timeout_us;
    std::chrono::seconds patience;
  } rows[] = {{0, std::chrono::seconds(10)},
              {3'000'000, std::chrono::seconds(3)},
              {60'000'000, std::chrono::seconds(10)},
              {UINT64_MAX, std::chrono::seconds(10)}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.timeout_us);
    answer_ = "none yet";
    Await(row.timeout_us);
    rig_.control.RunAll();  // and the load threads do nothing
    const auto advance = [this](base::Duration by) {
      rig_.clock.Advance(by);
      for (auto it = rig_.timers.begin(); it != rig_.timers.end() && it->first <= rig_.clock.Now();
           it = rig_.timers.erase(it)) {
        rig_.control.Post(std::move(it->second));
      }
      rig_.control.RunAll();
    };
    advance(row.patience - std::chrono::milliseconds(1));
    EXPECT_EQ(answer_, "none yet");
    advance(std::chrono::milliseconds(1));
    EXPECT_THAT(answer_, HasSubstr("Request timeout expired"));
    place_ = {};
    EXPECT_EQ(engine_.inflight(), 0U);
  }
}

}  // namespace
}  // namespace hadron::serving
