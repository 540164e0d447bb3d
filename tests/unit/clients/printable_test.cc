#include "cli/printable.h"

#include <gtest/gtest.h>

namespace hadron::cli {
namespace {

TEST(Printable, EscapesWhatSteersTheTerminal) {
  EXPECT_EQ(Printable("\x1b[31mred\x7f\r\n"), "\\x1b[31mred\\x7f\\x0d\\n");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "31m"),
            "\\x9b31m");
}

TEST(Printable, KeepsQuotesAndUtf8) {
  EXPECT_EQ(Printable("it's \"ü\" \xC2\xB5"), "it's \"ü\" \xC2\xB5");
  EXPECT_EQ(Printable("cut \xC2"), "cut \xC2");
}

}  // namespace
}  // namespace hadron::cli
