#include "cli/show_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <vector>

#include "base/strings.h"
#include "cli/printable.h"
#include "cli/render.h"
#include "cpp/tensor_json.h"
#include "tensor/data_type.h"
#include "tensor/shape.h"

namespace hadron::cli {
namespace {

constexpr std::size_t kRowsShown = 4;
constexpr std::size_t kValuesShown = 16;
constexpr std::int64_t kSmallestCells = 4;  ///< a shower has more layers than a picture has colours
constexpr std::int64_t kLargestCells = 64;

/// "0.985000:3:three" -> a bar labelled "three (3)".
Bar ClassBar(const std::string& element) {
  const std::vector<std::string> parts = base::Split(element, ':');
  Bar bar;
  bar.value = base::ParseDouble(parts[0]).value_or(0);
  const std::string index = parts.size() > 1 ? parts[1] : "?";
  bar.label = Printable(parts.size() > 2 && !parts[2].empty() ? parts[2] : index);
  bar.note = Printable(parts[0]);
  return bar;
}

std::string ShowClasses(std::span<const std::string> elements) {
  std::vector<Bar> bars;
  for (const std::string& element : elements) bars.push_back(ClassBar(element));
  return RenderBars(bars);
}

std::string ElementAt(const client::Tensor& tensor, std::size_t index) {
  if (index < tensor.strings.size()) return base::JsonQuote(tensor.strings[index]);
  const auto type = tensor::DataTypeFromName(tensor.datatype);
  return type ? client::ElementText(tensor.bytes, *type, index) : "?";
}

std::string ShowValues(const client::Tensor& tensor, std::size_t first, std::size_t count) {
  std::string text = " ";
  const std::size_t shown = std::min(count, kValuesShown);
  for (std::size_t i = 0; i < shown; ++i) text += " " + ElementAt(tensor, first + i);
  if (shown < count) text += fmt::format(" ... ({} more)", count - shown);
  return text + "\n";
}

bool LooksLikeShower(const client::Tensor& output, std::span<const std::int64_t> item) {
  const auto type = tensor::DataTypeFromName(output.datatype);
  return type && tensor::IsFloating(*type) && item.size() == 3 &&
         std::ranges::all_of(
             item, [](std::int64_t dim) { return dim >= kSmallestCells && dim <= kLargestCells; });
}

/// One row of an output: elements [first, first + count).
std::string ShowRow(const client::Tensor& output, std::span<const std::int64_t> item,
                    std::size_t first, std::size_t count, bool classification) {
  if (classification && first + count <= output.strings.size()) {
    return ShowClasses(std::span(output.strings).subspan(first, count));
  }
  if (LooksLikeShower(output, item)) {
    const auto cells = client::ToDoubles(output.bytes, *tensor::DataTypeFromName(output.datatype));
    return RenderShower(std::span(cells).subspan(first, count), static_cast<std::size_t>(item[0]),
                        static_cast<std::size_t>(item[1]), static_cast<std::size_t>(item[2]));
  }
  return ShowValues(output, first, count);
}

}  // namespace

std::string ShowOutput(const client::Tensor& output, bool batching, bool classification) {
  std::string text =
      fmt::format("{} {} {}\n", Printable(output.name),
                  classification ? "best classes" : output.datatype, base::JoinInts(output.shape));
  const auto elements = static_cast<std::size_t>(tensor::Shape(output.shape).elements());
  std::span<const std::int64_t> item = output.shape;
  std::size_t rows = 1;
  if (batching && !item.empty()) {
    rows = static_cast<std::size_t>(item.front());
    item = item.subspan(1);
  }
  const std::size_t shown = std::min(rows, kRowsShown);
  for (std::size_t row = 0; row < shown; ++row) {
    const std::size_t count = elements / rows;
    if (rows > 1) text += fmt::format(" row {}\n", row);
    text += ShowRow(output, item, row * count, count, classification);
  }
  if (shown < rows) text += fmt::format(" ({} more rows; --json prints all)\n", rows - shown);
  return text;
}

std::string ShowPicture(const std::string& input, const Image& picture) {
  const std::vector<double> values(picture.pixels.begin(), picture.pixels.end());
  return fmt::format("{} as the model sees it: {}x{}, values 0 to {}\n", input, picture.width,
                     picture.height, picture.white) +
         RenderGrey(values, picture.width, static_cast<double>(picture.white));
}

}  // namespace hadron::cli
