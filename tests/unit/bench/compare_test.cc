#include "bench/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace hadron::bench {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string File(const std::string& rows, const std::string& profile = "quick", int seed = 1) {
  return R"({"schema":"hadron-bench/1","run":{"utc":"","commit":"","dirty":false,"version":"",)"
         R"("build":"","profile":")" +
         profile + R"(","seed":)" + std::to_string(seed) +
         R"(,"scale":0,"duration_s":1},"machine":{"cpu":"","cores":2,"mem_bytes":1,"kernel":"",)"
         R"("load1_before":0,"load1_after":0},"cases":[{"name":"k","status":"ok","why":"",)"
         R"("wrong_answer":false,"checks":[],"notes":[],"ratios":[)" +
         rows + R"(]}],"verdict":"none"})";
}

std::string Row(const std::string& name, const std::string& rounds,
                const std::string& better = "lower") {
  return R"({"name":")" + name + R"(","peer":"p","metric":"time","context":{},"better":")" +
         better + R"(","per_round":[)" + rounds + "]}";
}

TEST(Compare, CallsAChangeWhatDoesNotOverlap) {
  const struct {
    const char* a;
    const char* b;
    const char* better;
    int worse;
    int improved;
  } rows[] = {
      {"1,2,3", "3,4,5", "lower", 0, 0},    {"1,2,3", "3.1,4,5", "lower", 1, 0},
      {"1,2,3", "3.1,4,5", "higher", 0, 1}, {"4,5,6", "1,2,3", "lower", 0, 1},
      {"4,5,6", "1,2,3", "higher", 1, 0},   {"2", "2", "lower", 0, 0},
  };
  for (const auto& row : rows) {
    const auto found =
        Compare(File(Row("c", row.a, row.better)), File(Row("c", row.b, row.better)));
    ASSERT_TRUE(found.ok()) << found.message();
    EXPECT_EQ(found->worse, row.worse) << row.a << " and " << row.b;
    EXPECT_EQ(found->better, row.improved) << row.a << " and " << row.b;
  }
}

TEST(Compare, ShowsBothAndWhatIsMissing) {
  const auto found = Compare(File(Row("same", "1,2,9") + "," + Row("gone", "1")),
                             File(Row("same", "1,3,9") + "," + Row("new", "2")));
  ASSERT_TRUE(found.ok()) << found.message();
  EXPECT_THAT(found->text, HasSubstr("2.000 (1.000 to 9.000)  3.000 (1.000 to 9.000)"));
  EXPECT_THAT(found->text, HasSubstr("only in a"));
  EXPECT_THAT(found->text, HasSubstr("only in b"));
  EXPECT_THAT(found->text, Not(HasSubstr("worse")));
}

TEST(Compare, RefusesWhatIsNotComparable) {
  const std::string good = File(Row("c", "1"));
  for (const std::string& other : {File(Row("c", "1"), "full"), File(Row("c", "1"), "quick", 2)}) {
    const auto found = Compare(good, other);
    EXPECT_THAT(found.message(), HasSubstr("not comparable"));
  }
  for (const std::string& bad :
       {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"schema":"other"})"),
        File(R"({"name":1})"), File(R"({"name":"c","peer":"p","metric":"m","better":"lower"})")}) {
    EXPECT_EQ(Compare(good, bad).code(), base::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(Compare(bad, good).message(), testing::StartsWith("a: ")) << bad;
  }
}

}  // namespace
}  // namespace hadron::bench
