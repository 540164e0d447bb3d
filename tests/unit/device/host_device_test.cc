#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "device/host/factory.h"
#include "stream_contract.h"

namespace hadron::device {

INSTANTIATE_TEST_SUITE_P(Host, StreamContract,
                         testing::Values(DeviceMaker{
                             "host", [] { return MakeHostDevice(std::uint64_t{1} << 20); }}),
                         [](const auto& test) { return test.param.name; });

namespace {

TEST(HostDevice, SaysWhatItIs) {
  const auto device = MakeHostDevice(1 << 20);
  const DeviceInfo& info = device->info();
  EXPECT_EQ(info.id, "cpu");
  EXPECT_EQ(info.kind, DeviceKind::kHost);
  EXPECT_THAT(info.device_class, testing::HasSubstr(HostIsa()));
  EXPECT_GE(info.compute_units, 1U);
  EXPECT_GT(info.memory_bytes, 0U);
  EXPECT_EQ(device->memory().budget(), std::uint64_t{1} << 20);
}

TEST(HostDevice, AllocatesAlignedMemoryOfTheHost) {
  const auto device = MakeHostDevice(1 << 20);
  for (const std::uint64_t bytes : {0U, 1U, 63U, 64U, 1000U}) {
    auto buffer = device->Allocate(device->memory().Reserve("t", bytes).value(), bytes);
    ASSERT_TRUE(buffer.ok());
    std::byte* host = (*buffer)->host();
    ASSERT_NE(host, nullptr);
    std::memset(host, 1, bytes);
    EXPECT_EQ((*buffer)->bytes(), bytes);
    EXPECT_EQ(std::uintptr_t(host) % 64, 0U);
  }
}

TEST(HostDevice, HandsWorkOverInOnePost) {
  const auto device = MakeHostDevice(1 << 20);
  base::ManualExecutor lane;
  auto stream = device->CreateStream(lane);
  ASSERT_TRUE(stream.ok());
  int runs = 0;
  for (int i = 0; i < 5; ++i) {
    (*stream)->Host([&runs] {
      ++runs;
      return base::OkStatus();
    });
  }
  EXPECT_EQ(lane.pending(), 0U);
  (*stream)->Flush();
  EXPECT_EQ(lane.pending(), 1U);
  EXPECT_EQ(runs, 0);
  lane.RunAll();
  EXPECT_EQ(runs, 5);
}

TEST(HostDevice, CompilesNoPrograms) {
  const auto device = MakeHostDevice(1 << 20);
  const auto program = device->BuildProgram("add", "", "");
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.code(), base::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace hadron::device
