// Packed weights in host memory: what is equal is there once, whoever brings it.
#include "plan/shared_segments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "device/host/factory.h"
#include "onnx/loader.h"
#include "plan/compiled_model.h"
#include "support/onnx_writer.h"

namespace hadron::plan {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kSide = 256;  // a layer has 256 KiB
constexpr std::uint64_t kLayer = 256 * 1024;

/// Square layers, each filled with its number; a negative one is a vector of 1 KiB that is added.
std::string Layers(const std::vector<int>& numbers) {
  test::OnnxWriter w;
  w.Input("x0", tensor::DataType::kFp32, {"batch", kSide});
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const bool small = numbers[i] < 0;
    const tensor::Shape shape = small ? tensor::Shape{kSide} : tensor::Shape{kSide, kSide};
    const std::vector<float> values(static_cast<std::size_t>(shape.elements()),
                                    static_cast<float>(numbers[i]));
    const std::string weight = "w" + std::to_string(i);
    w.Initializer(weight, test::OnnxTensor::Floats(shape, values));
    w.Node({small ? "Add" : "MatMul",
            {"x" + std::to_string(i), weight},
            {"x" + std::to_string(i + 1)}});
  }
  w.Output("x" + std::to_string(numbers.size()), tensor::DataType::kFp32, {"batch", kSide});
  return w.Serialize();
}

class SharedWeights : public testing::Test {
 protected:
  using Model = std::shared_ptr<const CompiledModel>;

  SharedWeights() { backend::RegisterNativeKernels(kernels_); }

  base::StatusOr<Model> TryPack(const std::string& owner, const std::vector<int>& numbers,
                                SharedSegments* with) {
    auto loaded =
        onnx::LoadOnnx(base::IoBuf::FromString(Layers(numbers)), onnx::ExternalData::None(), {});
    HADRON_CHECK(loaded.ok());
    CompileOptions options;
    options.owner = owner;
    options.shared_segments = with;
    return CompiledModel::Compile(std::move(loaded->graph), options, kernels_, *host_, *host_);
  }
  Model Pack(const std::string& owner, const std::vector<int>& numbers) {
    return TryPack(owner, numbers, &shared_).value();
  }
  std::uint64_t Booked() const { return host_->memory().reserved(); }

  std::unique_ptr<device::Device> host_ = device::MakeHostDevice(8 * kLayer);
  backend::KernelRegistry kernels_;
  SharedSegments shared_;
};

TEST_F(SharedWeights, EqualTensorsOfDifferentModelsAreOneRange) {
  Model a = Pack("a", {1, 2, 3});
  EXPECT_EQ(Booked(), 3 * kLayer);
  const Model b = Pack("b", {2, 3, 4});
  EXPECT_EQ(Booked(), 4 * kLayer);
  EXPECT_EQ(host_->memory().ByOwner(),
            (std::map<std::string, std::uint64_t>{
                {"a", kLayer}, {"b", kLayer}, {SharedSegments::kOwner, 2 * kLayer}}));
  a.reset();  // it has brought what b needs
  EXPECT_EQ(Booked(), 3 * kLayer);
  for (const auto& segment : b->weights()->segments()) {
    EXPECT_EQ(base::Sha256::Of({segment.host->host(), segment.bytes}), segment.hash);
  }
}

TEST_F(SharedWeights, AModelHoldsEqualTensorsOfItsOwnOnce) {
  const Model a = Pack("a", {1, 1, 1, 2});
  EXPECT_EQ(a->weights()->total_bytes(), 4 * kLayer);
  EXPECT_EQ(a->weights()->HostRanges().size(), 2U);
  EXPECT_EQ(Booked(), 2 * kLayer);
}

TEST_F(SharedWeights, WhatLeavesAndComesBackSharesWithWhatIsThereThen) {
  Model first = Pack("a 1", {1, 2});
  Model second = Pack("a 2", {1, 2});  // a reload while the old one serves
  EXPECT_EQ(Booked(), 2 * kLayer);
  first.reset();
  EXPECT_EQ(Booked(), 2 * kLayer);
  second.reset();
  EXPECT_EQ(Booked(), 0U);
  const Model third = Pack("a 3", {1, 2});
  EXPECT_EQ(host_->memory().ByOwner(), (std::map<std::string, std::uint64_t>{{"a 3", 2 * kLayer}}));
}

TEST_F(SharedWeights, SmallTensorsAndThoseOfOthersAreNotShared) {
  const Model a = Pack("a", {-1});
  const Model b = Pack("b", {-1});
  EXPECT_EQ(Booked(), a->weights()->total_bytes() + b->weights()->total_bytes());
  const Model alone = TryPack("alone", {1}, nullptr).value();
  const Model alike = TryPack("alike", {1}, nullptr).value();
  EXPECT_EQ(Booked(), a->weights()->total_bytes() * 2 + 2 * kLayer);
}

TEST_F(SharedWeights, ALoadAsksForItsFullSizeFirst) {
  const Model a = Pack("a", {1, 2, 3, 4, 5});
  // Four of its five are there; that is not known before they have been packed.
  const auto refused = TryPack("b", {1, 2, 3, 4, 6}, &shared_);
  EXPECT_EQ(refused.code(), base::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("b needs 1.2 MiB of memory"));
  EXPECT_EQ(Booked(), 5 * kLayer);
  const Model b = Pack("b", {1, 2, 6});
  EXPECT_EQ(Booked(), 6 * kLayer);
}

TEST_F(SharedWeights, ContentsThatHaveGoneAreForgotten) {
  for (int number = 0; number < 500; ++number) Pack("a", {number});
  EXPECT_LE(shared_.size(), 64U);
  EXPECT_EQ(Booked(), 0U);
}

TEST_F(SharedWeights, ManyLoadsAtATimeAgree) {
  std::vector<Model> models(6);
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = t; i < models.size(); i += 2) models[i] = Pack("model", {7});
    });
  }
  threads.clear();
  EXPECT_EQ(Booked(), kLayer);
  for (const Model& model : models) {
    EXPECT_EQ(model->weights()->HostRanges(), models[0]->weights()->HostRanges());
  }
}

}  // namespace
}  // namespace hadron::plan
