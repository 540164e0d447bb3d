#include "tenancy/ledger_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace hadron::tenancy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

/// Nobody listens on port 1 of this host.
constexpr const char* kNowhere = "host=127.0.0.1 port=1 dbname=x user=y";

Ledger::Interval Step(std::int64_t from_ms, std::int64_t to_ms) {
  Ledger::Interval interval{from_ms, to_ms, {{{"atlas", "", "digits"}, {}}}};
  interval.rows.front().usage.requests = 1;
  return interval;
}

TEST(LedgerExport, RefusesWhatIsNoConnectionString) {
  const auto created = LedgerExport::Create({.conninfo = "host=db hush"});
  ASSERT_FALSE(created.ok());
  EXPECT_EQ(created.code(), base::StatusCode::kInvalidArgument);
  EXPECT_THAT(created.message(), HasSubstr("--ledger-postgres"));
  EXPECT_THAT(created.message(), Not(HasSubstr("hush")));
}

TEST(LedgerExport, RefusesPasswordsAndKeepsThemToItself) {
  for (const char* conninfo :
       {"host=db password=hush", "postgresql://me:hush@db/hadron", "host=db sslpassword=hush"}) {
    const auto created = LedgerExport::Create({.conninfo = conninfo});
    ASSERT_FALSE(created.ok()) << conninfo;
    EXPECT_THAT(created.message(), HasSubstr("passfile="));
    EXPECT_THAT(created.message(), Not(HasSubstr("hush")));
  }
  EXPECT_TRUE(LedgerExport::Create({.conninfo = "postgresql://me@127.0.0.1:1/hadron"}).ok());
}

TEST(LedgerExport, KeepsTheYoungestWhenTheDatabaseIsAway) {
  auto created = LedgerExport::Create(
      {.conninfo = kNowhere, .instance = "a", .most_queued = 3, .step = milliseconds(10)});
  ASSERT_TRUE(created.ok());
  for (int i = 0; i < 3; ++i) (*created)->Take(Step(10 * i, 10 * i + 10));
  EXPECT_EQ((*created)->dropped(), 0U);
  for (int i = 3; i < 8; ++i) (*created)->Take(Step(10 * i, 10 * i + 10));
  EXPECT_EQ((*created)->dropped(), 5U);
  (*created)->Stop(milliseconds(1));
}

TEST(LedgerExport, PutsIntervalsTogether) {
  auto created = LedgerExport::Create(
      {.conninfo = kNowhere, .instance = "a", .most_queued = 2, .step = milliseconds(40)});
  ASSERT_TRUE(created.ok());
  for (int i = 0; i < 8; ++i) (*created)->Take(Step(10 * i, 10 * i + 10));
  EXPECT_EQ((*created)->dropped(), 0U);
  for (int i = 8; i < 12; ++i) (*created)->Take(Step(10 * i, 10 * i + 10));
  EXPECT_EQ((*created)->dropped(), 1U);
}

TEST(LedgerExport, EndsInTime) {
  auto created = LedgerExport::Create({.conninfo = kNowhere, .instance = "a"});
  ASSERT_TRUE(created.ok());
  (*created)->Take(Step(0, 10'000));
  const auto began = std::chrono::steady_clock::now();
  (*created)->Stop(milliseconds(50));
  (*created)->Stop(seconds(50));  // once is enough
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(10));
}

}  // namespace
}  // namespace hadron::tenancy
