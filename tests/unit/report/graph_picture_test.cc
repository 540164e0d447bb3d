#include "report/graph_picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "report/text_table.h"

namespace hadron::report {
namespace {

using ::testing::HasSubstr;

GraphPicture Small() {
  GraphPicture picture;
  picture.title = {"net, batch 1"};
  picture.kinds = {{"native", "#d5ecd4"}, {"copy", "#f6cfdb"}};
  picture.nodes = {{0, {"#0 Conv + Relu", "/a/<b>"}, "tip & more", 0.75},
                   {1, {"#1 upload"}, "", 0.25},
                   {0, {"#2 Add", std::string(200, 'x')}, "", 0}};
  picture.edges = {{{0, 1}, "1×8×8 plain"}, {{1, 2}, "1×8×8"}, {{0, 2}, "1×8×8 plain"}};
  return picture;
}

std::size_t Count(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

TEST(DrawGraph, ShowsEveryNodeInItsColour) {
  const std::string svg = DrawGraph(Small());
  EXPECT_THAT(svg, HasSubstr(">net, batch 1<"));
  EXPECT_THAT(svg, HasSubstr(">#0 Conv + Relu<"));
  EXPECT_THAT(svg, HasSubstr(">/a/&lt;b&gt;<"));
  EXPECT_THAT(svg, HasSubstr("<title>tip &amp; more</title>"));
  // Once in the legend, and the boxes.
  EXPECT_EQ(Count(svg, "#d5ecd4"), 3U);
  EXPECT_EQ(Count(svg, "#f6cfdb"), 2U);
  EXPECT_EQ(Count(svg, "<polyline"), 3U);
}

TEST(DrawGraph, NamesWhatFlowsOnceBelowABox) {
  const std::string svg = DrawGraph(Small());
  EXPECT_EQ(Count(svg, ">1×8×8 plain<"), 1U);
  EXPECT_EQ(Count(svg, ">1×8×8<"), 1U);
  EXPECT_EQ(Count(svg, ">#0<"), 1U) << "the arrow from afar says from where";
}

TEST(DrawGraph, KeepsTextInsideItsBox) {
  const std::string svg = DrawGraph(Small());
  // The boxes of the first kind, the legend's small one among them.
  double width = 0;
  const std::string attribute = "width=\"";
  for (std::size_t at = svg.find("#d5ecd4"); at != std::string::npos;
       at = svg.find("#d5ecd4", at + 1)) {
    const std::size_t number = svg.rfind(attribute, at) + attribute.size();
    width = std::max(width, std::stod(svg.substr(number)));
  }
  const std::size_t begin = svg.find(">xx") + 1;
  const std::string shortened = svg.substr(begin, svg.find('<', begin) - begin);
  EXPECT_THAT(shortened, HasSubstr("…"));
  EXPECT_LT(static_cast<double>(TextWidth(shortened)) * 11 * kCharWidth, width);
}

TEST(DrawGraph, DrawsAnEmptyGraph) { EXPECT_TRUE(DrawGraph({}).ends_with("</svg>\n")); }

}  // namespace
}  // namespace hadron::report
