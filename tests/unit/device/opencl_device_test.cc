#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/bytes.h"
#include "device/opencl/factory.h"
#include "stream_contract.h"

namespace hadron::device {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kBudget = std::uint64_t{64} << 20;

std::unique_ptr<Device> MakeFirst() {
  auto device = MakeOpenClDevice(0, kBudget);
  EXPECT_TRUE(device.ok()) << device.message() << " (Debian: pocl-opencl-icd)";
  return device.ok() ? std::move(device).value() : nullptr;
}

class OpenClDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    device_ = MakeFirst();
    ASSERT_NE(device_, nullptr);
  }
  base::StatusOr<std::unique_ptr<DeviceBuffer>> Allocate(std::uint64_t bytes) {
    return device_->Allocate(device_->memory().Reserve("t", bytes).value(), bytes);
  }

  std::unique_ptr<Device> device_;
};

/// Throws tasks away, as a lane does that has been stopped.
class StoppedLane final : public base::Executor {
 public:
  void Post(base::Task task) override { task = {}; }
};

TEST(ListOpenClDevices, NumbersGpusBeforeCpus) {
  const auto devices = ListOpenClDevices();
  ASSERT_FALSE(devices.empty()) << "no OpenCL platform (Debian: pocl-opencl-icd)";
  EXPECT_TRUE(std::ranges::is_sorted(devices, {}, &OpenClDeviceRef::type));
  for (unsigned i = 0; i < devices.size(); ++i) {
    EXPECT_EQ(devices[i].index, i);
    EXPECT_FALSE(devices[i].name.empty());
    EXPECT_FALSE(devices[i].platform.empty());
  }
}

TEST(MakeOpenClDevice, UnknownNumberListsTheDevices) {
  const auto missing = MakeOpenClDevice(1000, kBudget);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.code(), base::StatusCode::kNotFound);
  EXPECT_THAT(missing.message(), HasSubstr("opencl:1000"));
  EXPECT_THAT(missing.message(), HasSubstr("opencl:0 = "));
}

TEST_F(OpenClDeviceTest, SaysWhatItIs) {
  const DeviceInfo& info = device_->info();
  EXPECT_EQ(info.id, "opencl:0");
  EXPECT_EQ(info.kind, DeviceKind::kOpenCl);
  EXPECT_THAT(info.device_class, testing::StartsWith("opencl "));
  EXPECT_GE(info.base_align, 256U);
  EXPECT_GE(info.max_allocation, std::uint64_t{64} << 20);
  EXPECT_LE(info.max_allocation, info.memory_bytes);
}

TEST_F(OpenClDeviceTest, RefusesPiecesAboveTheDriversLimit) {
  auto device = MakeOpenClDevice(0, UINT64_MAX);
  ASSERT_TRUE(device.ok());
  const std::uint64_t bytes = (*device)->info().max_allocation + 1;
  {
    auto buffer = (*device)->Allocate((*device)->memory().Reserve("t", bytes).value(), bytes);
    ASSERT_FALSE(buffer.ok());
    EXPECT_EQ(buffer.code(), base::StatusCode::kResourceExhausted);
    EXPECT_THAT(buffer.message(), HasSubstr("in one piece"));
  }
  EXPECT_EQ((*device)->memory().reserved(), 0U);
}

TEST_F(OpenClDeviceTest, BuildErrorCarriesTheCompilersLog) {
  const auto program = device_->BuildProgram(
      "broken.cl", "__kernel void f(__global float* x) { x[0] = no_such_name; }", "-DX=1");
  ASSERT_FALSE(program.ok());
  EXPECT_THAT(program.message(), HasSubstr("broken.cl"));
  EXPECT_THAT(program.message(), HasSubstr("clBuildProgram: CL_BUILD_PROGRAM_FAILURE (-11)"));
  EXPECT_THAT(program.message(), HasSubstr("-DX=1"));
  EXPECT_THAT(program.message(), HasSubstr("no_such_name"));
}

TEST_F(OpenClDeviceTest, ErrorsNameKernelAndArgument) {
  auto program = device_->BuildProgram("p.cl", "__kernel void f(uint x) {}", "");
  ASSERT_TRUE(program.ok()) << program.message();
  const auto missing = (*program)->CreateKernel("g");
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.message(), HasSubstr("kernel 'g' of program 'p.cl'"));
  auto kernel = (*program)->CreateKernel("f");
  ASSERT_TRUE(kernel.ok()) << kernel.message();
  EXPECT_THAT((*kernel)->SetScalar(7, 1U).message(), HasSubstr("argument 7 of kernel 'f'"));
  EXPECT_THAT((*kernel)->SetScalar(0, std::uint64_t{1}).message(),
              HasSubstr("CL_INVALID_ARG_SIZE (-51)"));
}

TEST_F(OpenClDeviceTest, LaunchesKernelsInOrderWithHostTasks) {
  LaneThread lane;
  auto program = device_->BuildProgram("p.cl",
                                       "__kernel void twice(__global int* x, uint n) {"
                                       "  if (get_global_id(0) < n) x[get_global_id(0)] *= 2; }",
                                       "");
  ASSERT_TRUE(program.ok()) << program.message();
  auto kernel = (*program)->CreateKernel("twice");
  auto buffer = Allocate(400);
  auto stream = device_->CreateStream(lane.executor());
  ASSERT_TRUE(kernel.ok() && buffer.ok() && stream.ok());
  ASSERT_TRUE((*kernel)->SetBuffer(0, **buffer).ok());
  ASSERT_TRUE((*kernel)->SetScalar(1, 100U).ok());

  std::array<int, 100> values{};
  std::iota(values.begin(), values.end(), 0);
  std::array<int, 100> expected = values;
  const auto bytes = std::as_writable_bytes(std::span(values));
  for (int round = 0; round < 5; ++round) {
    (*stream)->Upload(bytes, **buffer, 0);
    (*stream)->Launch(**kernel, {100, 1, 1}, {0, 0, 0});
    (*stream)->Launch(**kernel, {128, 1, 1}, {32, 1, 1});
    (*stream)->Launch(**kernel, {0, 1, 1}, {32, 1, 1});
    (*stream)->Download(**buffer, 0, bytes);
    (*stream)->Host([&values] {
      for (int& v : values) v -= 7;
      return base::OkStatus();
    });
    for (int& v : expected) v = 4 * v - 7;
  }
  EXPECT_TRUE(Finish(**stream).ok());
  EXPECT_EQ(values, expected);
}

TEST_F(OpenClDeviceTest, EnqueueFailureStaysUntilTheRecord) {
  LaneThread lane;
  auto stream = device_->CreateStream(lane.executor());
  auto buffer = Allocate(16);
  ASSERT_TRUE(stream.ok() && buffer.ok());
  std::array<std::byte, 32> too_many{};
  bool ran = false;
  (*stream)->Upload(too_many, **buffer, 0);
  (*stream)->Host([&ran] {
    ran = true;
    return base::OkStatus();
  });
  const base::Status failed = Finish(**stream);
  EXPECT_THAT(failed.message(), HasSubstr("clEnqueueWriteBuffer: CL_INVALID_VALUE (-30)"));
  EXPECT_FALSE(ran);
  (*stream)->Upload(std::span(too_many).first(16), **buffer, 0);
  EXPECT_TRUE(Finish(**stream).ok());
}

TEST_F(OpenClDeviceTest, AStoppedLaneCancelsItsTasksAndReleasesTheQueue) {
  StoppedLane lane;
  auto stream = device_->CreateStream(lane);
  ASSERT_TRUE(stream.ok());
  bool ran = false;
  (*stream)->Host([&ran] {
    ran = true;
    return base::OkStatus();
  });
  EXPECT_EQ(Finish(**stream).code(), base::StatusCode::kCancelled);
  EXPECT_FALSE(ran);
  EXPECT_TRUE(Finish(**stream).ok());
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(OpenCl, StreamContract, testing::Values(DeviceMaker{"first", MakeFirst}),
                         [](const auto& test) { return test.param.name; });

}  // namespace hadron::device
