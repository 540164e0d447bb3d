#include "cpp/tensor_json.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace hadron::client {
namespace {

using tensor::DataType;

TensorData Read(const char* text, DataType type) {
  auto data = TensorFromJson(*json::Parse(text), type);
  EXPECT_TRUE(data.ok()) << data.message();
  return data.ok() ? *data : TensorData{};
}

bool Refused(const char* text, DataType type) {
  return !TensorFromJson(*json::Parse(text), type).ok();
}

TEST(TensorFromJson, FlattensNestedArrays) {
  const TensorData data = Read("[[1,2],[[3]],4]", DataType::kInt32);
  const auto values = base::AsArray<std::int32_t>(data.bytes);
  EXPECT_EQ(std::vector<std::int32_t>(values.begin(), values.end()),
            (std::vector<std::int32_t>{1, 2, 3, 4}));
}

TEST(TensorFromJson, TakesStringsAndBools) {
  EXPECT_EQ(Read(R"(["a",""])", DataType::kString).strings, (std::vector<std::string>{"a", ""}));
  const TensorData bools = Read("[true,false,1,0]", DataType::kBool);
  EXPECT_EQ(ToDoubles(bools.bytes, DataType::kBool), (std::vector<double>{1, 0, 1, 0}));
}

TEST(TensorFromJson, ChecksRanges) {
  EXPECT_EQ(Read("[-128,127]", DataType::kInt8).bytes.size(), 2U);
  EXPECT_TRUE(Refused("[128]", DataType::kInt8));
  EXPECT_TRUE(Refused("[-1]", DataType::kUint64));
  EXPECT_TRUE(Refused("[1.5]", DataType::kInt32));
  EXPECT_TRUE(Refused("[2]", DataType::kBool));
  EXPECT_TRUE(Refused("[\"1\"]", DataType::kFp32));
  EXPECT_TRUE(Refused("[1]", DataType::kString));
  EXPECT_TRUE(Refused("[null]", DataType::kFp32));
  EXPECT_TRUE(Refused("3", DataType::kFp32));
}

TEST(AppendElement, TakesOnlyWhatFits) {
  std::vector<std::byte> bytes;
  EXPECT_TRUE(AppendElement(255, DataType::kUint8, bytes));
  EXPECT_FALSE(AppendElement(256, DataType::kUint8, bytes));
  EXPECT_FALSE(AppendElement(9223372036854775808.0, DataType::kInt64, bytes));
  EXPECT_TRUE(AppendElement(-9223372036854775808.0, DataType::kInt64, bytes));
  EXPECT_FALSE(AppendElement(std::numeric_limits<double>::quiet_NaN(), DataType::kInt32, bytes));
  EXPECT_TRUE(AppendElement(std::numeric_limits<double>::quiet_NaN(), DataType::kFp16, bytes));
  EXPECT_EQ(bytes.size(), 1U + 8U + 2U);
}

TEST(ElementText, IsTheShortestFormOfItsType) {
  EXPECT_EQ(ElementText(Read("[0.1]", DataType::kFp32).bytes, DataType::kFp32, 0), "0.1");
  EXPECT_EQ(ElementText(Read("[0.1]", DataType::kFp64).bytes, DataType::kFp64, 0), "0.1");
  EXPECT_EQ(ElementText(Read("[NaN,-Infinity]", DataType::kFp32).bytes, DataType::kFp32, 1),
            "-Infinity");
  EXPECT_EQ(ElementText(Read("[1.5]", DataType::kBf16).bytes, DataType::kBf16, 0), "1.5");
  EXPECT_EQ(ElementText(Read("[-7]", DataType::kInt8).bytes, DataType::kInt8, 0), "-7");
  EXPECT_EQ(ElementText({std::byte{7}}, DataType::kBool, 0), "true");
}

}  // namespace
}  // namespace hadron::client
