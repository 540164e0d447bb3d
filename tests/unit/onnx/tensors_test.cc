#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/bytes.h"
#include "tensor/string_tensor.h"
#include "unit/onnx/fixtures.h"

namespace hadron::onnx {
namespace {

using base::StatusOr;
using ::onnx_wire::TensorProto;
using tensor::DataType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using FillTensor = std::function<void(TensorProto&)>;

/// The initializer "w" of a model that returns it.
StatusOr<tensor::HostTensor> LoadTensor(int type, std::vector<std::int64_t> dims,
                                        const FillTensor& fill) {
  ::onnx_wire::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(17);
  model.mutable_graph()->add_output()->set_name("w");
  auto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name("w");
  tensor.set_data_type(type);
  for (const std::int64_t dim : dims) tensor.add_dims(dim);
  fill(tensor);
  HADRON_ASSIGN_OR_RETURN(const auto loaded, Load(model));
  return loaded.graph.value(loaded.graph.outputs()[0].value).constant->Evaluate();
}

std::string TensorError(int type, std::vector<std::int64_t> dims, const FillTensor& fill) {
  const auto result = LoadTensor(type, std::move(dims), fill);
  return result.ok() ? "OK" : result.message();
}

template <typename T>
std::vector<T> Elements(const StatusOr<tensor::HostTensor>& tensor, DataType type) {
  EXPECT_TRUE(tensor.ok()) << tensor.message();
  EXPECT_EQ(tensor->desc.type, type);
  const auto view = base::AsArray<T>(tensor->bytes.bytes());
  return {view.begin(), view.end()};
}

template <typename T, typename Field>
void ExpectTyped(int code, DataType type, Field field, std::vector<T> expected) {
  EXPECT_EQ(Elements<T>(LoadTensor(code, {2}, field), type), expected);
  const auto raw = [&expected](TensorProto& t) {
    t.set_raw_data(std::string(base::AsText(std::as_bytes(std::span(expected)))));
  };
  EXPECT_EQ(Elements<T>(LoadTensor(code, {2}, raw), type), expected);
}

FillTensor Int32Data(std::int32_t a, std::int32_t b) {
  return [a, b](TensorProto& t) {
    t.add_int32_data(a);
    t.add_int32_data(b);
  };
}

TEST(TensorReader, ReadsEveryTypeFromItsFieldAndFromRawData) {
  const auto uint64 = [](TensorProto& t) {
    t.add_uint64_data(1);
    t.add_uint64_data(4'000'000'000);
  };
  ExpectTyped<float>(1, DataType::kFp32,
                     [](TensorProto& t) {
                       t.add_float_data(1.5F);
                       t.add_float_data(-2);
                     },
                     {1.5F, -2});
  ExpectTyped<double>(11, DataType::kFp64,
                      [](TensorProto& t) {
                        t.add_double_data(1e300);
                        t.add_double_data(0);
                      },
                      {1e300, 0});
  ExpectTyped<std::int64_t>(7, DataType::kInt64,
                            [](TensorProto& t) {
                              t.add_int64_data(INT64_MIN);
                              t.add_int64_data(3);
                            },
                            {INT64_MIN, 3});
  ExpectTyped<std::uint8_t>(2, DataType::kUint8, Int32Data(0, 255), {0, 255});
  ExpectTyped<std::int8_t>(3, DataType::kInt8, Int32Data(-128, 127), {-128, 127});
  ExpectTyped<std::uint16_t>(4, DataType::kUint16, Int32Data(0, 65535), {0, 65535});
  ExpectTyped<std::int16_t>(5, DataType::kInt16, Int32Data(-32768, 1), {-32768, 1});
  ExpectTyped<std::int32_t>(6, DataType::kInt32, Int32Data(INT32_MIN, 1), {INT32_MIN, 1});
  ExpectTyped<std::uint16_t>(10, DataType::kFp16, Int32Data(0x3C00, 0xFC00), {0x3C00, 0xFC00});
  ExpectTyped<std::uint16_t>(16, DataType::kBf16, Int32Data(0x3F80, 0xFF80), {0x3F80, 0xFF80});
  ExpectTyped<std::uint32_t>(12, DataType::kUint32, uint64, {1, 4'000'000'000});
  ExpectTyped<std::uint64_t>(13, DataType::kUint64, uint64, {1, 4'000'000'000});
  ExpectTyped<std::uint8_t>(9, DataType::kBool, Int32Data(0, 1), {0, 1});
}

TEST(TensorReader, AnyNonZeroByteIsTrue) {
  const auto raw = [](TensorProto& t) { t.set_raw_data(std::string("\x00\x7F", 2)); };
  EXPECT_THAT(Elements<std::uint8_t>(LoadTensor(9, {2}, raw), DataType::kBool), ElementsAre(0, 1));
  EXPECT_THAT(Elements<std::uint8_t>(LoadTensor(9, {2}, Int32Data(-5, 300)), DataType::kBool),
              ElementsAre(1, 1));
}

TEST(TensorReader, ReadsStringsScalarsAndEmptyTensors) {
  const auto strings = LoadTensor(8, {2}, [](TensorProto& t) {
    t.add_string_data("caf\xC3\xA9");
    t.add_string_data("");
  });
  ASSERT_TRUE(strings.ok()) << strings.message();
  EXPECT_THAT(*tensor::DecodeStrings(strings->bytes, 2), ElementsAre("caf\xC3\xA9", ""));
  const auto scalar = LoadTensor(1, {}, [](TensorProto& t) { t.add_float_data(4); });
  EXPECT_EQ(scalar->desc.shape.rank(), 0U);
  const auto empty = LoadTensor(1, {3, 0}, [](TensorProto&) {});
  ASSERT_TRUE(empty.ok()) << empty.message();
  EXPECT_EQ(empty->bytes.size(), 0U);
  EXPECT_TRUE(LoadTensor(8, {0}, [](TensorProto&) {}).ok());
}

TEST(TensorReader, SizesMustMatchExactly) {
  const auto raw = [](std::size_t n) {
    return [n](TensorProto& t) { t.set_raw_data(std::string(n, 'a')); };
  };
  EXPECT_THAT(TensorError(1, {2}, raw(4)),
              HasSubstr("initializer 'w': it has 4 bytes of raw_data"));
  EXPECT_THAT(TensorError(1, {2}, raw(9)), HasSubstr("need exactly 8"));
  EXPECT_THAT(TensorError(1, {2}, [](TensorProto&) {}), HasSubstr("0 values"));
  EXPECT_THAT(TensorError(6, {3}, Int32Data(1, 2)), HasSubstr("2 values"));
  EXPECT_THAT(TensorError(1, {0}, raw(4)), HasSubstr("no elements"));
  EXPECT_THAT(TensorError(1, {std::int64_t{1} << 40}, raw(4)), HasSubstr("need exactly"));
  const auto one_string = [](TensorProto& t) { t.add_string_data("a"); };
  EXPECT_THAT(TensorError(8, {2}, one_string), HasSubstr("it has 1 strings"));
}

TEST(TensorReader, ValuesLieInOneFieldOfTheRightType) {
  EXPECT_THAT(TensorError(1, {2}, Int32Data(1, 2)), HasSubstr("values are in int32_data"));
  EXPECT_THAT(TensorError(8, {1}, [](TensorProto& t) { t.set_raw_data("a"); }),
              HasSubstr("values are in raw_data"));
  EXPECT_THAT(TensorError(1, {1},
                          [](TensorProto& t) {
                            t.add_float_data(1);
                            t.set_raw_data("aaaa");
                          }),
              HasSubstr("more than one field"));
}

TEST(TensorReader, ValuesMustFitTheirType) {
  EXPECT_THAT(TensorError(2, {2}, Int32Data(0, 256)), HasSubstr("the value 256 does not fit"));
  EXPECT_THAT(TensorError(3, {2}, Int32Data(-129, 0)), HasSubstr("the value -129 does not fit"));
  EXPECT_THAT(TensorError(10, {2}, Int32Data(-1, 0)), HasSubstr("the value -1 does not fit"));
}

TEST(TensorReader, ChecksDimensions) {
  const auto nothing = [](TensorProto&) {};
  EXPECT_THAT(TensorError(1, {2, -1}, nothing), HasSubstr("negative dimension -1"));
  EXPECT_THAT(TensorError(1, {INT64_MAX, 2}, nothing), HasSubstr("overflows"));
  EXPECT_THAT(TensorError(2, {INT64_MAX / 2}, nothing), HasSubstr("overflows"));
  EXPECT_THAT(TensorError(1, {0, INT64_MAX, INT64_MAX}, nothing), HasSubstr("overflows"));
  EXPECT_THAT(TensorError(1, std::vector<std::int64_t>(65, 1), nothing),
              HasSubstr("65 dimensions"));
}

TEST(TensorReader, RefusesTypesByName) {
  const auto nothing = [](TensorProto&) {};
  EXPECT_THAT(TensorError(0, {1}, nothing), HasSubstr("no element type"));
  EXPECT_THAT(TensorError(27, {1}, nothing), HasSubstr("element type 27 is none"));
  EXPECT_THAT(TensorError(-1, {1}, nothing), HasSubstr("element type -1 is none"));
  EXPECT_THAT(TensorError(14, {1}, nothing), HasSubstr("type COMPLEX64 of initializer 'w'"));
  EXPECT_THAT(TensorError(22, {1}, nothing), HasSubstr("type INT4 of initializer 'w'"));
  EXPECT_EQ(LoadTensor(17, {1}, nothing).code(), base::StatusCode::kUnimplemented);
}

TEST(TensorReader, RefusesSegmentsAndUnknownLocations) {
  EXPECT_THAT(TensorError(1, {0}, [](TensorProto& t) { t.set_segment(""); }), HasSubstr("segment"));
  EXPECT_THAT(TensorError(1, {0}, [](TensorProto& t) { t.set_data_location(2); }),
              HasSubstr("data_location is 2"));
}

}  // namespace
}  // namespace hadron::onnx
