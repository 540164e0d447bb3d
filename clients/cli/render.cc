#include "cli/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace hadron::cli {
namespace {

constexpr std::string_view kRamp = " .:-=+*#%@";

char Shade(double fraction) {
  if (!(fraction > 0)) return kRamp.front();  // NaN too
  const auto steps = static_cast<double>(kRamp.size());
  const auto index = static_cast<std::size_t>(std::min(fraction * steps, steps - 1));
  // The faintest trace is to be told from nothing.
  return kRamp[std::max<std::size_t>(index, 1)];
}

/// Largest finite value, at least `floor`.
double Largest(std::span<const double> values, double floor) {
  for (const double v : values) {
    if (std::isfinite(v)) floor = std::max(floor, v);
  }
  return floor;
}

}  // namespace

std::string RenderGrey(std::span<const double> values, std::size_t width, double white) {
  const double top = Largest(values, white);
  const std::string edge = "+" + std::string(2 * width, '-') + "+\n";
  std::string text = edge;
  for (std::size_t at = 0; width > 0 && at + width <= values.size(); at += width) {
    text += '|';
    for (const double v : values.subspan(at, width)) {
      text.append(2, Shade(top > 0 ? v / top : 0));
    }
    text += "|\n";
  }
  return text + edge;
}

std::string RenderBars(const std::vector<Bar>& bars, std::size_t width) {
  std::size_t label_width = 0;
  double top = 0;
  for (const Bar& bar : bars) {
    label_width = std::max(label_width, bar.label.size());
    top = Largest(std::span(&bar.value, 1), top);
  }
  std::string text;
  for (const Bar& bar : bars) {
    double fraction = top > 0 && bar.value > 0 ? std::min(bar.value / top, 1.0) : 0;
    if (std::isnan(bar.value)) fraction = 0;
    const auto length =
        static_cast<std::size_t>(std::lround(fraction * static_cast<double>(width)));
    text += fmt::format("  {:>{}} |{:<{}}| {}\n", bar.label, label_width, std::string(length, '#'),
                        width, bar.note);
  }
  return text;
}

std::string RenderShower(std::span<const double> cells, std::size_t depth, std::size_t height,
                         std::size_t width) {
  std::vector<double> side(depth * width, 0);  // rows: width; columns: depth
  std::vector<double> layers(depth, 0);
  for (std::size_t i = 0; i < std::min(cells.size(), depth * height * width); ++i) {
    const std::size_t layer = i / (height * width);
    side[i % width * depth + layer] += cells[i];
    layers[layer] += cells[i];
  }
  double total = 0;
  for (const double sum : layers) total += sum;
  for (double& v : side) v = std::sqrt(std::max(v, 0.0));

  std::string text =
      fmt::format("side view, {} layers from left to right, square-root scale\n", depth);
  text += RenderGrey(side, depth);
  text += fmt::format("longitudinal profile, sum {:.4g}\n", total);
  std::vector<Bar> bars;
  for (std::size_t layer = 0; layer < depth; ++layer) {
    bars.push_back(
        {fmt::format("layer {}", layer), layers[layer], fmt::format("{:.4g}", layers[layer])});
  }
  return text + RenderBars(bars);
}

}  // namespace hadron::cli
