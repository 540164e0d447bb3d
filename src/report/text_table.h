#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hadron::report {

/// Characters of UTF-8 text, each taken as one column wide.
std::size_t TextWidth(std::string_view text);

/// At most `width` characters: the middle of longer text becomes "…", since names differ at their
/// ends.
std::string Shorten(std::string_view text, std::size_t width);

enum class Align : std::uint8_t { kLeft, kRight };

/// A table for terminals, each column as wide as its widest cell. Externally synchronised.
///
///     TextTable table({{"node", Align::kLeft}, {"bytes", Align::kRight}});
///     table.AddRow({"conv1", "1024"});
///     out << table.ToString();
class TextTable {
 public:
  struct Column {
    std::string head;
    Align align = Align::kLeft;
  };
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// Missing cells are empty, those beyond the columns are dropped.
  void AddRow(std::vector<std::string> cells);
  /// Head and rows, every line ended by '\n' and without spaces at its end.
  std::string ToString() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace hadron::report
