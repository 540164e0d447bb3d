#include "base/io_buf.h"

#include <gtest/gtest.h>

#include <array>

namespace hadron::base {
namespace {

IoBuf Chain() {
  IoBuf buf = IoBuf::FromString("hello ");
  buf.Append(IoBuf::FromString("world"));
  return buf;
}

TEST(IoBuf, SharesBytesInsteadOfCopying) {
  const IoBuf whole = IoBuf::FromString("0123456789");
  const IoBuf part = whole.Sub(3, 4);
  EXPECT_EQ(part.ToString(), "3456");
  EXPECT_EQ(part.bytes().data(), whole.bytes().data() + 3);
}

TEST(IoBuf, KeepsTheOwnerAlive) {
  IoBuf part;
  {
    const IoBuf whole = IoBuf::FromString(std::string(100, 'x') + "tail");
    part = whole.Sub(100, 4);
  }
  EXPECT_EQ(part.ToString(), "tail");
}

TEST(IoBuf, CutsAcrossSlices) {
  const IoBuf buf = Chain();
  EXPECT_FALSE(buf.contiguous());
  EXPECT_EQ(buf.Sub(4, 4).ToString(), "o wo");
  EXPECT_EQ(buf.Sub(0, 0).size(), 0U);
  EXPECT_EQ(buf.Sub(11, 0).size(), 0U);
  std::array<std::byte, 11> out{};
  buf.CopyTo(out);
  EXPECT_EQ(static_cast<char>(out[6]), 'w');
  EXPECT_TRUE(buf.Flatten().contiguous());
  EXPECT_EQ(buf.Flatten().ToString(), "hello world");
}

TEST(IoBufDeathTest, RefusesRangesOutside) {
  EXPECT_DEATH((void)Chain().Sub(10, 2), "check failed");
  EXPECT_DEATH((void)Chain().Sub(12, 0), "check failed");
}

}  // namespace
}  // namespace hadron::base
