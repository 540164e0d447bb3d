#include "cli/push/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace hadron::cli::push {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ProgressLine, ShowsShareRateAndWhatIsLeft) {
  EXPECT_EQ(ProgressLine("m/1/w", 6 << 20, 12 << 20, 0),
            "[############............]  50 %  6.0 MiB of 12.0 MiB  m/1/w");
  EXPECT_THAT(ProgressLine("w", 6 << 20, 12 << 20, 2), HasSubstr("3.0 MiB/s, 2 s left"));
  EXPECT_THAT(ProgressLine("w", 0, 0, 0), StartsWith("[########################] 100 %"));
  EXPECT_THAT(ProgressLine("a\x1b[2J", 1, 1, 0), HasSubstr("a\\x1b[2J"));
}

TEST(Progress, IsALinePerFileWhereThereIsNoTerminal) {
  const base::SystemClock clock;
  std::ostringstream out;
  Progress progress(out, false, clock);
  progress.Begin(10);
  progress.Show("a", 5);
  progress.Sent("a", 10);
  progress.End();
  EXPECT_EQ(out.str(), "sent a (10 B)\n");
}

TEST(Progress, DrawsOverItselfOnATerminalAndGoes) {
  const base::SystemClock clock;
  std::ostringstream out;
  Progress progress(out, true, clock);
  progress.Begin(10);
  progress.Show("a", 5);
  progress.Sent("a", 10);
  progress.End();
  EXPECT_THAT(out.str(), StartsWith("\r\x1b[K["));
  EXPECT_TRUE(out.str().ends_with("\r\x1b[K"));
}

}  // namespace
}  // namespace hadron::cli::push
