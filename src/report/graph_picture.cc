#include "report/graph_picture.h"

#include <algorithm>
#include <set>

#include "report/text_table.h"

namespace hadron::report {
namespace {

constexpr double kSize = 11;
constexpr double kSmall = 10;
constexpr double kLine = 15;
constexpr double kPadding = 8;
constexpr double kMargin = 24;
constexpr double kTitleLine = 18;
constexpr std::size_t kMinChars = 26;
constexpr std::size_t kMaxChars = 46;
constexpr std::string_view kStroke = "#555555";
constexpr std::string_view kFaint = "#666666";
constexpr std::string_view kBar = "#c0392b";

double WidthOf(std::size_t characters) {
  return static_cast<double>(characters) * kSize * kCharWidth;
}

class Drawing {
 public:
  explicit Drawing(const GraphPicture& picture) : picture_(picture) {
    std::size_t lines = 1;
    chars_ = kMinChars;
    for (const GraphPicture::Node& node : picture.nodes) {
      lines = std::max(lines, node.lines.size());
      largest_ = std::max(largest_, node.share);
      for (const std::string& line : node.lines) chars_ = std::max(chars_, TextWidth(line));
    }
    chars_ = std::min(chars_, kMaxChars);
    options_.box_width = WidthOf(chars_) + 2 * kPadding;
    options_.box_height = static_cast<double>(lines) * kLine + kPadding;
    std::vector<Link> links;
    for (const GraphPicture::Edge& edge : picture.edges) links.push_back(edge.link);
    layout_ = LayOut(picture.nodes.size(), links, options_);
    top_ = kMargin + kTitleLine * static_cast<double>(picture.title.size() + 2);
  }

  std::string Draw() {
    double width = layout_.width;
    for (const std::string& line : picture_.title) {
      width = std::max(width, WidthOf(TextWidth(line)) * 1.2);
    }
    width = std::max(width, LegendWidth());
    SvgWriter svg(width + 2 * kMargin, layout_.height + top_ + kMargin);
    DrawHead(svg);
    for (const auto& line : layout_.lines) svg.Line(Shifted(line), kStroke, true);
    for (std::size_t i = 0; i < picture_.nodes.size(); ++i) DrawNode(svg, i);
    DrawLabels(svg);
    return std::move(svg).Finish();
  }

 private:
  Point Shifted(Point p) const { return {p.x + kMargin, p.y + top_}; }
  std::vector<Point> Shifted(std::vector<Point> points) const {
    for (Point& p : points) p = Shifted(p);
    return points;
  }
  double LegendWidth() const {
    double width = 0;
    for (const auto& kind : picture_.kinds) width += WidthOf(TextWidth(kind.name)) + 36;
    return width;
  }

  void DrawHead(SvgWriter& svg) const {
    double y = kMargin;
    for (const std::string& line : picture_.title) {
      const bool first = y == kMargin;
      svg.Text({kMargin, y}, line, {.size = first ? 13.0 : kSize, .bold = first});
      y += kTitleLine;
    }
    double x = kMargin;
    for (const auto& kind : picture_.kinds) {
      svg.Rect({x, y - 9}, 14, 11, kind.fill, kStroke);
      svg.Text({x + 20, y}, kind.name, {});
      x += WidthOf(TextWidth(kind.name)) + 36;
    }
  }

  void DrawNode(SvgWriter& svg, std::size_t index) const {
    const GraphPicture::Node& node = picture_.nodes[index];
    const Point at = Shifted(layout_.boxes[index]);
    svg.Rect(at, options_.box_width, options_.box_height, picture_.kinds[node.kind].fill, kStroke,
             node.tooltip);
    double y = at.y + kLine - 2;
    for (std::size_t i = 0; i < node.lines.size(); ++i, y += kLine) {
      svg.Text({at.x + kPadding, y}, Shorten(node.lines[i], chars_), {.bold = i == 0});
    }
    if (node.share <= 0) return;
    const double bar = options_.box_width * node.share / largest_;
    svg.Rect({at.x, at.y + options_.box_height - 3}, bar, 3, kBar, "");
  }

  /// Arrows that come from afar say from where: "#7".
  void DrawOrigins(SvgWriter& svg) const {
    for (std::size_t i = 0; i < layout_.lines.size(); ++i) {
      if (layout_.lines[i].size() < 6) continue;
      const std::string& text = picture_.nodes[picture_.edges[i].link.from].lines.front();
      const Point tip = Shifted(layout_.lines[i].back());
      svg.Text({tip.x + 5, tip.y - 3}, text.substr(0, text.find(' ')),
               {.size = kSmall, .fill = kFaint});
    }
  }

  /// What leaves a box is named once below it, and again along a lane with room for it.
  void DrawLabels(SvgWriter& svg) const {
    std::set<std::pair<std::size_t, std::string>> done;
    std::vector<std::string> labels(picture_.nodes.size());
    for (std::size_t i = 0; i < picture_.edges.size(); ++i) {
      const auto& [link, label] = picture_.edges[i];
      if (layout_.lines[i].empty() || !done.insert({link.from, label}).second) continue;
      std::string& all = labels[link.from];
      all += (all.empty() ? "" : ", ") + label;
    }
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const Point at = Shifted(layout_.boxes[i]);
      const double x = options_.box_width * options_.port + 5;
      const auto room = static_cast<std::size_t>((options_.box_width - x + kMargin) / WidthOf(1));
      svg.Text({at.x + x, at.y + options_.box_height + 13}, Shorten(labels[i], room),
               {.size = kSmall, .fill = kFaint});
    }
    DrawOrigins(svg);
    for (const Lane& lane : layout_.lanes) {
      const std::string text = Shorten(
          picture_.nodes[lane.from].lines.front() + " → " + labels[lane.from], 2 * kMaxChars);
      const double length = WidthOf(TextWidth(text)) * kSmall / kSize;
      if (length > lane.bottom - lane.top) continue;
      const Point middle = Shifted({lane.x - 4, (lane.top + lane.bottom + length) / 2});
      svg.Text(middle, text, {.size = kSmall, .rotated = true, .fill = kFaint});
    }
  }

  const GraphPicture& picture_;
  LayoutOptions options_;
  GraphLayout layout_;
  std::size_t chars_ = 0;
  double largest_ = 0;
  double top_ = 0;
};

}  // namespace

std::string DrawGraph(const GraphPicture& picture) { return Drawing(picture).Draw(); }

}  // namespace hadron::report
