#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "device/device.h"
#include "lane_thread.h"

namespace hadron::device {

struct DeviceMaker {
  std::string name;
  std::function<std::unique_ptr<Device>()> make;
};

/// What every device's Stream promises; each test program instantiates it with its devices.
class StreamContract : public testing::TestWithParam<DeviceMaker> {
 protected:
  void SetUp() override {
    device_ = GetParam().make();
    ASSERT_NE(device_, nullptr);
    auto stream = device_->CreateStream(lane_.executor());
    ASSERT_TRUE(stream.ok()) << stream.message();
    stream_ = std::move(stream).value();
  }

  std::unique_ptr<DeviceBuffer> Allocate(std::uint64_t bytes) {
    auto reservation = device_->memory().Reserve("test", bytes);
    EXPECT_TRUE(reservation.ok());
    auto buffer = device_->Allocate(std::move(reservation).value(), bytes);
    EXPECT_TRUE(buffer.ok()) << buffer.message();
    return std::move(buffer).value();
  }

  std::unique_ptr<Device> device_;
  LaneThread lane_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace hadron::device
