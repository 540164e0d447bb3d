#pragma once

#include <cstddef>
#include <vector>

#include "report/svg.h"

namespace hadron::report {

/// An arrow from one node to a later one.
struct Link {
  std::size_t from = 0;
  std::size_t to = 0;
};

struct LayoutOptions {
  double box_width = 200;
  double box_height = 60;
  double label_height = 18;  ///< free space below each box, for the label of what leaves it
  double lane_width = 18;    ///< between arrows that run beside the boxes
  std::size_t max_columns = 6;
  /// Where arrows leave and enter, as a fraction of the box's width: the label is right of it.
  double port = 0.3;
};

/// An upright part of an arrow beside the boxes: where there is room for a label.
struct Lane {
  std::size_t from = 0;  ///< node
  double x = 0;
  double top = 0;
  double bottom = 0;
};

/// Where everything lies. The origin is the upper left corner.
struct GraphLayout {
  std::vector<std::size_t> rows;  ///< by node
  std::vector<Point> boxes;       ///< by node: upper left corner
  std::vector<std::vector<Point>>
      lines;  ///< by link: from the bottom of a box to the top of another
  std::vector<Lane> lanes;
  double width = 0;
  double height = 0;
};

/// Places `nodes` boxes so that reading rows from the top, each from the left, is their order: a
/// node stands in the row of the one before it unless it needs something of that row. Arrows run in
/// the gaps between rows and, past other rows, in lanes to the right of the boxes: never through a
/// box. Links go from smaller to larger numbers; others are left out. Pure.
GraphLayout LayOut(std::size_t nodes, const std::vector<Link>& links, const LayoutOptions& options);

}  // namespace hadron::report
