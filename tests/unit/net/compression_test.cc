#include "net/compression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/bytes.h"

namespace hadron::net {
namespace {

using testing::HasSubstr;

base::IoBuf Text(std::string text) { return base::IoBuf::FromString(std::move(text)); }

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 30;

TEST(Compression, RoundTripsChains) {
  base::IoBuf body = Text(std::string(200'000, 'a'));
  body.Append(Text("middle"));
  body.Append(Text(std::string(100'000, 'z')));
  for (const auto coding :
       {ContentCoding::kIdentity, ContentCoding::kGzip, ContentCoding::kDeflate}) {
    auto packed = Compress(body, coding);
    ASSERT_TRUE(packed.ok());
    EXPECT_EQ(packed->size() < 10'000, coding != ContentCoding::kIdentity);
    auto back = Decompress(*packed, coding, kPlenty);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->ToString(), body.ToString());
  }
}

TEST(Compression, InputMayComeInPiecesOfOneByte) {
  const std::string packed = Compress(Text("hello world"), ContentCoding::kGzip)->ToString();
  base::IoBuf pieces;
  for (const char c : packed) pieces.Append(Text(std::string(1, c)));
  EXPECT_EQ(Decompress(pieces, ContentCoding::kGzip, kPlenty)->ToString(), "hello world");
}

TEST(Compression, StopsAtTheLimit) {
  auto bomb = Compress(Text(std::string(10'000'000, '\0')), ContentCoding::kGzip);
  ASSERT_TRUE(bomb.ok());
  auto result = Decompress(*bomb, ContentCoding::kGzip, 1'000'000);
  EXPECT_EQ(result.code(), base::StatusCode::kInvalidArgument);
  EXPECT_THAT(result.message(), HasSubstr("exceeds the maximum allowed value"));
  EXPECT_THAT(result.message(), HasSubstr("--http-max-input-size"));
  EXPECT_TRUE(Decompress(*bomb, ContentCoding::kGzip, 10'000'000).ok());
  EXPECT_FALSE(Decompress(*bomb, ContentCoding::kGzip, 9'999'999).ok());
}

TEST(Compression, RefusesEmptyTruncatedCorruptAndTrailing) {
  const std::string good =
      Compress(Text(std::string(5000, 'x') + "y"), ContentCoding::kGzip)->ToString();
  std::string corrupt = good;
  corrupt[good.size() / 2] = static_cast<char>(corrupt[good.size() / 2] ^ 0x5A);
  for (const std::string& bad : {std::string(), good.substr(0, good.size() - 1), corrupt,
                                 good + "tail", std::string("not gzip at all")}) {
    EXPECT_EQ(Decompress(Text(bad), ContentCoding::kGzip, kPlenty).code(),
              base::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(Decompress(Text(good), ContentCoding::kDeflate, kPlenty).ok());
}

TEST(ContentEncoding, KnowsThreeNames) {
  EXPECT_EQ(*ParseContentEncoding(std::nullopt), ContentCoding::kIdentity);
  EXPECT_EQ(*ParseContentEncoding("identity"), ContentCoding::kIdentity);
  EXPECT_EQ(*ParseContentEncoding("GZip"), ContentCoding::kGzip);
  EXPECT_EQ(*ParseContentEncoding("deflate"), ContentCoding::kDeflate);
  const auto other = ParseContentEncoding("br");
  EXPECT_EQ(other.code(), base::StatusCode::kUnimplemented);
  EXPECT_THAT(other.message(), HasSubstr("Unsupported compression type"));
}

TEST(AcceptEncoding, PicksTheHeaviestAndTheFirstOnATie) {
  EXPECT_EQ(ChooseCoding(std::nullopt), ContentCoding::kIdentity);
  EXPECT_EQ(ChooseCoding("gzip, deflate, br"), ContentCoding::kGzip);
  EXPECT_EQ(ChooseCoding("deflate, gzip"), ContentCoding::kDeflate);
  EXPECT_EQ(ChooseCoding("gzip;q=0.2, deflate;q=0.8"), ContentCoding::kDeflate);
  EXPECT_EQ(ChooseCoding("gzip;q=0.2, identity;q=0.8"), ContentCoding::kIdentity);
  EXPECT_EQ(ChooseCoding("gzip;q=0"), ContentCoding::kIdentity);
  EXPECT_EQ(ChooseCoding("gzip;q=abc, deflate;q=0.1"), ContentCoding::kDeflate);
  EXPECT_EQ(ChooseCoding("gzip;q=9"), ContentCoding::kIdentity);
  EXPECT_EQ(ChooseCoding("br, *"), ContentCoding::kIdentity);
}

}  // namespace
}  // namespace hadron::net
