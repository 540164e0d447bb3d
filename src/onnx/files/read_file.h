#pragma once

#include <cstdint>
#include <string>

#include "base/io_buf.h"
#include "base/status.h"

namespace hadron::onnx {

/// Reads `count` bytes at `offset` of an open file into memory of their own. UNAVAILABLE when the
/// file ends before that or cannot be read.
base::StatusOr<base::IoBuf> ReadRange(int fd, std::uint64_t offset, std::uint64_t count);

/// A whole regular file of at most `max_bytes`. NOT_FOUND when it cannot be opened,
/// INVALID_ARGUMENT when it is no regular file or too large.
base::StatusOr<base::IoBuf> ReadWholeFile(const std::string& path, std::uint64_t max_bytes);

}  // namespace hadron::onnx
