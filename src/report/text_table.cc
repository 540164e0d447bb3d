#include "report/text_table.h"

#include <algorithm>

namespace hadron::report {
namespace {

bool StartsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

/// Bytes of the first `count` characters.
std::size_t BytesOf(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (StartsCharacter(text[at]) && count-- == 0) break;
  }
  return at;
}

}  // namespace

std::size_t TextWidth(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, StartsCharacter));
}

std::string Shorten(std::string_view text, std::size_t width) {
  const std::size_t whole = TextWidth(text);
  if (whole <= width || width == 0)
    return std::string(text.substr(0, width == 0 ? 0 : text.size()));
  const std::size_t tail = (width - 1) * 2 / 3;  // the end of a name says more than its beginning
  std::string shortened(text.substr(0, BytesOf(text, width - 1 - tail)));
  shortened += "…";
  return shortened + std::string(text.substr(BytesOf(text, whole - tail)));
}

void TextTable::AddRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::string TextTable::ToString() const {
  std::vector<std::string> head;
  for (const Column& column : columns_) head.push_back(column.head);
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    widths.push_back(TextWidth(head[c]));
    for (const auto& row : rows_) widths[c] = std::max(widths[c], TextWidth(row[c]));
  }
  std::string text;
  const auto add = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - TextWidth(row[c]), ' ');
      if (c > 0) line += "  ";
      line += columns_[c].align == Align::kRight ? padding + row[c] : row[c] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  };
  add(head);
  for (const auto& row : rows_) add(row);
  return text;
}

}  // namespace hadron::report
