#include "protocol/rest/tensor_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "tensor/string_tensor.h"
#include "unit/protocol/fake_models.h"

namespace hadron::protocol {
namespace {

using tensor::DataType;
using tensor::HostTensor;
using testing::HasSubstr;

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 30;

base::StatusOr<base::IoBuf> Read(DataType type, tensor::Shape shape, std::string_view text,
                                 std::uint64_t limit = kPlenty) {
  JsonReader json(text);
  const tensor::TensorDesc desc{"x", type, std::move(shape)};
  HADRON_ASSIGN_OR_RETURN(base::IoBuf bytes, ReadTensorData(json, desc, limit));
  HADRON_RETURN_IF_ERROR(json.ExpectEnd());
  return bytes;
}

template <typename T>
std::vector<T> Values(DataType type, tensor::Shape shape, std::string_view text) {
  auto bytes = Read(type, std::move(shape), text);
  EXPECT_TRUE(bytes.ok()) << text << ": " << bytes.message();
  return bytes.ok() ? ValuesOf<T>(*bytes) : std::vector<T>{};
}

template <typename T>
std::string Write(DataType type, const std::vector<T>& values) {
  HostTensor tensor{{"x", type, {static_cast<std::int64_t>(values.size())}}, BytesOf(values)};
  std::string out;
  WriteTensorData(tensor, out);
  return out;
}

TEST(TensorJson, ReadsEveryType) {
  EXPECT_EQ(Values<std::uint8_t>(DataType::kUint8, {3}, "[0,255,7]"),
            (std::vector<std::uint8_t>{0, 255, 7}));
  EXPECT_EQ(Values<std::int8_t>(DataType::kInt8, {3}, "[-128,127,-0]"),
            (std::vector<std::int8_t>{-128, 127, 0}));
  EXPECT_EQ(Values<std::uint16_t>(DataType::kUint16, {1}, "[65535]"),
            std::vector<std::uint16_t>{65535});
  EXPECT_EQ(Values<std::int16_t>(DataType::kInt16, {1}, "[-32768]"),
            std::vector<std::int16_t>{-32768});
  EXPECT_EQ(Values<std::uint32_t>(DataType::kUint32, {1}, "[4294967295]"),
            std::vector<std::uint32_t>{4294967295U});
  EXPECT_EQ(Values<std::uint64_t>(DataType::kUint64, {2}, "[18446744073709551615,-0]"),
            (std::vector<std::uint64_t>{std::numeric_limits<std::uint64_t>::max(), 0}));
  EXPECT_EQ(Values<std::int64_t>(DataType::kInt64, {1}, "[-9223372036854775808]"),
            std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min()});
  EXPECT_EQ(Values<float>(DataType::kFp32, {4}, "[1,-2.5,1e-3,0.1]"),
            (std::vector<float>{1, -2.5F, 1e-3F, 0.1F}));
  EXPECT_EQ(Values<double>(DataType::kFp64, {2}, "[0.1,-0.0]"), (std::vector<double>{0.1, -0.0}));
  EXPECT_EQ(Values<std::uint8_t>(DataType::kBool, {4}, "[true,false,1,0]"),
            (std::vector<std::uint8_t>{1, 0, 1, 0}));
  auto strings = Read(DataType::kString, {3}, R"(["a","","\u0000é"])");
  ASSERT_TRUE(strings.ok());
  auto decoded = tensor::DecodeStrings(*strings, 3);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, (std::vector<std::string>{"a", "", std::string("\0\xC3\xA9", 3)}));
}

TEST(TensorJson, TakesBareSpecialFloats) {
  const auto values = Values<float>(DataType::kFp32, {6}, "[NaN,-NaN,Inf,Infinity,-Inf,-Infinity]");
  ASSERT_EQ(values.size(), 6U);
  EXPECT_TRUE(std::isnan(values[0]) && std::isnan(values[1]));
  constexpr float kInf = std::numeric_limits<float>::infinity();
  EXPECT_EQ((std::vector<float>(values.begin() + 2, values.end())),
            (std::vector<float>{kInf, kInf, -kInf, -kInf}));
}

TEST(TensorJson, RoundsFloatsInTheirOwnPrecision) {
  // Halfway cases would round twice by way of double.
  EXPECT_EQ(Values<float>(DataType::kFp32, {1}, "[1.00000017881393432617187499]")[0],
            1.00000011920928955078125F);
  const auto ends = Values<float>(DataType::kFp32, {4}, "[1e39,-1e39,1e-60,1e-45]");
  EXPECT_EQ(ends[0], std::numeric_limits<float>::infinity());
  EXPECT_EQ(ends[1], -std::numeric_limits<float>::infinity());
  EXPECT_EQ(ends[2], 0.0F);
  EXPECT_EQ(ends[3], std::numeric_limits<float>::denorm_min());
  EXPECT_EQ(Values<double>(DataType::kFp64, {1}, "[1e400]")[0],
            std::numeric_limits<double>::infinity());
}

TEST(TensorJson, NestingNeedNotMatchTheShape) {
  const std::vector<std::int32_t> expected = {1, 2, 3, 4};
  for (const char* text : {"[1,2,3,4]", "[[1,2],[3,4]]", "[[[1],[2]],[[3],[4]]]", "[1,[2,3],[[4]]]",
                           " [ [ ] , 1 , 2 , [ 3 , 4 ] ] ", "[[],[1,2,3,4],[]]"}) {
    EXPECT_EQ(Values<std::int32_t>(DataType::kInt32, {2, 2}, text), expected) << text;
  }
}

TEST(TensorJson, EmptyTensorsAreEmptyArrays) {
  for (const char* text : {"[]", "[[],[]]"}) {
    auto bytes = Read(DataType::kFp32, {0, 4}, text);
    ASSERT_TRUE(bytes.ok());
    EXPECT_TRUE(bytes->empty());
  }
}

struct BadData {
  DataType type;
  tensor::Shape shape;
  std::string text;
  const char* fragment;
};

TEST(TensorJson, RefusesWhatDoesNotFit) {
  const BadData cases[] = {
      {DataType::kUint8, {1}, "[256]", "value 256 in 'data' of input 'x' is not a UINT8"},
      {DataType::kUint8, {1}, "[-1]", "is not a UINT8"},
      {DataType::kInt8, {1}, "[128]", "is not a INT8"},
      {DataType::kInt32, {1}, "[2147483648]", "is not a INT32"},
      {DataType::kInt64, {1}, "[9223372036854775808]", "is not a INT64"},
      {DataType::kUint64, {1}, "[18446744073709551616]", "is not a UINT64"},
      {DataType::kInt32, {1}, "[1.5]", "is not a INT32"},
      {DataType::kInt32, {1}, "[1e3]", "is not a INT32"},
      {DataType::kInt32, {1}, "[NaN]", "is not a INT32"},
      {DataType::kInt32, {1}, "[\"1\"]", "attempt to access JSON string as INT32"},
      {DataType::kFp32, {1}, "[true]", "attempt to access JSON boolean as FP32"},
      {DataType::kFp32, {1}, "[null]", "attempt to access JSON null as FP32"},
      {DataType::kFp32, {1}, "[{}]", "attempt to access JSON object as FP32"},
      {DataType::kFp32, {1}, "1", "attempt to access JSON number as array"},
      {DataType::kFp32, {1}, "\"abc\"", "attempt to access JSON string as array"},
      {DataType::kFp32, {1}, "{\"a\":1}", "attempt to access JSON object as array"},
      {DataType::kBool, {1}, "[2]", "is not a BOOL"},
      {DataType::kBool, {1}, "[\"true\"]", "attempt to access JSON string as boolean"},
      {DataType::kString, {1}, "[1]", "attempt to access JSON number as string"},
      {DataType::kFp16,
       {1},
       "[1]",
       "receiving FP16 data via JSON is not supported. Please use the binary data format"},
      {DataType::kBf16, {1}, "[1]", "receiving BF16 data via JSON is not supported"},
      {DataType::kFp32, {2}, "[1]", "shape does not match true shape of 'data' field"},
      {DataType::kFp32, {2}, "[1,2,3]", "shape does not match true shape"},
      {DataType::kFp32, {1'000'000}, "[1]", "shape does not match true shape"},
      {DataType::kString, {1}, "[\"a\",\"b\"]", "shape does not match true shape"},
      {DataType::kBool, {1}, "[]", "shape does not match true shape"},
      {DataType::kFp32,
       {std::int64_t{1} << 40, std::int64_t{1} << 40},
       "[1]",
       "causes total element count to exceed maximum size of"},
      {DataType::kFp32, {std::int64_t{1} << 62}, "[1]", "byte size overflow for input"},
      {DataType::kFp32, {2}, "[1,]", "failed to parse the request JSON buffer"},
      {DataType::kFp32, {2}, "[1 2]", "failed to parse the request JSON buffer"},
      {DataType::kFp32, {2}, "[,1]", "failed to parse the request JSON buffer"},
      {DataType::kFp32, {2}, "[[1,2]", "failed to parse the request JSON buffer"},
      {DataType::kFp32, {2}, "[1,2", "failed to parse the request JSON buffer"},
      {DataType::kFp32, {2}, "[01,2]", "failed to parse the request JSON buffer"},
      {DataType::kFp32,
       {1},
       std::string(101, '[') + "1" + std::string(101, ']'),
       "JSON nesting depth exceeds maximum allowed limit (100)"},
      {DataType::kFp32, {1}, std::string(250'000, '['), "nesting depth"},
  };
  for (const BadData& bad : cases) {
    const auto result = Read(bad.type, bad.shape, bad.text);
    const std::string shown = bad.text.substr(0, 40);
    ASSERT_FALSE(result.ok()) << shown;
    EXPECT_EQ(result.code(), base::StatusCode::kInvalidArgument) << shown;
    EXPECT_THAT(result.message(), HasSubstr(bad.fragment)) << shown;
  }
}

TEST(TensorJson, HundredLevelsAreTaken) {
  EXPECT_TRUE(Read(DataType::kFp32, {1}, std::string(100, '[') + "1" + std::string(100, ']')).ok());
}

TEST(TensorJson, BoundsTheBinarySize) {
  EXPECT_TRUE(Read(DataType::kFp64, {2}, "[1,2]", 16).ok());
  const auto numbers = Read(DataType::kFp64, {2}, "[1,2]", 15);
  EXPECT_THAT(numbers.message(), HasSubstr("exceeds the maximum allowed value"));
  EXPECT_THAT(numbers.message(), HasSubstr("--http-max-input-size"));
  EXPECT_TRUE(Read(DataType::kString, {2}, "[\"a\",\"b\"]", 10).ok());
  EXPECT_THAT(Read(DataType::kString, {2}, "[\"a\",\"b\"]", 9).message(),
              HasSubstr("exceeds the maximum allowed value"));
}

TEST(TensorJson, WritesTheShortestTextThatReadsBack) {
  EXPECT_EQ(Write<float>(DataType::kFp32, {0.1F, 1, -2.5F, 16777216, 1e20F, 1e-7F}),
            "[0.1,1.0,-2.5,16777216.0,1e+20,1e-07]");
  EXPECT_EQ(Write<double>(DataType::kFp64, {0.1, 1.0 / 3}), "[0.1,0.3333333333333333]");
  constexpr float kInf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Write<float>(DataType::kFp32, {std::nanf(""), kInf, -kInf}),
            "[NaN,Infinity,-Infinity]");
  EXPECT_EQ(Write<std::int8_t>(DataType::kInt8, {-128, 127}), "[-128,127]");
  EXPECT_EQ(Write<std::uint64_t>(DataType::kUint64, {~std::uint64_t{0}}), "[18446744073709551615]");
  EXPECT_EQ(Write<std::uint8_t>(DataType::kBool, {1, 0}), "[true,false]");
  EXPECT_EQ(Write<float>(DataType::kFp32, {}), "[]");
}

TEST(TensorJson, WritesStrings) {
  const std::vector<std::string> texts = {"a\"b", "", std::string("\0", 1)};
  HostTensor tensor{{"x", DataType::kString, {3}}, tensor::EncodeStrings(texts)};
  std::string out;
  WriteTensorData(tensor, out);
  EXPECT_EQ(out, R"(["a\"b","","\u0000"])");
}

TEST(TensorJson, EveryFloatSurvivesTheWayThereAndBack) {
  std::mt19937 random(3);
  std::vector<float> values;
  while (values.size() < 20'000) {
    const auto bits = static_cast<std::uint32_t>(random());
    float value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    if (!std::isnan(value)) values.push_back(value);
  }
  const auto count = static_cast<std::int64_t>(values.size());
  const std::vector<float> back =
      Values<float>(DataType::kFp32, {count}, Write(DataType::kFp32, values));
  EXPECT_EQ(std::memcmp(back.data(), values.data(), values.size() * sizeof(float)), 0);
}

}  // namespace
}  // namespace hadron::protocol
