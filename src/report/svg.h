#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hadron::report {

/// Text as it may stand in XML, between tags and in quotes: markup escaped, control characters and
/// bytes that are not UTF-8 replaced by U+FFFD.
std::string XmlEscape(std::string_view text);

/// Width of a character of the writer's font by size: the font is a monospaced one, so that text
/// can be measured without it.
inline constexpr double kCharWidth = 0.605;

struct Point {
  double x = 0;
  double y = 0;
  bool operator==(const Point&) const = default;
};

struct SvgText {
  double size = 11;
  bool bold = false;
  bool rotated = false;  ///< reads upwards
  std::string_view fill = "#222";
};

/// Writes one SVG document, later elements over earlier ones. Colours are ours and not escaped,
/// texts are. Externally synchronised.
///
///     SvgWriter svg(200, 100);
///     svg.Rect({10, 10}, 80, 20, "#eee", "#888");
///     svg.Text({14, 24}, "conv1 <3x3>", {});
///     file << std::move(svg).Finish();
class SvgWriter {
 public:
  SvgWriter(double width, double height);

  /// With rounded corners. An empty `stroke` draws no outline, a `tooltip` shows under the pointer.
  void Rect(Point at, double width, double height, std::string_view fill, std::string_view stroke,
            std::string_view tooltip = {});
  /// `at` is the left end of the base line.
  void Text(Point at, std::string_view text, const SvgText& style);
  /// A line through the points, with an arrow's head at the last one or without.
  void Line(const std::vector<Point>& points, std::string_view stroke, bool arrow);
  std::string Finish() &&;

 private:
  std::string text_;
};

}  // namespace hadron::report
