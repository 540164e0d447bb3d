#pragma once

#include <span>
#include <string>
#include <vector>

/// Pictures of numbers in plain text. Pure functions; every line ends with '\n'.
namespace hadron::cli {

/// A matrix as blocks of grey, two characters an element, dark = 0 and bright = the largest value
/// (or `white` when that is larger). `values` row by row.
std::string RenderGrey(std::span<const double> values, std::size_t width, double white = 0);

struct Bar {
  std::string label;
  double value = 0;
  std::string note;  ///< after the bar
};

/// Horizontal bars from zero, the longest as long as `width` characters; negative values have none.
std::string RenderBars(const std::vector<Bar>& bars, std::size_t width = 40);

/// A calorimeter shower of `depth` layers of `height` x `width` cells (elements in this order): its
/// side view, summed over the cells' height, on a square-root scale; then the sum of each layer.
std::string RenderShower(std::span<const double> cells, std::size_t depth, std::size_t height,
                         std::size_t width);

}  // namespace hadron::cli
