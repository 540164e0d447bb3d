#include "serving/kept_tensors.h"

#include <gtest/gtest.h>

#include <thread>

#include "device/host/factory.h"

namespace hadron::serving {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kMib = std::uint64_t{1} << 20U;
const base::TimePoint kNow(std::chrono::hours(1));

class Room : public ::testing::Test {
 protected:
  plan::ArenaPlace Place(std::uint64_t bytes) {
    auto reservation = device_->memory().Reserve("room", bytes);
    auto buffer = device_->Allocate(std::move(reservation).value(), bytes);
    return {std::move(buffer).value(), 0, bytes, nullptr};
  }

  std::unique_ptr<device::Device> device_ = device::MakeHostDevice(64 * kMib);
  KeptTensors kept_{8 * kMib};
};

TEST_F(Room, IsAskedForOnceAndAsLargeAsWorthwhile) {
  EXPECT_EQ(kept_.MissingRoom(0, kNow), 0U);  // nothing is to be kept
  EXPECT_EQ(kept_.MissingRoom(100, kNow), kMib);
  EXPECT_EQ(kept_.MissingRoom(kMib / 4, kNow), 4 * kMib);
  EXPECT_EQ(kept_.MissingRoom(4 * kMib, kNow), 8 * kMib);
  EXPECT_EQ(kept_.MissingRoom(9 * kMib, kNow), 0U);  // it will never fit
  kept_.GiveRoom(Place(kMib));
  EXPECT_EQ(kept_.MissingRoom(100, kNow), 0U);
}

TEST_F(Room, MakesWayForALargerOneWhenNobodyIsInIt) {
  kept_.GiveRoom(Place(kMib));
  auto tensor = kept_.Take(100);
  EXPECT_EQ(kept_.MissingRoom(2 * kMib, kNow), 0U);
  tensor.reset();
  EXPECT_EQ(kept_.MissingRoom(2 * kMib, kNow), 8 * kMib);
}

TEST_F(Room, IsNotAskedForAgainAtOnceWhenItWasRefusedOrTaken) {
  kept_.Refused(kNow);
  EXPECT_EQ(kept_.MissingRoom(100, kNow + milliseconds(999)), 0U);
  EXPECT_EQ(kept_.MissingRoom(100, kNow + milliseconds(1000)), kMib);
  kept_.GiveRoom(Place(kMib));
  kept_.Release(kNow);
  EXPECT_EQ(device_->memory().reserved(), 0U);
  EXPECT_EQ(kept_.MissingRoom(100, kNow + milliseconds(999)), 0U);
  EXPECT_EQ(kept_.MissingRoom(100, kNow + milliseconds(1000)), kMib);
}

TEST_F(Room, GivesPlacesThatDoNotMeetUntilItIsFull) {
  EXPECT_EQ(kept_.Take(100), nullptr);  // there is none yet
  kept_.GiveRoom(Place(kMib));
  auto first = kept_.Take(kMib / 2);
  auto second = kept_.Take(kMib / 2);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->size(), kMib / 2);
  EXPECT_NE(first->place().offset, second->place().offset);
  EXPECT_EQ(kept_.Take(1), nullptr);
  EXPECT_FALSE(kept_.empty());
  const plan::DeviceSpan used = first->place();  // by a run
  first.reset();
  EXPECT_EQ(kept_.Take(1), nullptr);
}

TEST_F(Room, IsThereUntilTheLastOneHasLeft) {
  kept_.GiveRoom(Place(kMib));
  auto tensor = kept_.Take(100);
  kept_.Release(kNow);
  EXPECT_TRUE(kept_.empty());
  EXPECT_EQ(kept_.Take(100), nullptr);
  EXPECT_EQ(device_->memory().reserved(), kMib);
  EXPECT_NE(tensor->place().buffer, nullptr);
  std::jthread([last = std::move(tensor)]() mutable { last.reset(); }).join();
  EXPECT_EQ(device_->memory().reserved(), 0U);
}

TEST_F(Room, EmptiesItselfWhenTensorsComeHome) {
  kept_.GiveRoom(Place(kMib));
  auto written = kept_.Take(100);
  auto unwritten = kept_.Take(100);
  written->SetReadable(true);
  auto staying = kept_.Staying();
  ASSERT_EQ(staying.size(), 1U);
  EXPECT_EQ(staying.front(), written);
  written->ComeHome(base::IoBuf::FromString(std::string(100, 'x')));
  EXPECT_EQ(written->place().buffer, nullptr);
  EXPECT_EQ(written->home().size(), 100U);
  EXPECT_TRUE(kept_.Staying().empty());
  unwritten.reset();
  EXPECT_TRUE(kept_.empty());
}

}  // namespace
}  // namespace hadron::serving
