#include "cli/render.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace hadron::cli {
namespace {

TEST(RenderGrey, DrawsBlocksBetweenEdges) {
  const std::vector<double> values = {0, 1, 5, 10, 9.99, 0.01};
  EXPECT_EQ(RenderGrey(values, 3),
            "+------+\n"
            "|  ..++|\n"
            "|@@@@..|\n"
            "+------+\n");
}

TEST(RenderGrey, TakesTheWhiteThatIsGiven) {
  const std::vector<double> values = {8, 16};
  EXPECT_EQ(RenderGrey(values, 2, 16), "+----+\n|++@@|\n+----+\n");
}

TEST(RenderGrey, SurvivesOddNumbers) {
  const std::vector<double> values = {NAN, -1, INFINITY, 1};
  EXPECT_EQ(RenderGrey(values, 4), "+--------+\n|    @@@@|\n+--------+\n");
  EXPECT_EQ(RenderGrey({}, 2), "+----+\n+----+\n");
  EXPECT_EQ(RenderGrey(std::vector<double>(2, 0.0), 2), "+----+\n|    |\n+----+\n");
}

TEST(RenderBars, AlignsLabelsAndScalesToTheLongest) {
  EXPECT_EQ(RenderBars({{"three", 0.8, "0.800"}, {"8", 0.2, "0.200"}, {"x", -1, "-1"}}, 8),
            "  three |########| 0.800\n"
            "      8 |##      | 0.200\n"
            "      x |        | -1\n");
}

TEST(RenderBars, SurvivesOddNumbers) {
  EXPECT_EQ(RenderBars({{"a", NAN, "NaN"}, {"b", INFINITY, "Infinity"}, {"c", 1, "1"}}, 4),
            "  a |    | NaN\n"
            "  b |####| Infinity\n"
            "  c |####| 1\n");
  EXPECT_EQ(RenderBars({}), "");
}

TEST(RenderShower, ShowsSideViewAndProfile) {
  // Two layers of 2 x 2 cells.
  const std::vector<double> cells = {1, 0, 0, 0, 4, 4, 5, 0};
  EXPECT_EQ(RenderShower(cells, 2, 2, 2),
            "side view, 2 layers from left to right, square-root scale\n"
            "+----+\n"
            "|--@@|\n"
            "|  **|\n"
            "+----+\n"
            "longitudinal profile, sum 14\n"
            "  layer 0 |###                                     | 1\n"
            "  layer 1 |########################################| 13\n");
}

}  // namespace
}  // namespace hadron::cli
