#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/graph_layout.h"

namespace hadron::report {

/// A graph to be drawn: boxes of text in the order in which things happen, and what flows between
/// them.
struct GraphPicture {
  /// What a box can be; one entry of the legend each.
  struct Kind {
    std::string name;
    std::string fill;  ///< "#rrggbb"
  };
  struct Node {
    std::size_t kind = 0;
    std::vector<std::string> lines;  ///< the first one is bold; long ones are shortened
    std::string tooltip;
    double share = 0;  ///< of the whole, 0 to 1: a bar at the box's foot, relative to the largest
  };
  struct Edge {
    Link link;
    std::string label;
  };
  std::vector<std::string> title;
  std::vector<Kind> kinds;
  std::vector<Node> nodes;
  std::vector<Edge> edges;
};

/// The picture as an SVG document.
std::string DrawGraph(const GraphPicture& picture);

}  // namespace hadron::report
