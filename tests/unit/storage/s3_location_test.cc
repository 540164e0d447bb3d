#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/s3/location.h"

namespace hadron::storage::s3 {
namespace {

using testing::HasSubstr;

struct GoodUrl {
  const char* url;
  const char* endpoint;
  const char* bucket;
  const char* prefix;
};

TEST(ParseLocation, TakesEveryForm) {
  for (const GoodUrl& one : {
           GoodUrl{"s3://bucket", "", "bucket", ""},
           GoodUrl{"s3://bucket/", "", "bucket", ""},
           GoodUrl{"s3://my.bucket-1/a/b//", "", "my.bucket-1", "a/b"},
           GoodUrl{"s3://host:9000/bucket/p q", "http://host:9000", "bucket", "p q"},
           GoodUrl{"s3://http://10.0.0.1:80/bucket/p", "http://10.0.0.1:80", "bucket", "p"},
           GoodUrl{"s3://https://s3.example.org:443/bucket", "https://s3.example.org:443", "bucket",
                   ""},
       }) {
    const auto location = ParseLocation(one.url);
    ASSERT_TRUE(location.ok()) << location.message();
    EXPECT_EQ(location->endpoint, one.endpoint) << one.url;
    EXPECT_EQ(location->bucket, one.bucket) << one.url;
    EXPECT_EQ(location->prefix, one.prefix) << one.url;
  }
}

TEST(ParseLocation, SaysWhichFormItWants) {
  for (const char* url :
       {"s3://", "s3:///x", "s3://ab", "s3://UPPER/x", "s3://bu cket", "s3://https://host/bucket",
        "s3://host:port/bucket", "s3://host:99999/bucket", "s3://host:9000", "gs://bucket",
        "s3://user@host:1/bucket", "s3://:9000/bucket"}) {
    const auto location = ParseLocation(url);
    ASSERT_EQ(location.code(), base::StatusCode::kInvalidArgument) << url;
    EXPECT_THAT(location.message(), HasSubstr("use s3://bucket/prefix or s3://https://host:port"));
  }
}

Address Make(const std::string& url, const std::string& endpoint, const std::string& region,
             Addressing addressing) {
  auto location = ParseLocation(url);
  EXPECT_TRUE(location.ok());
  auto address = Address::Make(*location, endpoint, region, addressing);
  EXPECT_TRUE(address.ok()) << (address.ok() ? "" : address.message());
  return *std::move(address);
}

std::string UrlOf(const Address& address, const std::string& key) {
  return address.Url(address.Path(key), "");
}

TEST(Address, IsOfAmazonWhereNothingElseIsSaid) {
  const Address named = Make("s3://bucket", "", "eu-west-1", Addressing::kAuto);
  EXPECT_EQ(UrlOf(named, "a b"), "https://bucket.s3.eu-west-1.amazonaws.com/a%20b");
  EXPECT_EQ(UrlOf(named, ""), "https://bucket.s3.eu-west-1.amazonaws.com/");
  EXPECT_EQ(named.HostHeader(), "bucket.s3.eu-west-1.amazonaws.com");
  const Address dotted = Make("s3://my.bucket", "", "cn-north-1", Addressing::kAuto);
  EXPECT_EQ(UrlOf(dotted, "k"), "https://s3.cn-north-1.amazonaws.com.cn/my.bucket/k");
}

TEST(Address, KeepsToThePathAtOtherEndpoints) {
  const Address path = Make("s3://bucket", "http://h:9000", "r", Addressing::kAuto);
  EXPECT_EQ(UrlOf(path, "x//../y"), "http://h:9000/bucket/x//../y");
  EXPECT_EQ(UrlOf(path, ""), "http://h:9000/bucket");
  EXPECT_EQ(path.HostHeader(), "h:9000");
  const Address virtual_host = Make("s3://bucket", "https://h:443", "r", Addressing::kVirtual);
  EXPECT_EQ(UrlOf(virtual_host, "y"), "https://bucket.h:443/y");
  EXPECT_EQ(virtual_host.HostHeader(), "bucket.h");
  const auto location = ParseLocation("s3://bucket");
  for (const char* bad : {"h:9000", "ftp://h", "http://", "http://h/path", "http://h:x"}) {
    EXPECT_FALSE(Address::Make(*location, bad, "r", Addressing::kAuto).ok()) << bad;
  }
}

TEST(IsPrivateHost, KnowsWhatDoesNotLeave) {
  for (const char* host : {"127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "172.31.9.9",
                           "localhost", "minio", "minio.ns.svc", "s3.cluster.local"}) {
    EXPECT_TRUE(IsPrivateHost(host)) << host;
  }
  for (const char* host :
       {"8.8.8.8", "172.32.0.1", "192.169.0.1", "s3.example.org", "10.example"}) {
    EXPECT_FALSE(IsPrivateHost(host)) << host;
  }
}

}  // namespace
}  // namespace hadron::storage::s3
