#include "protocol/rest/load_request.h"

#include <gtest/gtest.h>

#include "protocol/admin_access.h"

namespace hadron::protocol {
namespace {

TEST(DecodeBase64, Table) {
  const struct {
    const char* text;
    std::string bytes;
  } good[] = {{"", ""},
              {"QQ==", "A"},
              {"QUI=", "AB"},
              {"QUJD", "ABC"},
              {"QUJDRA==", "ABCD"},
              {"+/+/", "\xfb\xff\xbf"},
              {"AAAA", std::string(3, '\0')}};
  for (const auto& row : good) {
    const auto bytes = DecodeBase64(row.text);
    ASSERT_TRUE(bytes.ok()) << row.text;
    EXPECT_EQ(*bytes, row.bytes) << row.text;
  }
  for (const char* bad : {"Q", "QQ", "QUI", "=", "==", "QQ=", "QQ===", "Q=Q=", "QUJ D", "QUJ-",
                          "QUJD\n", "\xc3\xa4\xc3\xa4"}) {
    EXPECT_FALSE(DecodeBase64(bad).ok()) << bad;
  }
}

TEST(ParseLoadRequest, TakesConfigurationAndFiles) {
  const auto request = ParseLoadRequest(
      "m", R"({"other": [1], "parameters": {"config": "{}", "file:1/model.onnx": "QUJD"}})");
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->name, "m");
  EXPECT_EQ(request->config_json, "{}");
  ASSERT_EQ(request->files.size(), 1U);
  EXPECT_EQ(request->files[0].path, "1/model.onnx");
  EXPECT_EQ(request->files[0].bytes.ToString(), "ABC");
  const auto plain = ParseLoadRequest("m", " ");
  ASSERT_TRUE(plain.ok());
  EXPECT_FALSE(plain->overrides());
}

TEST(ParseUnloadRequest, TakesABoolean) {
  EXPECT_FALSE(*ParseUnloadRequest(""));
  EXPECT_TRUE(*ParseUnloadRequest(R"({"parameters": {"unload_dependents": true}})"));
  EXPECT_FALSE(ParseUnloadRequest(R"({"parameters": {"unload_dependents": "x"}})").ok());
}

TEST(AdminAccess, Table) {
  const struct {
    AdminAccess access;
    bool local;
    bool allowed;
  } rows[] = {{AdminAccess::kLoopback, true, true}, {AdminAccess::kLoopback, false, false},
              {AdminAccess::kOpen, true, true},     {AdminAccess::kOpen, false, true},
              {AdminAccess::kOff, true, false},     {AdminAccess::kOff, false, false}};
  for (const auto& row : rows) {
    const base::Status status = CheckAdminAccess(row.access, row.local);
    EXPECT_EQ(status.ok(), row.allowed);
    if (row.allowed) continue;
    EXPECT_EQ(status.code(), base::StatusCode::kPermissionDenied);
    EXPECT_NE(status.message().find("--admin-access"), std::string::npos);
  }
}

TEST(IsLocalPeer, KnowsTheNamesOfGrpc) {
  for (const char* peer : {"ipv4:127.0.0.1:80", "ipv4:127.9.9.9:1", "ipv6:[::1]:80",
                           "ipv6:%5B::1%5D:80", "ipv6:[::ffff:127.0.0.1]:80", "unix:/run/x"}) {
    EXPECT_TRUE(IsLocalPeer(peer)) << peer;
  }
  for (const char* peer : {"", "ipv4:128.0.0.1:80", "ipv4:1.127.0.0:80", "ipv6:[::2]:80",
                           "ipv6:[::11]:80", "ipv6:[::ffff:10.0.0.1]:80", "x"}) {
    EXPECT_FALSE(IsLocalPeer(peer)) << peer;
  }
}

}  // namespace
}  // namespace hadron::protocol
