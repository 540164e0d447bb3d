#include "protocol/classification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tensor/string_tensor.h"
#include "unit/protocol/fake_models.h"

namespace hadron::protocol {
namespace {

using tensor::DataType;
using tensor::HostTensor;
using testing::HasSubstr;
using Texts = std::vector<std::string>;

struct Result {
  Texts texts;
  tensor::Shape shape;
};

template <typename T>
Result Classified(DataType type, tensor::Shape shape, const std::vector<T>& values, std::uint64_t k,
                  bool batched, const Texts* labels = nullptr) {
  const HostTensor output{{"p", type, std::move(shape)}, BytesOf(values)};
  auto result = Classify(output, k, batched, labels);
  EXPECT_TRUE(result.ok()) << result.message();
  if (!result.ok()) return {};
  EXPECT_EQ(result->desc.type, DataType::kString);
  EXPECT_EQ(result->desc.name, "p");
  auto texts = tensor::DecodeStrings(result->bytes, result->desc.shape.elements());
  EXPECT_TRUE(texts.ok());
  return {*texts, result->desc.shape};
}

TEST(Classify, SortsEachBatchItem) {
  const Result r = Classified<float>(DataType::kFp32, {2, 3}, {0.5F, 3.3F, 1, 9, 8, 7}, 2, true);
  EXPECT_EQ(r.texts, (Texts{"3.300000:1", "1.000000:2", "9.000000:0", "8.000000:1"}));
  EXPECT_EQ(r.shape, (tensor::Shape{2, 2}));
}

TEST(Classify, AppendsLabelsWhereThereAreAny) {
  const Texts labels = {"cat", "dog"};
  const Result r = Classified<std::int32_t>(DataType::kInt32, {3}, {-5, 7, 9}, 10, false, &labels);
  EXPECT_EQ(r.texts, (Texts{"9:2", "7:1:dog", "-5:0:cat"}));
  EXPECT_EQ(r.shape, (tensor::Shape{3}));
}

TEST(Classify, TiesGoToTheLowerIndexAndNanLast) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const Result r = Classified<double>(DataType::kFp64, {1, 5}, {kNan, 2, 2, kNan, 3}, 5, true);
  EXPECT_EQ(r.texts, (Texts{"3.000000:4", "2.000000:1", "2.000000:2", "nan:0", "nan:3"}));
}

TEST(Classify, FlattensTheRestOfTheShape) {
  const Result r =
      Classified<std::uint8_t>(DataType::kUint8, {2, 2, 2}, {1, 2, 3, 4, 8, 7, 6, 5}, 1, true);
  EXPECT_EQ(r.texts, (Texts{"4:3", "8:0"}));
}

TEST(Classify, EmptyBatchIsEmpty) {
  EXPECT_EQ(Classified<float>(DataType::kFp32, {0, 3}, {}, 2, true).texts, Texts{});
}

TEST(Classify, RefusesOtherTypesAndTooManyElements) {
  for (const auto type : {DataType::kFp16, DataType::kBf16, DataType::kBool, DataType::kString}) {
    EXPECT_THAT(CheckClassifiable("p", type).message(),
                HasSubstr("class result not available for output due to unsupported type"));
  }
  const HostTensor large{{"p", DataType::kUint8, {1'000'001}}, {}};
  EXPECT_EQ(Classify(large, 1, false, nullptr).code(), base::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace hadron::protocol
