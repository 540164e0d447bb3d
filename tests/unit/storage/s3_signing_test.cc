#include <gtest/gtest.h>

#include "base/sha256.h"
#include "storage/s3/sigv4.h"

namespace hadron::storage::s3 {
namespace {

constexpr const char* kUnreserved =
    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr const char* kToken =
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPf"
    "IeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ"
    "0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDr"
    "ypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

std::string HashOf(std::string_view body) {
  return base::ToHex(base::Sha256::Of(
      {static_cast<const std::byte*>(static_cast<const void*>(body.data())), body.size()}));
}

/// The suite that Amazon publishes: one service, host and date.
struct SuiteCase {
  const char* name;
  std::string method;
  std::string path;
  Pairs query;
  Pairs headers;
  std::string body;
  const char* signature;
};

class PublishedSuite : public testing::TestWithParam<SuiteCase> {};

TEST_P(PublishedSuite, IsReproduced) {
  const SuiteCase& one = GetParam();
  SigningInput input;
  input.method = one.method;
  input.path = UriEncode(one.path, true);
  input.query = CanonicalQuery(one.query);
  input.headers = one.headers;
  input.headers.emplace_back("Host", "example.amazonaws.com");
  input.headers.emplace_back("X-Amz-Date", "20150830T123600Z");
  input.payload_hash = HashOf(one.body);
  const SigningScope scope{"20150830T123600Z", "us-east-1", "service"};
  EXPECT_EQ(Signature(input, Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), scope),
            one.signature);
}

std::vector<SuiteCase> GetCases() {
  return {
      {"vanilla",
       "GET",
       "/",
       {},
       {},
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"query_order_key_case",
       "GET",
       "/",
       {{"Param2", "value2"}, {"Param1", "value1"}},
       {},
       "",
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"query_unreserved",
       "GET",
       "/",
       {{kUnreserved, kUnreserved}},
       {},
       "",
       "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
      {"query_utf8",
       "GET",
       "/",
       {{"\xE1\x88\xB4", "bar"}},
       {},
       "",
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"utf8",
       "GET",
       "/\xE1\x88\xB4",
       {},
       {},
       "",
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"space",
       "GET",
       "/example space/",
       {},
       {},
       "",
       "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
      {"unreserved",
       "GET",
       std::string("/") + kUnreserved,
       {},
       {},
       "",
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {"header_key_duplicate",
       "GET",
       "/",
       {},
       {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
       "",
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
      {"header_value_trim",
       "GET",
       "/",
       {},
       {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
       "",
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
  };
}

std::vector<SuiteCase> PostCases() {
  return {
      {"post_vanilla",
       "POST",
       "/",
       {},
       {},
       "",
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"post_query",
       "POST",
       "/",
       {{"Param1", "value1"}},
       {},
       "",
       "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
      {"post_header",
       "POST",
       "/",
       {},
       {{"My-Header1", "value1"}},
       "",
       "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
      {"post_form",
       "POST",
       "/",
       {},
       {{"Content-Type", "application/x-www-form-urlencoded"}},
       "Param1=value1",
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
      {"post_token",
       "POST",
       "/",
       {},
       {{"X-Amz-Security-Token", kToken}},
       "",
       "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
  };
}

INSTANTIATE_TEST_SUITE_P(Get, PublishedSuite, testing::ValuesIn(GetCases()),
                         [](const auto& one) { return std::string(one.param.name); });
INSTANTIATE_TEST_SUITE_P(Post, PublishedSuite, testing::ValuesIn(PostCases()),
                         [](const auto& one) { return std::string(one.param.name); });

constexpr const char* kS3Key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const SigningScope kS3Scope{"20130524T000000Z", "us-east-1", "s3"};

SigningInput S3Example(const std::string& method, const std::string& path, const Pairs& query,
                       std::string_view body) {
  SigningInput input;
  input.method = method;
  input.path = UriEncode(path, true);
  input.query = CanonicalQuery(query);
  input.payload_hash = HashOf(body);
  input.headers = {{"Host", "examplebucket.s3.amazonaws.com"},
                   {"x-amz-content-sha256", input.payload_hash},
                   {"x-amz-date", kS3Scope.time}};
  return input;
}

TEST(SigV4, ReproducesTheExamplesOfS3) {
  SigningInput get = S3Example("GET", "/test.txt", {}, "");
  get.headers.emplace_back("range", "bytes=0-9");
  EXPECT_EQ(Signature(get, Secret(kS3Key), kS3Scope),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  SigningInput put = S3Example("PUT", "/test$file.text", {}, "Welcome to Amazon S3.");
  put.headers.emplace_back("date", "Fri, 24 May 2013 00:00:00 GMT");
  put.headers.emplace_back("x-amz-storage-class", "REDUCED_REDUNDANCY");
  EXPECT_EQ(Signature(put, Secret(kS3Key), kS3Scope),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  EXPECT_EQ(Signature(S3Example("GET", "/", {{"lifecycle", ""}}, ""), Secret(kS3Key), kS3Scope),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(Signature(S3Example("GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, ""),
                      Secret(kS3Key), kS3Scope),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4, ReproducesTheExampleOfASignedUrl) {
  SigningInput input;
  input.method = "GET";
  input.path = "/test.txt";
  input.query = CanonicalQuery(
      {{"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
       {"X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"},
       {"X-Amz-Date", "20130524T000000Z"},
       {"X-Amz-Expires", "86400"},
       {"X-Amz-SignedHeaders", "host"}});
  input.headers = {{"host", "examplebucket.s3.amazonaws.com"}};
  input.payload_hash = kUnsignedPayload;
  EXPECT_EQ(Signature(input, Secret(kS3Key), kS3Scope),
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(SigV4, PutsTheHeaderTogether) {
  const std::string header = Authorization(S3Example("GET", "/a", {}, ""), "AKIAIOSFODNN7EXAMPLE",
                                           Secret(kS3Key), kS3Scope);
  EXPECT_TRUE(header.starts_with(
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
      "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="))
      << header;
  EXPECT_EQ(header.find(kS3Key), std::string::npos);
}

TEST(SigV4, WritesTheTimeInUtc) {
  EXPECT_EQ(SigningTime(1'369'353'600'000), "20130524T000000Z");
  EXPECT_EQ(SigningTime(1'369'353'599'999), "20130523T235959Z");
}

TEST(UriEncode, LeavesNothingButTheUnreserved) {
  EXPECT_EQ(UriEncode("a b/c+d(!*')\xC3\xBC%", true), "a%20b/c%2Bd%28%21%2A%27%29%C3%BC%25");
  EXPECT_EQ(UriEncode("a/b", false), "a%2Fb");
  EXPECT_EQ(UriEncode("//x/../", true), "//x/../");
}

}  // namespace
}  // namespace hadron::storage::s3
