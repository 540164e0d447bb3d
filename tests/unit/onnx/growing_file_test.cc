#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <numeric>
#include <random>

#include "base/arrival.h"
#include "onnx/wire/scan.h"
#include "unit/onnx/fixtures.h"

namespace hadron::onnx {
namespace {

using tensor::DataType;
using test::OnnxTensor;
using test::OnnxWriter;
using ::testing::HasSubstr;

constexpr std::int64_t kLarge = 40'000;  // floats: more than what stays in the file

std::vector<float> Values(float first) {
  std::vector<float> values(kLarge);
  std::iota(values.begin(), values.end(), first);
  return values;
}

/// y = x + w0 + w1 + b, where w0 and w1 are large.
std::string Model() {
  OnnxWriter writer;
  writer.Input("x", DataType::kFp32, {kLarge});
  writer.Output("y", DataType::kFp32, {kLarge});
  writer.Initializer("w0", OnnxTensor::Floats({kLarge}, Values(0)));
  writer.Initializer("b", OnnxTensor::Floats({1}, {7}));
  writer.Initializer("w1", OnnxTensor::Floats({kLarge}, Values(1)));
  writer.Node({"Add", {"x", "w0"}, {"t"}, {}});
  writer.Node({"Add", {"t", "w1"}, {"u"}, {}});
  writer.Node({"Add", {"u", "b"}, {"y"}, {}});
  return writer.Serialize();
}

/// A file of which the test says what has come.
class GrowingFile final : public base::ByteSource {
 public:
  explicit GrowingFile(std::string bytes) : bytes_(std::move(bytes)), arrival(bytes_.size()) {}
  std::uint64_t size() const override { return bytes_.size(); }
  base::Status Read(std::uint64_t offset, std::span<std::byte> to) const override {
    HADRON_RETURN_IF_ERROR(arrival.WaitFor(offset, to.size()));
    std::memcpy(to.data(), bytes_.data() + offset, to.size());
    return {};
  }
  base::Status Settle() const override { return arrival.WaitForEnd(); }

 private:
  const std::string bytes_;

 public:
  mutable base::Arrival arrival;
};

base::StatusOr<LoadedModel> LoadFrom(const std::shared_ptr<GrowingFile>& file) {
  return LoadOnnx(file, ExternalData::None(), {});
}

graph::ConstantRef ConstantOf(const LoadedModel& model, std::string_view name) {
  for (std::size_t id = 0; id < model.graph.value_count(); ++id) {
    const graph::Value& value = model.graph.value(static_cast<graph::ValueId>(id));
    if (value.name == name) return value.constant;
  }
  return nullptr;
}

/// Everything but the middle of the large values.
void AddAllButLargeValues(const std::string& bytes, GrowingFile& file) {
  const auto skeleton = ScanWire(base::BufferSource(base::IoBuf::FromString(bytes)), {});
  ASSERT_TRUE(skeleton.ok());
  ASSERT_EQ(skeleton->left.size(), 2U);
  std::uint64_t at = 0;
  constexpr std::uint64_t kRead = 64UL << 10U;  // the scan reads so much at once
  for (const auto& range : skeleton->left) {
    file.arrival.Add(at, range.offset + kRead);
    at = range.offset + range.count;
  }
  file.arrival.Add(at, bytes.size());
}

TEST(GrowingFile, TheGraphIsKnownBeforeTheLargeValuesAre) {
  const std::string bytes = Model();
  const auto file = std::make_shared<GrowingFile>(bytes);
  AddAllButLargeValues(bytes, *file);
  const auto loaded = LoadFrom(file);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_EQ(loaded->graph.nodes().size(), 3U);
  EXPECT_EQ(loaded->largest_stored, 4U * kLarge);
  const auto first = ConstantOf(*loaded, "w0");
  const auto second = ConstantOf(*loaded, "w1");
  EXPECT_EQ(first->byte_size(), 4U * kLarge);
  EXPECT_LT(first->order(), second->order());
  auto waiting = std::async(std::launch::async, [&] { return *second->Doubles(); });
  file->arrival.Add(0, bytes.size());
  file->arrival.End({});
  const auto values = waiting.get();
  EXPECT_EQ(values.front(), 1);
  EXPECT_EQ(values.back(), kLarge);
  EXPECT_EQ((*first->Doubles())[5], 5);
  EXPECT_EQ(ConstantOf(*loaded, "b")->Doubles()->front(), 7);
  EXPECT_TRUE(loaded->Settle().ok());
}

TEST(GrowingFile, AFetchThatFailsFailsWhatWaitsForIt) {
  const std::string bytes = Model();
  const auto file = std::make_shared<GrowingFile>(bytes);
  AddAllButLargeValues(bytes, *file);
  const auto loaded = LoadFrom(file);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  auto waiting =
      std::async(std::launch::async, [&] { return ConstantOf(*loaded, "w1")->Evaluate(); });
  file->arrival.End(base::Unavailable("the object has been replaced"));
  const auto tensor = waiting.get();
  EXPECT_EQ(tensor.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(tensor.message(), HasSubstr("tensor 'w1': the object has been replaced"));
  EXPECT_EQ(loaded->Settle().message(), "the object has been replaced");
}

TEST(GrowingFile, ATornOneIsNeverAModel) {
  const std::string bytes = Model();
  std::minstd_rand random(3);
  for (int round = 0; round < 60; ++round) {
    const auto file = std::make_shared<GrowingFile>(bytes);
    const std::uint64_t torn = round == 0 ? bytes.size() - 1 : random() % bytes.size();
    file->arrival.Add(0, torn);
    file->arrival.Add(torn + 1, bytes.size());
    file->arrival.End(base::Cancelled("given up"));
    EXPECT_EQ(LoadFrom(file).code(), base::StatusCode::kCancelled) << torn;
  }
}

TEST(GrowingFile, OneThatComesSlowlyIsTheSameModel) {
  const std::string bytes = Model();
  const auto file = std::make_shared<GrowingFile>(bytes);
  auto loading = std::async(std::launch::async, [&] { return LoadFrom(file); });
  for (std::size_t at = 0; at < bytes.size(); at += 777) file->arrival.Add(at, at + 777);
  file->arrival.End({});
  const auto loaded = loading.get();
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_EQ(ConstantOf(*loaded, "w1")->Doubles()->back(), kLarge);
}

std::string Wrap(char tag, const std::string& content) {
  std::string text(1, tag);
  for (std::size_t rest = content.size();; rest >>= 7U) {
    text.push_back(static_cast<char>((rest & 0x7F) | (rest >= 0x80 ? 0x80 : 0)));
    if (rest < 0x80) break;
  }
  return text + content;
}

/// A model with one initializer, which is `tensor` and has so many bytes of float.
std::string ModelOf(const std::string& tensor) {
  OnnxWriter writer;
  writer.Output("w", DataType::kFp32, {kLarge});
  return writer.Serialize() + Wrap(0x3A, Wrap(0x2A, tensor));
}

/// float, dims [kLarge], name "w"
const std::string kHead("\x08\xC0\xB8\x02\x10\x01\x42\x01w", 9);

TEST(GrowingFile, WhatIsLeftInItMustFitTheShape) {
  const std::string raw(4 * kLarge, '\0');
  const auto message = [](const std::string& tensor) {
    const auto loaded =
        LoadOnnx(base::IoBuf::FromString(ModelOf(tensor)), ExternalData::None(), {});
    return loaded.ok() ? std::string("OK") : loaded.message();
  };
  EXPECT_EQ(message(kHead + Wrap(0x4A, raw)), "OK");
  EXPECT_EQ(message(Wrap(0x4A, raw) + kHead), "OK") << "in any order";
  EXPECT_THAT(message(kHead + Wrap(0x4A, raw + "1234")), HasSubstr("bytes of raw_data"));
  EXPECT_THAT(message(kHead + Wrap(0x4A, raw.substr(4))), HasSubstr("bytes of raw_data"));
  EXPECT_THAT(message(kHead + Wrap(0x4A, "1234") + Wrap(0x4A, raw)), HasSubstr("more than one"));
  EXPECT_THAT(message(kHead + Wrap(0x4A, raw) + Wrap(0x22, "1234")), HasSubstr("more than one"));
}

TEST(GrowingFile, AFileDoesNotSayWhatIsLeftInIt) {
  // Field 1000 of a tensor is ours; a file that has it is a file without values.
  const auto forged = [](const std::string& field) {
    return LoadOnnx(base::IoBuf::FromString(ModelOf(kHead + field)), ExternalData::None(), {})
        .message();
  };
  EXPECT_THAT(forged("\xC0\x3E\x01"), HasSubstr("has 0 values"));
  EXPECT_THAT(forged("\xC0\x3E\xFF\xFF\xFF\x7F"), HasSubstr("has 0 values"));
  EXPECT_THAT(forged(std::string("\xC2\x3E\x01\x01", 4)), HasSubstr("has 0 values"));
  EXPECT_THAT(forged(std::string("\xC1\x3E\x01\0\0\0\0\0\0\0", 10)), HasSubstr("has 0 values"));
}

TEST(GrowingFile, LengthsThatLieAreNoticedBeforeAnythingIsRead) {
  std::string bytes = ModelOf(kHead + Wrap(0x4A, std::string(4 * kLarge, '\0')));
  for (const std::size_t cut : {std::size_t{1}, std::size_t{100'000}, bytes.size() - 1}) {
    const auto loaded = LoadOnnx(base::IoBuf::FromString(bytes.substr(0, bytes.size() - cut)),
                                 ExternalData::None(), {});
    EXPECT_THAT(loaded.message(), HasSubstr("not an ONNX model")) << cut;
  }
}

TEST(ScanWire, LeavesNothingButLargeValuesOut) {
  const std::string bytes = Model();
  const auto skeleton = ScanWire(base::BufferSource(base::IoBuf::FromString(bytes)), {});
  ASSERT_TRUE(skeleton.ok());
  EXPECT_LT(skeleton->bytes.size(), 1000U);
  ASSERT_EQ(skeleton->left.size(), 2U);
  EXPECT_EQ(skeleton->left[0].count, 4U * kLarge);
  EXPECT_EQ(bytes.compare(skeleton->left[0].offset, 4, std::string_view("\0\0\0\0", 4)), 0);
  const std::string small = ValidModel().SerializeAsString();
  EXPECT_EQ(ScanWire(base::BufferSource(base::IoBuf::FromString(small)), {})->bytes, small);
}

}  // namespace
}  // namespace hadron::onnx
