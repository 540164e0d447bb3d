// What the ledger's directory remembers of its copy.
#include "tenancy/copy_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/tenancy/scratch.h"

namespace hadron::tenancy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CopyRecord, IsReadAsItWasWritten) {
  const test::Scratch scratch;
  const std::string file = scratch.path("copied.json");
  const auto none = CopyRecord::Read(file);
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none->instances.empty());
  CopyRecord record{1795348800000, {}};
  EXPECT_TRUE(record.Add("a@b:1"));
  EXPECT_TRUE(record.Add("\"x\"@b:2"));
  EXPECT_FALSE(record.Add("a@b:1"));
  ASSERT_TRUE(record.Write(file).ok());
  const auto read = CopyRecord::Read(file);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->since_ms, 1795348800000);
  EXPECT_THAT(read->instances, ElementsAre("a@b:1", "\"x\"@b:2"));
}

TEST(CopyRecord, KeepsTheYoungestNames) {
  CopyRecord record;
  for (int i = 0; i < 100; ++i) record.Add(std::to_string(i));
  EXPECT_EQ(record.instances.size(), CopyRecord::kMostInstances);
  EXPECT_EQ(record.instances.back(), "99");
}

TEST(CopyRecord, RefusesWhatIsNone) {
  const test::Scratch scratch;
  for (const char* text :
       {"", "{", "[]", "{\"since_ms\": 1}", "{\"instances\": []}",
        "{\"since_ms\": \"x\", \"instances\": []}", "{\"since_ms\": 1, \"instances\": [2]}",
        "{\"since_ms\": 1, \"instances\": {}}"}) {
    scratch.Write("copied.json", text);
    const auto read = CopyRecord::Read(scratch.path("copied.json"));
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.code(), base::StatusCode::kInvalidArgument);
    EXPECT_THAT(read.message(), HasSubstr("remove it"));
  }
}

TEST(CopyRecord, SaysWhereItCannotBeWritten) {
  const test::Scratch scratch;
  const base::Status status = CopyRecord().Write(scratch.path("no/such/copied.json"));
  EXPECT_EQ(status.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no/such/copied.json"));
}

}  // namespace
}  // namespace hadron::tenancy
