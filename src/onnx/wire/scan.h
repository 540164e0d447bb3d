#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/status.h"
#include "onnx/limits.h"

namespace hadron::onnx {

/// Values of more bytes than this stay in the file until somebody needs them.
inline constexpr std::uint64_t kLeftInFileBytes = std::uint64_t{64} << 10;

/// A model file without its large values.
struct Skeleton {
  struct Range {
    std::uint64_t offset = 0;
    std::uint64_t count = 0;
  };

  /// A ModelProto, never larger than the file. A tensor whose raw_data was left in the file has the
  /// range's number, counted from 1, as its field left_in_file instead.
  std::string bytes;
  std::vector<Range> left;
};

/// Walks the bytes of a model file and says what parsing them would cost: nodes, initializers,
/// objects, nesting and names are held against the limits *before* protobuf allocates the first
/// message. Large values are neither read nor waited for. Linear in the file's size, no recursion.
/// INVALID_ARGUMENT for what is no protobuf message at all, RESOURCE_EXHAUSTED for a limit; else
/// what the source says.
base::StatusOr<Skeleton> ScanWire(const base::ByteSource& file, const LoadLimits& limits);

}  // namespace hadron::onnx
