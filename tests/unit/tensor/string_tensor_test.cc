#include "tensor/string_tensor.h"

#include <gtest/gtest.h>

namespace hadron::tensor {
namespace {

const std::vector<std::string> kTexts = {"", "a", std::string("x\0y", 3), std::string(300, 'z')};

TEST(StringTensor, SurvivesTheRoundTripInAnyChain) {
  const base::IoBuf whole = EncodeStrings(kTexts);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    base::IoBuf chain = whole.Sub(0, cut);
    chain.Append(whole.Sub(cut, whole.size() - cut));
    const auto decoded = DecodeStrings(chain, 4);
    ASSERT_TRUE(decoded.ok()) << decoded.message();
    EXPECT_EQ(*decoded, kTexts);
  }
}

TEST(StringTensor, RefusesEveryTruncation) {
  const base::IoBuf whole = EncodeStrings(kTexts);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_FALSE(CheckStrings(whole.Sub(0, cut), 4).ok()) << cut;
  }
}

TEST(StringTensor, NamesWhatIsWrong) {
  const base::IoBuf whole = EncodeStrings(kTexts);
  EXPECT_NE(CheckStrings(whole, 3).message().find("unexpected number of string elements"),
            std::string::npos);
  EXPECT_NE(CheckStrings(whole, 5).message().find("expected 5 string elements"), std::string::npos);
  EXPECT_NE(CheckStrings(whole.Sub(0, 2), 1).message().find("incomplete string length indicator"),
            std::string::npos);
}

TEST(StringTensor, CutsRowsWithoutCopying) {
  const base::IoBuf whole = EncodeStrings(kTexts);
  const auto middle = DecodeStrings(SubStrings(whole, 1, 2), 2);
  ASSERT_TRUE(middle.ok());
  EXPECT_EQ((*middle)[0], kTexts[1]);
  EXPECT_EQ((*middle)[1], kTexts[2]);
  EXPECT_EQ(SubStrings(whole, 2, 0).size(), 0U);
}

}  // namespace
}  // namespace hadron::tensor
