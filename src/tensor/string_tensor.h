#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/io_buf.h"
#include "base/status.h"

namespace hadron::tensor {

/// Strings on the wire (V2 "BYTES"): per element a little-endian uint32 length, then that many
/// bytes. Elements in row-major order.

/// Reads exactly `elements` strings. INVALID_ARGUMENT: "expected <a> string elements for inference
/// input", "unexpected number of string elements", "incomplete string length indicator",
/// "incomplete string data".
base::StatusOr<std::vector<std::string>> DecodeStrings(const base::IoBuf& bytes,
                                                       std::int64_t elements);
/// Walks the length prefixes without copying; same errors as DecodeStrings.
base::Status CheckStrings(const base::IoBuf& bytes, std::int64_t elements);
base::IoBuf EncodeStrings(std::span<const std::string> strings);
/// Chain of `elements` elements starting at element `first`, for splitting a batch; the encoding
/// must have been checked.
base::IoBuf SubStrings(const base::IoBuf& bytes, std::int64_t first, std::int64_t elements);

}  // namespace hadron::tensor
