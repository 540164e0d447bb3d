#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hadron::cli {

/// A grey picture: row by row, 0 = black, `white` = white.
struct Image {
  std::size_t width = 0;
  std::size_t height = 0;
  float white = 255;
  std::vector<float> pixels;

  float at(std::size_t x, std::size_t y) const { return pixels[y * width + x]; }
};

/// PGM, plain (P2) or binary (P5), 8 or 16 bits. At most 4096 pixels a side.
base::StatusOr<Image> ParsePgm(std::string_view file);
/// PNG of any kind, as 8-bit grey over a black background. Same limit.
base::StatusOr<Image> ParsePng(std::string_view file);
/// By its first bytes.
base::StatusOr<Image> ParseImage(std::string_view file);

struct Preprocess {
  std::size_t width = 0;   ///< 0 = as it is
  std::size_t height = 0;  ///< 0 = as it is
  bool invert = false;
  std::optional<double> scale = {};  ///< white becomes this; values stay as they are without
};

/// The picture as a model sees it: resized by averaging areas, then inverted, then scaled.
Image Apply(const Preprocess& preprocess, const Image& image);

}  // namespace hadron::cli
