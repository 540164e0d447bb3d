#include "cli/image.h"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/bytes.h"
#include "base/strings.h"

namespace hadron::cli {
namespace {

using base::InvalidArgument;

constexpr std::uint64_t kMaxSide = 4096;  // a 1 KiB PNG may claim any size
constexpr std::uint64_t kMaxPgmValue = 65535;

/// Reads the header of a PGM and the numbers of a plain one.
class PgmReader {
 public:
  explicit PgmReader(std::string_view file) : file_(file), at_(2) {}

  std::optional<std::uint64_t> Number() {
    SkipSpaceAndComments();
    const std::size_t start = at_;
    while (at_ < file_.size() && file_[at_] >= '0' && file_[at_] <= '9') ++at_;
    return base::ParseUint64(file_.substr(start, at_ - start));
  }
  /// What follows the one white space after the header.
  std::string_view Rest() const { return file_.substr(std::min(at_ + 1, file_.size())); }

 private:
  static bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
  void SkipSpaceAndComments() {
    while (at_ < file_.size() && (IsSpace(file_[at_]) || file_[at_] == '#')) {
      if (file_[at_] == '#') {
        at_ = std::min(file_.find('\n', at_), file_.size() - 1);
      }
      ++at_;
    }
  }

  std::string_view file_;
  std::size_t at_;
};

base::Status CheckSide(std::uint64_t width, std::uint64_t height) {
  if (width >= 1 && height >= 1 && width <= kMaxSide && height <= kMaxSide) return {};
  return InvalidArgument(fmt::format("a picture of {} x {} pixels; 1 to {} a side can be read",
                                     width, height, kMaxSide));
}

base::Status ReadPlain(PgmReader& reader, Image& image) {
  const std::size_t count = image.width * image.height;
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = reader.Number();
    if (!value || static_cast<float>(*value) > image.white) {
      return InvalidArgument(fmt::format("pixel {} of the PGM is missing or above its maximum", i));
    }
    image.pixels.push_back(static_cast<float>(*value));
  }
  return {};
}

base::Status ReadBinary(std::string_view content, Image& image) {
  const std::size_t count = image.width * image.height;
  const std::size_t size = image.white > 255 ? 2 : 1;
  if (content.size() < count * size) return InvalidArgument("the PGM is cut off");
  image.pixels.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    unsigned value = 0;  // big-endian
    for (std::size_t k = 0; k < size; ++k) {
      value = value << 8 | static_cast<unsigned char>(content[i * size + k]);
    }
    image.pixels.push_back(std::min(static_cast<float>(value), image.white));
  }
  return {};
}

/// Releases what libpng holds, whatever happens.
struct PngReader {
  PngReader() { image.version = PNG_IMAGE_VERSION; }
  ~PngReader() { png_image_free(&image); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  base::Status Problem() const {
    return InvalidArgument(fmt::format("the PNG cannot be read: {}", image.message));
  }
  png_image image = {};
};

/// Average of the source over [x0, x1) x [y0, y1), in its pixels.
float AreaMean(const Image& from, double x0, double x1, double y0, double y1) {
  double sum = 0;
  double weight = 0;
  for (auto y = static_cast<std::size_t>(y0); y < from.height && static_cast<double>(y) < y1; ++y) {
    const double h =
        std::min(y1, static_cast<double>(y + 1)) - std::max(y0, static_cast<double>(y));
    for (auto x = static_cast<std::size_t>(x0); x < from.width && static_cast<double>(x) < x1;
         ++x) {
      const double w =
          std::min(x1, static_cast<double>(x + 1)) - std::max(x0, static_cast<double>(x));
      sum += w * h * static_cast<double>(from.at(x, y));
      weight += w * h;
    }
  }
  return weight > 0 ? static_cast<float>(sum / weight) : 0;
}

Image Resize(const Image& from, std::size_t width, std::size_t height) {
  if (width == from.width && height == from.height) return from;
  Image to{.width = width, .height = height, .white = from.white, .pixels = {}};
  const double sx = static_cast<double>(from.width) / static_cast<double>(width);
  const double sy = static_cast<double>(from.height) / static_cast<double>(height);
  for (std::size_t row = 0; row < height; ++row) {
    const double y = static_cast<double>(row);
    for (std::size_t column = 0; column < width; ++column) {
      const double x = static_cast<double>(column);
      to.pixels.push_back(AreaMean(from, x * sx, (x + 1) * sx, y * sy, (y + 1) * sy));
    }
  }
  return to;
}

}  // namespace

base::StatusOr<Image> ParsePgm(std::string_view file) {
  if (!file.starts_with("P2") && !file.starts_with("P5")) {
    return InvalidArgument("this is no PGM picture (P2 or P5)");
  }
  PgmReader reader(file);
  const auto width = reader.Number();
  const auto height = reader.Number();
  const auto white = reader.Number();
  if (!width || !height || !white || *white < 1 || *white > kMaxPgmValue) {
    return InvalidArgument("the PGM's width, height or maximum is wrong");
  }
  HADRON_RETURN_IF_ERROR(CheckSide(*width, *height));
  Image image{
      .width = *width, .height = *height, .white = static_cast<float>(*white), .pixels = {}};
  if (file[1] == '2') {
    HADRON_RETURN_IF_ERROR(ReadPlain(reader, image));
  } else {
    HADRON_RETURN_IF_ERROR(ReadBinary(reader.Rest(), image));
  }
  return image;
}

base::StatusOr<Image> ParsePng(std::string_view file) {
  PngReader reader;
  if (png_image_begin_read_from_memory(&reader.image, file.data(), file.size()) == 0) {
    return reader.Problem();
  }
  HADRON_RETURN_IF_ERROR(CheckSide(reader.image.width, reader.image.height));
  reader.image.format = PNG_FORMAT_GRAY;
  const png_color black = {0, 0, 0};
  std::vector<std::uint8_t> grey(std::size_t{reader.image.width} * reader.image.height);
  if (png_image_finish_read(&reader.image, &black, grey.data(), 0, nullptr) == 0) {
    return reader.Problem();
  }
  Image image{
      .width = reader.image.width, .height = reader.image.height, .white = 255, .pixels = {}};
  image.pixels.assign(grey.begin(), grey.end());
  return image;
}

base::StatusOr<Image> ParseImage(std::string_view file) {
  if (file.starts_with("P2") || file.starts_with("P5")) return ParsePgm(file);
  if (file.starts_with("\x89PNG")) return ParsePng(file);
  return InvalidArgument("neither a PGM nor a PNG picture");
}

Image Apply(const Preprocess& preprocess, const Image& image) {
  Image out = Resize(image, preprocess.width == 0 ? image.width : preprocess.width,
                     preprocess.height == 0 ? image.height : preprocess.height);
  const float white = preprocess.scale ? static_cast<float>(*preprocess.scale) : out.white;
  for (float& pixel : out.pixels) {
    if (preprocess.invert) pixel = out.white - pixel;
    pixel = pixel / out.white * white;
  }
  out.white = white;
  return out;
}

}  // namespace hadron::cli
