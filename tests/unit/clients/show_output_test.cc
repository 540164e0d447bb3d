#include "cli/show_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"

namespace hadron::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

client::Tensor Floats(std::vector<std::int64_t> shape, const std::vector<float>& values) {
  client::Tensor tensor{
      .name = "y", .datatype = "FP32", .shape = std::move(shape), .bytes = {}, .strings = {}};
  const auto bytes = std::as_bytes(std::span(values));
  tensor.bytes.assign(bytes.begin(), bytes.end());
  return tensor;
}

client::Tensor Strings(std::vector<std::int64_t> shape, std::vector<std::string> strings) {
  return {.name = "y",
          .datatype = "BYTES",
          .shape = std::move(shape),
          .bytes = {},
          .strings = std::move(strings)};
}

TEST(ShowOutput, ClassesBecomeBars) {
  const std::string text =
      ShowOutput(Strings({1, 2}, {"0.900000:3:three", "0.100000:8"}), true, true);
  EXPECT_THAT(text, HasSubstr("  three |########################################| 0.900000\n"));
  EXPECT_THAT(text, HasSubstr("      8 |####"));
}

TEST(ShowOutput, ABlockOfCellsBecomesAShower) {
  EXPECT_THAT(ShowOutput(Floats({1, 4, 4, 4}, std::vector<float>(64, 0.5F)), true, false),
              HasSubstr("longitudinal profile, sum 32"));
  EXPECT_THAT(ShowOutput(Floats({1, 3, 4, 4}, std::vector<float>(48, 0.5F)), true, false),
              Not(HasSubstr("profile")));
}

TEST(ShowOutput, LongOutputsAreCut) {
  const std::string text = ShowOutput(Floats({6, 20}, std::vector<float>(120, 1.5F)), true, false);
  EXPECT_THAT(text, HasSubstr("y FP32 [6,20]\n row 0\n  1.5 1.5"));
  EXPECT_THAT(text, HasSubstr("... (4 more)"));
  EXPECT_THAT(text, HasSubstr("(2 more rows"));
}

TEST(ShowOutput, EmptyAndScalarOutputsAreFine) {
  EXPECT_EQ(ShowOutput(Floats({}, {2.5F}), false, false), "y FP32 []\n  2.5\n");
  EXPECT_EQ(ShowOutput(Floats({0, 3}, {}), true, false), "y FP32 [0,3]\n");
  EXPECT_EQ(ShowOutput(Floats({2, 0}, {}), true, false), "y FP32 [2,0]\n row 0\n \n row 1\n \n");
}

TEST(ShowOutput, TextOfTheServerCannotSteerTheTerminal) {
  EXPECT_THAT(ShowOutput(Strings({1, 1}, {"1.0:0:\x1b[31mred"}), true, true),
              Not(HasSubstr("\x1b")));
  EXPECT_THAT(ShowOutput(Strings({1, 1}, {"\x1b[31m"}), true, false), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace hadron::cli
