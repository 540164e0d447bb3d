#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "onnx/limits.h"

namespace hadron::onnx {

/// Walks the bytes of a model file without storing anything and says what parsing them would cost:
/// nodes, initializers, objects, nesting and names are held against the limits *before* protobuf
/// allocates the first message. Linear in the file's size, no recursion. INVALID_ARGUMENT for what
/// is no protobuf message at all, RESOURCE_EXHAUSTED for a limit.
base::Status ScanWire(std::span<const std::byte> file, const LoadLimits& limits);

}  // namespace hadron::onnx
