#include "report/graph_layout.h"

#include <algorithm>
#include <map>

namespace hadron::report {
namespace {

constexpr double kColumnGap = 36;
constexpr double kTrack = 7;     ///< between horizontal lines of a gap
constexpr double kArrow = 14;    ///< free space above each box
constexpr double kPortGap = 22;  ///< between arrows that enter one box

/// A horizontal line of a gap, shared by all arrows of one node there.
struct Track {
  double left = 0;
  double right = 0;
  std::size_t slot = 0;
  void Cover(double x) {
    left = std::min(left, x);
    right = std::max(right, x);
  }
};

class LayoutBuilder {
 public:
  LayoutBuilder(std::size_t nodes, const std::vector<Link>& links, const LayoutOptions& options)
      : options_(options), links_(links), columns_(nodes, 0), ports_(links.size(), 0) {
    layout_.rows.assign(nodes, 0);
    layout_.lines.resize(links.size());
  }

  GraphLayout Build() {
    PlaceNodes();
    PlaceLanes();
    PlacePorts();
    PlaceTracks();
    PlaceRows();
    for (std::size_t i = 0; i < links_.size(); ++i) {
      if (Valid(links_[i])) layout_.lines[i] = Route(i);
    }
    return std::move(layout_);
  }

 private:
  bool Valid(const Link& link) const {
    return link.from < link.to && link.to < layout_.rows.size();
  }
  bool SpansRows(const Link& link) const {
    return layout_.rows[link.to] > layout_.rows[link.from] + 1;
  }
  bool IsStraight(const Link& link) const {
    return !SpansRows(link) && columns_[link.to] == columns_[link.from];
  }
  double Left(std::size_t node) const {
    return static_cast<double>(columns_[node]) * (options_.box_width + kColumnGap);
  }
  /// Where arrows leave the box, and where one from straight above enters.
  double Port(std::size_t node) const { return Left(node) + options_.box_width * options_.port; }

  /// Rows as the header says; a node keeps the column of what it reads where that is free.
  void PlaceNodes() {
    const std::size_t nodes = layout_.rows.size();
    std::vector<std::vector<std::size_t>> sources(nodes);
    for (const Link& link : links_) {
      if (Valid(link)) sources[link.to].push_back(link.from);
    }
    std::vector<bool> taken(options_.max_columns, false);
    std::size_t row = 0;
    std::size_t in_row = 0;
    for (std::size_t node = 0; node < nodes; ++node) {
      bool next = in_row == options_.max_columns;
      for (const std::size_t source : sources[node]) next = next || layout_.rows[source] == row;
      if (next && in_row > 0) {
        ++row;
        in_row = 0;
        taken.assign(options_.max_columns, false);
      }
      layout_.rows[node] = row;
      columns_[node] = FreeColumn(taken, sources[node], row);
      taken[columns_[node]] = true;
      ++in_row;
    }
  }

  std::size_t FreeColumn(const std::vector<bool>& taken, const std::vector<std::size_t>& sources,
                         std::size_t row) const {
    std::size_t wanted = taken.size();
    for (const std::size_t source : sources) {
      const bool above = layout_.rows[source] + 1 == row;
      if (above && !taken[columns_[source]]) wanted = std::min(wanted, columns_[source]);
    }
    if (wanted < taken.size()) return wanted;
    const auto free = std::ranges::find(taken, false);
    return static_cast<std::size_t>(free - taken.begin());
  }

  /// One lane a node, from its row to the last one that reads it from afar; short ones inside.
  void PlaceLanes() {
    std::map<std::size_t, std::size_t> last;  // node: row above which the lane ends
    for (const Link& link : links_) {
      if (!Valid(link) || !SpansRows(link)) continue;
      last[link.from] = std::max(last[link.from], layout_.rows[link.to]);
    }
    std::vector<std::pair<std::size_t, std::size_t>> order;  // rows spanned, node
    for (const auto& [node, row] : last) order.emplace_back(row - layout_.rows[node], node);
    std::ranges::sort(order);
    const std::size_t rows = layout_.rows.empty() ? 0 : layout_.rows.back() + 1;
    std::vector<double> right(rows, 0);
    for (std::size_t node = 0; node < layout_.rows.size(); ++node) {
      double& end = right[layout_.rows[node]];
      end = std::max(end, Left(node) + options_.box_width);
    }
    for (const double end : right) layout_.width = std::max(layout_.width, end);
    for (const auto& [span, node] : order) {
      double x = 0;
      // The rows at both ends count, too: their boxes are beside the lines that lead to the lane.
      for (std::size_t row = layout_.rows[node]; row <= last[node]; ++row) {
        x = std::max(x, right[row]);
      }
      x += options_.lane_width;
      for (std::size_t row = layout_.rows[node]; row <= last[node]; ++row) right[row] = x;
      lanes_[node] = {x, last[node]};
      layout_.width = std::max(layout_.width, x + options_.lane_width);
    }
  }

  /// Arrows from straight above enter where arrows leave, the others beside it on their side.
  void PlacePorts() {
    std::vector<int> to_left(layout_.rows.size(), 0);
    std::vector<int> to_right(layout_.rows.size(), 0);
    for (std::size_t i = 0; i < links_.size(); ++i) {
      const Link& link = links_[i];
      if (!Valid(link)) continue;
      ports_[i] = Port(link.to);
      if (IsStraight(link)) continue;
      const bool from_left = !SpansRows(link) && columns_[link.from] < columns_[link.to];
      int& count = from_left ? to_left[link.to] : to_right[link.to];
      const double room = options_.box_width * (from_left ? options_.port : 1 - options_.port) - 4;
      const double shift = std::min(kPortGap * ++count, room);
      ports_[i] += from_left ? -shift : shift;
    }
  }

  void Cover(std::size_t gap, std::size_t node, double a, double b) {
    if (tracks_.size() <= gap) tracks_.resize(gap + 1);
    const auto [it, fresh] = tracks_[gap].try_emplace(node, Track{a, a, 0});
    it->second.Cover(a);
    it->second.Cover(b);
  }

  void PlaceTracks() {
    for (std::size_t i = 0; i < links_.size(); ++i) {
      const Link& link = links_[i];
      if (!Valid(link) || IsStraight(link)) continue;
      const std::size_t row = layout_.rows[link.from];
      if (SpansRows(link)) {
        const double lane = lanes_.at(link.from).first;
        Cover(row, link.from, Port(link.from), lane);
        Cover(layout_.rows[link.to] - 1, link.from, lane, ports_[i]);
      } else {
        Cover(row, link.from, Port(link.from), ports_[i]);
      }
    }
    for (auto& gap : tracks_) {
      std::vector<Track*> order;
      for (auto& [node, track] : gap) order.push_back(&track);
      std::ranges::stable_sort(order, {}, &Track::left);
      std::vector<double> ends;
      for (Track* track : order) {
        const auto free =
            std::ranges::find_if(ends, [&](double end) { return end + kTrack < track->left; });
        track->slot = static_cast<std::size_t>(free - ends.begin());
        if (free == ends.end()) ends.push_back(0);
        ends[track->slot] = track->right;
      }
      slots_.push_back(ends.size());
    }
  }

  void PlaceRows() {
    const std::size_t rows = layout_.rows.empty() ? 0 : layout_.rows.back() + 1;
    slots_.resize(rows, 0);
    tracks_.resize(rows);
    double y = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      tops_.push_back(y);
      const auto lines = static_cast<double>(slots_[row]);
      y += options_.box_height + options_.label_height + lines * kTrack + kArrow;
    }
    layout_.height = rows == 0 ? 0 : y;
    for (std::size_t node = 0; node < layout_.rows.size(); ++node) {
      layout_.boxes.push_back({Left(node), tops_[layout_.rows[node]]});
    }
    for (const auto& [node, lane] : lanes_) {
      layout_.lanes.push_back(
          {node, lane.first, TrackY(layout_.rows[node], node), TrackY(lane.second - 1, node)});
    }
  }

  double TrackY(std::size_t gap, std::size_t node) const {
    const auto slot = static_cast<double>(tracks_[gap].at(node).slot);
    return tops_[gap] + options_.box_height + options_.label_height + (slot + 0.5) * kTrack;
  }

  std::vector<Point> Route(std::size_t i) const {
    const Link& link = links_[i];
    const std::size_t row = layout_.rows[link.from];
    const Point begin{Port(link.from), tops_[row] + options_.box_height};
    const Point end{ports_[i], tops_[layout_.rows[link.to]]};
    if (IsStraight(link)) return {begin, end};
    const double leave = TrackY(row, link.from);
    if (!SpansRows(link)) return {begin, {begin.x, leave}, {end.x, leave}, end};
    const double lane = lanes_.at(link.from).first;
    const double enter = TrackY(layout_.rows[link.to] - 1, link.from);
    return {begin, {begin.x, leave}, {lane, leave}, {lane, enter}, {end.x, enter}, end};
  }

  const LayoutOptions& options_;
  const std::vector<Link>& links_;
  GraphLayout layout_;
  std::vector<std::size_t> columns_;                             ///< by node
  std::vector<double> ports_;                                    ///< by link: x of its arrow
  std::map<std::size_t, std::pair<double, std::size_t>> lanes_;  ///< node: x, last row
  std::vector<std::map<std::size_t, Track>> tracks_;             ///< by gap, by node
  std::vector<std::size_t> slots_;                               ///< by gap
  std::vector<double> tops_;                                     ///< by row
};

}  // namespace

GraphLayout LayOut(std::size_t nodes, const std::vector<Link>& links,
                   const LayoutOptions& options) {
  return LayoutBuilder(nodes, links, options).Build();
}

}  // namespace hadron::report
