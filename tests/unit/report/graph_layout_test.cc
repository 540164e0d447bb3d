#include "report/graph_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace hadron::report {
namespace {

struct Box {
  double left, top, right, bottom;
};

Box BoxOf(const GraphLayout& layout, std::size_t node, const LayoutOptions& options) {
  const Point at = layout.boxes[node];
  return {at.x, at.y, at.x + options.box_width, at.y + options.box_height};
}

/// An upright or level stretch of a line strictly inside the box.
bool Crosses(const Box& box, Point a, Point b) {
  const auto [x0, x1] = std::minmax(a.x, b.x);
  const auto [y0, y1] = std::minmax(a.y, b.y);
  return x0 < box.right && box.left < x1 + 1e-9 && x1 > box.left && y0 < box.bottom &&
         box.top < y1 && y1 > box.top && y0 + 1e-9 < box.bottom;
}

void ExpectSound(const GraphLayout& layout, std::size_t nodes, const std::vector<Link>& links,
                 const LayoutOptions& options) {
  ASSERT_EQ(layout.boxes.size(), nodes);
  ASSERT_EQ(layout.lines.size(), links.size());
  for (std::size_t n = 0; n < nodes; ++n) {
    const Box box = BoxOf(layout, n, options);
    EXPECT_LE(box.right, layout.width + 1e-9);
    EXPECT_LE(box.bottom, layout.height + 1e-9);
    if (n == 0) continue;
    // Rows from the top, each from the left or right of what is taken; never one box over another.
    EXPECT_GE(layout.rows[n], layout.rows[n - 1]);
    for (std::size_t m = 0; m < n; ++m) {
      if (layout.rows[m] != layout.rows[n]) continue;
      const Box other = BoxOf(layout, m, options);
      EXPECT_TRUE(other.right < box.left || box.right < other.left) << m << " " << n;
    }
  }
  for (std::size_t i = 0; i < links.size(); ++i) {
    const std::vector<Point>& line = layout.lines[i];
    ASSERT_GE(line.size(), 2U);
    const Box from = BoxOf(layout, links[i].from, options);
    const Box to = BoxOf(layout, links[i].to, options);
    EXPECT_EQ(line.front().y, from.bottom);
    EXPECT_EQ(line.back().y, to.top);
    EXPECT_TRUE(from.left < line.front().x && line.front().x < from.right);
    EXPECT_TRUE(to.left < line.back().x && line.back().x < to.right);
    for (std::size_t p = 1; p < line.size(); ++p) {
      EXPECT_TRUE(line[p].x == line[p - 1].x || line[p].y == line[p - 1].y);
      EXPECT_LE(line[p].x, layout.width);
      for (std::size_t n = 0; n < nodes; ++n) {
        EXPECT_FALSE(Crosses(BoxOf(layout, n, options), line[p - 1], line[p]))
            << "link " << links[i].from << " to " << links[i].to << " through box " << n;
      }
    }
  }
}

TEST(LayOut, PutsAChainInOneColumnWithStraightArrows) {
  const std::vector<Link> links = {{0, 1}, {1, 2}, {2, 3}};
  const LayoutOptions options;
  const GraphLayout layout = LayOut(4, links, options);
  ExpectSound(layout, 4, links, options);
  EXPECT_EQ(layout.rows, (std::vector<std::size_t>{0, 1, 2, 3}));
  for (const auto& line : layout.lines) EXPECT_EQ(line.size(), 2U);
  EXPECT_TRUE(layout.lanes.empty());
}

TEST(LayOut, PutsIndependentNodesSideBySide) {
  const std::vector<Link> links = {{0, 1}, {0, 2}, {0, 3}, {1, 4}, {2, 4}, {3, 4}};
  const LayoutOptions options;
  const GraphLayout layout = LayOut(5, links, options);
  ExpectSound(layout, 5, links, options);
  EXPECT_EQ(layout.rows, (std::vector<std::size_t>{0, 1, 1, 1, 2}));
}

TEST(LayOut, LeadsAResidualPastTheBoxes) {
  const std::vector<Link> links = {{0, 1}, {1, 2}, {2, 3}, {0, 3}};
  const LayoutOptions options;
  const GraphLayout layout = LayOut(4, links, options);
  ExpectSound(layout, 4, links, options);
  ASSERT_EQ(layout.lanes.size(), 1U);
  EXPECT_EQ(layout.lanes[0].from, 0U);
  EXPECT_GT(layout.lanes[0].x, options.box_width);
}

TEST(LayOut, NestsSkipConnections) {
  // A network in the form of a U: 0 1 2 down, 3 4 5 up.
  const std::vector<Link> links = {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {0, 5}, {1, 4}};
  const LayoutOptions options;
  const GraphLayout layout = LayOut(6, links, options);
  ExpectSound(layout, 6, links, options);
  ASSERT_EQ(layout.lanes.size(), 2U);
  EXPECT_GT(layout.lanes[0].x, layout.lanes[1].x) << "the longer one is outside";
}

TEST(LayOut, BreaksRowsThatWouldBeTooWide) {
  LayoutOptions options;
  options.max_columns = 3;
  const GraphLayout layout = LayOut(7, {}, options);
  EXPECT_EQ(layout.rows, (std::vector<std::size_t>{0, 0, 0, 1, 1, 1, 2}));
}

TEST(LayOut, IsSoundForRandomGraphs) {
  std::mt19937 random(5);
  const LayoutOptions options;
  for (int round = 0; round < 100; ++round) {
    const std::size_t nodes = 2 + random() % 30;
    std::vector<Link> links;
    for (std::size_t n = 1; n < nodes; ++n) {
      for (std::size_t k = random() % 4; k > 0; --k) links.push_back({random() % n, n});
    }
    ExpectSound(LayOut(nodes, links, options), nodes, links, options);
  }
}

TEST(LayOut, LeavesOutLinksThatGoBack) {
  const GraphLayout layout = LayOut(2, {{1, 0}, {0, 0}, {0, 9}}, {});
  for (const auto& line : layout.lines) EXPECT_TRUE(line.empty());
}

TEST(LayOut, TakesNothing) {
  const GraphLayout layout = LayOut(0, {}, {});
  EXPECT_TRUE(layout.boxes.empty());
  EXPECT_EQ(layout.height, 0);
}

}  // namespace
}  // namespace hadron::report
