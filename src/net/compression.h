#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/io_buf.h"
#include "base/status.h"

namespace hadron::net {

/// Content codings the server speaks: gzip, and "deflate" in zlib's format.
enum class ContentCoding : std::uint8_t { kIdentity, kGzip, kDeflate };

/// "gzip", "deflate", "identity".
std::string_view ContentCodingName(ContentCoding coding);

/// Reads a Content-Encoding value; absent or empty is identity. UNIMPLEMENTED: "Unsupported
/// compression type ...".
base::StatusOr<ContentCoding> ParseContentEncoding(std::optional<std::string_view> value);

/// The coding of the highest weight in an Accept-Encoding value; the first wins a tie, a malformed
/// weight is skipped, identity when nothing of ours is accepted.
ContentCoding ChooseCoding(std::optional<std::string_view> accept_encoding);

/// Undoes a coding. INVALID_ARGUMENT when the stream is empty, corrupt or truncated, or inflates to
/// more than `max_bytes`: memory grows with what really comes out, never past the limit.
base::StatusOr<base::IoBuf> Decompress(const base::IoBuf& body, ContentCoding coding,
                                       std::uint64_t max_bytes);
/// Applies a coding. INTERNAL when zlib fails.
base::StatusOr<base::IoBuf> Compress(const base::IoBuf& body, ContentCoding coding);

}  // namespace hadron::net
