#include "storage/object_name.h"

#include <gtest/gtest.h>

namespace hadron::storage {
namespace {

TEST(CheckObjectName, AcceptsRelativeNames) {
  for (const char* name : {"", "a", "a/b", "a b/c-d_e.f", "\xC3\xBC", "a..b"}) {
    EXPECT_TRUE(CheckObjectName(name).ok()) << name;
  }
}

TEST(CheckObjectName, RefusesEverythingElse) {
  for (const char* name :
       {"/", "/a", "a/", "a//b", ".", "..", ".a", "a/.b", "a/../b", "a\\b", "a\tb", "a\x7F"}) {
    EXPECT_EQ(CheckObjectName(name).code(), base::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_FALSE(CheckObjectName(std::string(256, 'a')).ok());
  EXPECT_TRUE(CheckObjectName(std::string(255, 'a')).ok());
}

TEST(CheckObjectName, EscapesTheNameInItsMessage) {
  EXPECT_NE(CheckObjectName("a\nb").message().find("'a\\x0ab'"), std::string::npos);
}

TEST(JoinName, PutsASlashBetweenWhatIsThere) {
  EXPECT_EQ(JoinName("a", "b"), "a/b");
  EXPECT_EQ(JoinName("", "b"), "b");
  EXPECT_EQ(JoinName("a", ""), "a");
}

}  // namespace
}  // namespace hadron::storage
