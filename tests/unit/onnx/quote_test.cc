#include "onnx/wire/quote.h"

#include <gtest/gtest.h>

namespace hadron::onnx {
namespace {

TEST(Quote, NamesCannotForgeALine) {
  EXPECT_EQ(Quote("conv1"), "'conv1'");
  EXPECT_EQ(Quote("a\nb"), "'a\\x0ab'");
  EXPECT_EQ(Quote("caf\xC3\xA9"), "'caf\xC3\xA9'");
  EXPECT_EQ(Quote("\xFF"), "'\\xff'");
}

TEST(Quote, CutsLongNamesIntoValidText) {
  const std::string text = Quote(std::string(119, 'a') + "\xC3\xA9 and more");
  EXPECT_LT(text.size(), 140U);
  EXPECT_TRUE(IsUtf8(text));
  EXPECT_TRUE(text.ends_with("...'"));
}

TEST(IsUtf8, AcceptsOnlyWellFormedSequences) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  EXPECT_FALSE(IsUtf8("\x80"));              // a continuation alone
  EXPECT_FALSE(IsUtf8("\xC0\xAF"));          // overlong
  EXPECT_FALSE(IsUtf8("\xE0\x80\xAF"));      // overlong
  EXPECT_FALSE(IsUtf8("\xED\xA0\x80"));      // surrogate
  EXPECT_FALSE(IsUtf8("\xF4\x90\x80\x80"));  // above U+10FFFF
  EXPECT_FALSE(IsUtf8("\xE2\x82"));          // cut
}

}  // namespace
}  // namespace hadron::onnx
