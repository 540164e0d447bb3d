#include "report/text_table.h"

#include <gtest/gtest.h>

namespace hadron::report {
namespace {

TEST(TextTable, AlignsColumnsByTheirWidestCell) {
  TextTable table({{"name", Align::kLeft}, {"bytes", Align::kRight}, {"note", Align::kLeft}});
  table.AddRow({"a", "1024", "x"});
  table.AddRow({"longer", "8", ""});
  EXPECT_EQ(table.ToString(),
            "name    bytes  note\n"
            "a        1024  x\n"
            "longer      8\n");
}

TEST(TextTable, FillsMissingCellsAndDropsSurplusOnes) {
  TextTable table({{"a"}, {"b"}});
  table.AddRow({"1"});
  table.AddRow({"1", "2", "3"});
  EXPECT_EQ(table.ToString(), "a  b\n1\n1  2\n");
}

TEST(TextTable, CountsCharactersAndNotBytes) {
  TextTable table({{"µs", Align::kRight}, {"shape"}});
  table.AddRow({"12.5", "1×8×8"});
  EXPECT_EQ(table.ToString(), "  µs  shape\n12.5  1×8×8\n");
}

TEST(Shorten, KeepsShortText) {
  EXPECT_EQ(Shorten("conv", 4), "conv");
  EXPECT_EQ(Shorten("", 4), "");
  EXPECT_EQ(Shorten("conv", 0), "");
}

TEST(Shorten, CutsTheMiddleToTheWidth) {
  for (std::size_t width = 1; width < 12; ++width) {
    EXPECT_EQ(TextWidth(Shorten("/block.1/ä/conv", width)), width);
  }
  EXPECT_EQ(Shorten("/block.1/conv/Conv", 10), "/bl…v/Conv");
}

TEST(Shorten, NeverCutsACharacter) { EXPECT_EQ(Shorten("äöüßäöüß", 5), "äö…üß"); }

}  // namespace
}  // namespace hadron::report
