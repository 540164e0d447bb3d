#include "report/svg.h"

#include <fmt/format.h>

#include <array>
#include <bit>

namespace hadron::report {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// What XML 1.0 allows, but for DEL.
bool IsXmlCharacter(char32_t c) {
  if (c < 0x20) return c == '\t' || c == '\n';
  return c != 0x7F &&
         (c <= 0xD7FF || (c >= 0xE000 && c <= 0xFFFD) || (c >= 0x10000 && c <= 0x10FFFF));
}

/// Bytes of the character that begins the text, 0 when it is not UTF-8 or not for XML.
std::size_t CharacterBytes(std::string_view text) {
  static constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};  // by length
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return IsXmlCharacter(first) ? 1 : 0;
  const auto size = static_cast<std::size_t>(std::countl_one(first));
  if (size < 2 || size > 4 || text.size() < size) return 0;
  char32_t value = first & (0x7FU >> size);
  for (const char c : text.substr(1, size - 1)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) != 0x80U) return 0;
    value = value << 6U | (byte & 0x3FU);
  }
  return value >= kLeast[size] && IsXmlCharacter(value) ? size : 0;
}

std::string_view Entity(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

std::string XmlEscape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = CharacterBytes(text);
    if (size == 0) {
      out += kReplacement;
    } else if (const std::string_view entity = Entity(text[0]); !entity.empty()) {
      out += entity;
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

SvgWriter::SvgWriter(double width, double height) {
  text_ = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      width, height);
}

void SvgWriter::Rect(Point at, double width, double height, std::string_view fill,
                     std::string_view stroke, std::string_view tooltip) {
  text_ += fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"3\" "
      "fill=\"{}\" stroke=\"{}\"><title>{}</title></rect>\n",
      at.x, at.y, width, height, fill, stroke.empty() ? "none" : stroke, XmlEscape(tooltip));
}

void SvgWriter::Text(Point at, std::string_view text, const SvgText& style) {
  const std::string turn =
      style.rotated ? fmt::format(" transform=\"rotate(-90 {:.1f} {:.1f})\"", at.x, at.y) : "";
  text_ += fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{:g}\" fill=\"{}\"{}{}>{}</text>\n", at.x, at.y,
      style.size, style.fill, style.bold ? " font-weight=\"bold\"" : "", turn, XmlEscape(text));
}

void SvgWriter::Line(const std::vector<Point>& points, std::string_view stroke, bool arrow) {
  if (points.size() < 2) return;
  std::string path;
  for (const Point& p : points) path += fmt::format("{:.1f},{:.1f} ", p.x, p.y);
  path.pop_back();
  text_ += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\"/>\n", path, stroke);
  if (!arrow) return;
  const Point tip = points.back();  // lines end downwards
  text_ +=
      fmt::format("<path d=\"M{:.1f} {:.1f}l-3.5 -7h7z\" fill=\"{}\"/>\n", tip.x, tip.y, stroke);
}

std::string SvgWriter::Finish() && {
  text_ += "</svg>\n";
  return std::move(text_);
}

}  // namespace hadron::report
