#include <cmath>

#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

using tensor::DataType;

/// A cast with the number ONNX gives the target type.
OpCase To(std::string name, std::int64_t code, TestTensor from, TestTensor to) {
  return {"Cast", std::move(name), {{"to", code}}, {std::move(from)}, {std::move(to)}};
}

}  // namespace

std::vector<OpCase> CastCases() {
  const double big = 3e9;
  return {
      To("float to int32 truncates and saturates", 6, F32({5}, {1.9, -1.9, big, -big, NAN}),
         I32({5}, {1, -1, 2147483647, -2147483648.0, 0})),
      To("float to uint8 keeps the low bits of an int32", 2, F32({4}, {300, -1, 255.9, NAN}),
         U8({4}, {44, 255, 255, 0})),
      To("float to int8", 3, F32({2}, {200, -129}), Of(DataType::kInt8, {2}, {-56, 127})),
      To("float to uint32 saturates", 12, F32({2}, {-1, 5e9}),
         Of(DataType::kUint32, {2}, {0, 4294967295.0})),
      To("int64 to int32 wraps", 6, I64({2}, {4294967297.0, -1}), I32({2}, {1, -1})),
      To("int64 to float", 1, I64({2}, {3, -4}), F32({2}, {3, -4})),
      To("anything not zero is true", 9, F32({4}, {0.5, -0.0, NAN, 0}), Bool({4}, {1, 0, 1, 0})),
      To("bool to float", 1, Bool({2}, {1, 0}), F32({2}, {1, 0})),
      To("float to half rounds to even and overflows", 10, F32({3}, {2049, 65520, 0.1}),
         Of(DataType::kFp16, {3}, {2048, INFINITY, 0.0999755859375})),
      To("half to float", 1, Of(DataType::kFp16, {2}, {1.5, -INFINITY}),
         F32({2}, {1.5, -INFINITY})),
      To("float to bfloat16", 16, F32({1}, {1.00390625}), Of(DataType::kBf16, {1}, {1})),
      To("double to float", 1, Of(DataType::kFp64, {1}, {0.1}), F32({1}, {0.1})),
      To("same type", 1, F32({2}, {NAN, 1}), F32({2}, {NAN, 1})),
      To("scalar", 7, F32({}, {7.5}), I64({}, {7})),
      To("nothing", 7, F32({0, 2}, {}), I64({0, 2}, {})),
      To("strings to float", 1, Text({5}, {"1.5", " +2 ", "-inf", "NaN", "1e3"}),
         F32({5}, {1.5, 2, -INFINITY, NAN, 1000})),
      To("strings to int64", 7, Text({2}, {"42", "-7"}), I64({2}, {42, -7})),
      To("float to strings", 8, F32({4}, {1.5, -INFINITY, NAN, 0.1}),
         Text({4}, {"1.5", "-INF", "NaN", "0.1"})),
      To("int64 to strings", 8, I64({2}, {42, -7}), Text({2}, {"42", "-7"})),
      {"Cast",
       "text that is no number",
       {{"to", std::int64_t{7}}},
       {Text({1}, {"4x"})},
       {},
       "'4x' is not a number of type INT64"},
      {"Cast",
       "number that does not fit",
       {{"to", std::int64_t{2}}},
       {Text({1}, {"256"})},
       {},
       "'256' is not a number"},
      {"Cast",
       "type Hadron lacks",
       {{"to", std::int64_t{17}}},
       {F32({1}, {1})},
       {},
       "ONNX type 17 is not supported"},
      {"CastLike",
       "float like int32",
       {},
       {F32({2}, {1.5, 2.5}), I32({0}, {})},
       {I32({2}, {1, 2})}},
      {"CastLike", "int like string", {}, {I32({1}, {5}), Text({1}, {""})}, {Text({1}, {"5"})}},
  };
}

}  // namespace hadron::ops_test
