#include "cpp/call_headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace hadron::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

TEST(CheckHeaders, TakesNamesInSmallLetters) {
  for (const bool grpc : {false, true}) {
    const auto checked = CheckHeaders({{"X-Hadron-Key", "a=b c"}, {"second", ""}}, grpc);
    ASSERT_TRUE(checked.ok()) << checked.message();
    EXPECT_THAT(*checked, ElementsAre(Pair("x-hadron-key", "a=b c"), Pair("second", "")));
  }
}

TEST(CheckHeaders, RefusesWhatWouldChangeTheMessage) {
  const struct {
    const char* name;
    const char* value;
    bool rest;
    bool grpc;
  } rows[] = {
      {"", "v", false, false},
      {"a b", "v", false, false},
      {"a:b", "v", false, false},
      {"a\r\nb", "v", false, false},
      {"\xc3\xa4", "v", false, false},
      {"Host", "v", false, false},
      {"Content-Length", "1", false, false},
      {"transfer-encoding", "chunked", false, false},
      {"Inference-Header-Content-Length", "1", false, false},
      {"a", "v\r\nhost: other", false, false},
      {"a", "v\x7f", false, false},
      {"a*", "v", true, false},
      {"grpc-timeout", "1S", true, false},
      {"key-bin", "v", true, false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(CheckHeaders({{row.name, row.value}}, false).ok(), row.rest) << row.name;
    EXPECT_EQ(CheckHeaders({{row.name, row.value}}, true).ok(), row.grpc) << row.name;
  }
}

TEST(CheckHeaders, KeepsTheValueOutOfTheMessage) {
  const auto checked = CheckHeaders({{"key", "secret\n"}}, false);
  EXPECT_EQ(checked.code(), base::StatusCode::kInvalidArgument);
  EXPECT_THAT(checked.message(), HasSubstr("'key'"));
  EXPECT_THAT(checked.message(), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace hadron::client
