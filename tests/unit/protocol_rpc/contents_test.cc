#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "grpc_service.pb.h"
#include "protocol/rpc/tensor_contents.h"
#include "protocol/rpc/wire_writer.h"
#include "tensor/string_tensor.h"

namespace hadron::protocol::rpc {
namespace {

using base::IoBuf;
using ::inference::InferTensorContents;
using tensor::DataType;

base::StatusOr<IoBuf> Convert(DataType type, const InferTensorContents& contents,
                              net::MemoryBudget* budget = nullptr) {
  return ConvertContents({"IN", type, {}}, IoBuf::FromString(contents.SerializeAsString()), budget);
}

template <typename T>
std::vector<T> Values(const IoBuf& bytes) {
  const std::string text = bytes.ToString();
  std::vector<T> values(text.size() / sizeof(T));
  std::memcpy(values.data(), text.data(), text.size());
  return values;
}

/// Fills the field that integers of this kind belong into.
template <typename Values>
InferTensorContents Signed(const Values& values) {
  InferTensorContents contents;
  for (const auto value : values) contents.add_int_contents(static_cast<std::int32_t>(value));
  return contents;
}

template <typename T>
void ExpectSigned(DataType type, const std::vector<T>& values) {
  const auto bytes = Convert(type, Signed(values));
  ASSERT_TRUE(bytes.ok()) << bytes.message();
  EXPECT_EQ(Values<T>(*bytes), values);
}

TEST(ConvertContents, NarrowsSignedIntegers) {
  ExpectSigned<std::int8_t>(DataType::kInt8, {-128, -1, 0, 127});
  ExpectSigned<std::int16_t>(DataType::kInt16, {-32768, -1, 0, 32767});
  ExpectSigned<std::int32_t>(DataType::kInt32, {INT32_MIN, -1, 0, INT32_MAX});
}

TEST(ConvertContents, NarrowsUnsignedIntegers) {
  InferTensorContents contents;
  for (const std::uint32_t value : {0U, 1U, 255U}) contents.add_uint_contents(value);
  EXPECT_EQ(Values<std::uint8_t>(*Convert(DataType::kUint8, contents)),
            (std::vector<std::uint8_t>{0, 1, 255}));
  contents.add_uint_contents(65535);
  EXPECT_EQ(Values<std::uint16_t>(*Convert(DataType::kUint16, contents)),
            (std::vector<std::uint16_t>{0, 1, 255, 65535}));
  contents.add_uint_contents(UINT32_MAX);
  EXPECT_EQ(Values<std::uint32_t>(*Convert(DataType::kUint32, contents)),
            (std::vector<std::uint32_t>{0, 1, 255, 65535, UINT32_MAX}));
}

TEST(ConvertContents, TakesTheOtherTypes) {
  InferTensorContents contents;
  contents.add_bool_contents(true);
  contents.add_bool_contents(false);
  EXPECT_EQ(Values<std::uint8_t>(*Convert(DataType::kBool, contents)),
            (std::vector<std::uint8_t>{1, 0}));
  contents.Clear();
  contents.add_int64_contents(INT64_MIN);
  contents.add_int64_contents(INT64_MAX);
  EXPECT_EQ(Values<std::int64_t>(*Convert(DataType::kInt64, contents)),
            (std::vector<std::int64_t>{INT64_MIN, INT64_MAX}));
  contents.Clear();
  contents.add_uint64_contents(UINT64_MAX);
  EXPECT_EQ(Values<std::uint64_t>(*Convert(DataType::kUint64, contents)),
            (std::vector<std::uint64_t>{UINT64_MAX}));
  contents.Clear();
  contents.add_fp32_contents(-0.5F);
  contents.add_fp32_contents(3e38F);
  EXPECT_EQ(Values<float>(*Convert(DataType::kFp32, contents)), (std::vector<float>{-0.5F, 3e38F}));
  contents.Clear();
  contents.add_fp64_contents(1e-300);
  EXPECT_EQ(Values<double>(*Convert(DataType::kFp64, contents)), (std::vector<double>{1e-300}));
  contents.Clear();
  contents.add_bytes_contents("one");
  contents.add_bytes_contents("");
  contents.add_bytes_contents(std::string("\0x", 2));
  const std::vector<std::string> texts = {"one", "", std::string("\0x", 2)};
  EXPECT_EQ(Convert(DataType::kString, contents)->ToString(),
            tensor::EncodeStrings(texts).ToString());
}

TEST(ConvertContents, TakesNothingAsNothing) {
  const auto bytes = Convert(DataType::kFp32, {});
  ASSERT_TRUE(bytes.ok());
  EXPECT_TRUE(bytes->empty());
}

/// Field 6 with one float each time, and field 2 with one number each time: not packed.
TEST(ConvertContents, TakesUnpackedElements) {
  const std::string floats =
      std::string("\x35\x00\x00\x80\x3f", 5) + std::string("\x35\x00\x00\x00\x40", 5);
  const auto converted =
      ConvertContents({"IN", DataType::kFp32, {}}, IoBuf::FromString(floats), nullptr);
  ASSERT_TRUE(converted.ok()) << converted.message();
  EXPECT_EQ(Values<float>(*converted), (std::vector<float>{1.0F, 2.0F}));
  const auto mixed =
      ConvertContents({"IN", DataType::kInt16, {}},
                      IoBuf::FromString(std::string("\x10\x07") + "\x12\x02\x08\x09"), nullptr);
  ASSERT_TRUE(mixed.ok()) << mixed.message();
  EXPECT_EQ(Values<std::int16_t>(*mixed), (std::vector<std::int16_t>{7, 8, 9}));
}

struct Refusal {
  DataType type;
  InferTensorContents contents;
  const char* text;
};

TEST(ConvertContents, RefusesWhatDoesNotFit) {
  std::vector<Refusal> cases;
  const auto add = [&cases](DataType type, const char* text) -> InferTensorContents& {
    cases.push_back({type, {}, text});
    return cases.back().contents;
  };
  add(DataType::kInt8, "value 128 of input tensor 'IN' is out of range for INT8")
      .add_int_contents(128);
  add(DataType::kInt8, "value -129").add_int_contents(-129);
  add(DataType::kInt16, "value 32768").add_int_contents(32768);
  add(DataType::kUint8, "value 256").add_uint_contents(256);
  add(DataType::kUint16, "value 65536").add_uint_contents(65536);
  const char* unexpected = "unexpected explicit tensor data for input tensor 'IN'";
  add(DataType::kFp16, unexpected).add_fp32_contents(1);
  add(DataType::kBf16, unexpected).add_bytes_contents("");
  add(DataType::kFp32, unexpected).add_fp64_contents(1);
  add(DataType::kInt64, unexpected).add_int_contents(1);
  add(DataType::kString, unexpected).add_bool_contents(true);
  InferTensorContents& two = add(DataType::kFp32, unexpected);
  two.add_fp32_contents(1);
  two.add_bytes_contents("x");
  for (const Refusal& c : cases) {
    const auto bytes = Convert(c.type, c.contents);
    ASSERT_FALSE(bytes.ok()) << c.text;
    EXPECT_EQ(bytes.code(), base::StatusCode::kInvalidArgument);
    EXPECT_NE(bytes.message().find(c.text), std::string::npos) << bytes.message();
  }
}

TEST(ConvertContents, RefusesBrokenPayloads) {
  const std::vector<std::pair<DataType, std::string>> cases = {
      {DataType::kFp32, std::string("\x32\x03") + "abc"},   // not a multiple of 4
      {DataType::kFp64, std::string("\x3a\x04") + "abcd"},  // not a multiple of 8
      {DataType::kInt64, "\x1a\x01\x80"},                   // a number without end
      {DataType::kInt64, "\x1a\x05\x01"},                   // a length beyond the end
      {DataType::kFp32, std::string("\x30\x01")},           // a float as a varint
      {DataType::kBool, "\x0b"},                            // a group
  };
  for (const auto& [type, wire] : cases) {
    EXPECT_EQ(ConvertContents({"IN", type, {}}, IoBuf::FromString(wire), nullptr).code(),
              base::StatusCode::kInvalidArgument);
  }
}

TEST(ConvertContents, BooksWhatItNeedsAsLongAsItLives) {
  InferTensorContents contents;
  for (int i = 0; i < 100; ++i) contents.add_int64_contents(1);  // 8 bytes from 1 on the wire
  net::MemoryBudget small(799);
  EXPECT_EQ(Convert(DataType::kInt64, contents, &small).code(),
            base::StatusCode::kResourceExhausted);
  EXPECT_EQ(small.used_bytes(), 0U);
  net::MemoryBudget enough(800);
  {
    const auto bytes = Convert(DataType::kInt64, contents, &enough);
    ASSERT_TRUE(bytes.ok());
    EXPECT_EQ(enough.used_bytes(), 800U);
  }
  EXPECT_EQ(enough.used_bytes(), 0U);
}

}  // namespace
}  // namespace hadron::protocol::rpc
