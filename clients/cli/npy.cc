#include "cli/npy.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/strings.h"

namespace hadron::cli {
namespace {

using base::InvalidArgument;
using tensor::DataType;

constexpr std::string_view kMagic = "\x93NUMPY";

constexpr std::array<std::pair<std::string_view, DataType>, 13> kTypes = {{
    {"|b1", DataType::kBool},
    {"|u1", DataType::kUint8},
    {"<u2", DataType::kUint16},
    {"<u4", DataType::kUint32},
    {"<u8", DataType::kUint64},
    {"|i1", DataType::kInt8},
    {"<i2", DataType::kInt16},
    {"<i4", DataType::kInt32},
    {"<i8", DataType::kInt64},
    {"<f2", DataType::kFp16},
    {"<f4", DataType::kFp32},
    {"<f8", DataType::kFp64},
    {"?", DataType::kBool},
}};

struct Parts {
  std::string_view header;  ///< a Python dictionary
  std::string_view content;
};

base::StatusOr<Parts> Separate(std::string_view file) {
  if (!file.starts_with(kMagic) || file.size() < 10) return InvalidArgument("this is no .npy file");
  const char major = file[6];
  const bool old = major == 1;
  if (major < 1 || major > 3) {
    return InvalidArgument(fmt::format(".npy format version {} is unknown", int{major}));
  }
  const std::size_t prefix = old ? 10 : 12;
  if (file.size() < prefix) return InvalidArgument("the .npy header is cut off");
  const std::byte* length_at = base::AsBytes(file).data() + 8;
  const std::size_t length =
      old ? base::LoadLe<std::uint16_t>(length_at) : base::LoadLe<std::uint32_t>(length_at);
  if (length > file.size() - prefix) return InvalidArgument("the .npy header is cut off");
  return Parts{file.substr(prefix, length), file.substr(prefix + length)};
}

/// The text after 'key': in the dictionary, or nothing.
std::optional<std::string_view> After(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(fmt::format("'{}':", key));
  if (at == header.npos) return std::nullopt;
  return base::Trim(header.substr(at + key.size() + 3));
}

base::StatusOr<DataType> ParseType(std::string_view header) {
  const auto text = After(header, "descr");
  if (!text || !text->starts_with('\'')) {
    return InvalidArgument("the .npy header names no simple element type");
  }
  const std::string_view name = text->substr(1, text->find('\'', 1) - 1);
  for (const auto& [known, type] : kTypes) {
    if (name == known) return type;
  }
  return InvalidArgument(
      fmt::format("element type '{}' of the .npy file is not supported; save little-endian "
                  "numbers, for example astype('<f4')",
                  base::EscapeControl(name)));
}

base::StatusOr<tensor::Shape> ParseShape(std::string_view header) {
  const auto text = After(header, "shape");
  const std::size_t end = text ? text->find(')') : std::string_view::npos;
  if (!text || !text->starts_with('(') || end == text->npos) {
    return InvalidArgument("the .npy header has no shape");
  }
  std::vector<std::int64_t> dims;
  for (const std::string& piece : base::Split(text->substr(1, end - 1), ',')) {
    if (base::Trim(piece).empty()) continue;  // "(3,)" and "()"
    const auto dim = base::ParseInt64(base::Trim(piece));
    if (!dim || *dim < 0) return InvalidArgument("the .npy header has an impossible shape");
    dims.push_back(*dim);
  }
  return tensor::Shape(std::move(dims));
}

}  // namespace

base::StatusOr<NpyArray> ParseNpy(std::string_view file) {
  HADRON_ASSIGN_OR_RETURN(const Parts parts, Separate(file));
  NpyArray array;
  HADRON_ASSIGN_OR_RETURN(array.type, ParseType(parts.header));
  HADRON_ASSIGN_OR_RETURN(array.shape, ParseShape(parts.header));
  const auto order = After(parts.header, "fortran_order");
  if (!order || !order->starts_with("False")) {
    return InvalidArgument(
        "the .npy array is in Fortran order; save numpy.ascontiguousarray of it");
  }
  const auto wanted = array.shape.CheckedBytes(array.type);
  if (!wanted || *wanted != parts.content.size()) {
    return InvalidArgument(fmt::format(
        "the .npy file holds {} bytes, its header says {} of shape {}", parts.content.size(),
        tensor::DataTypeName(array.type), array.shape.ToString()));
  }
  const auto content = base::AsBytes(parts.content);
  array.bytes.assign(content.begin(), content.end());
  return array;
}

}  // namespace hadron::cli
