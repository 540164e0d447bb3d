#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/io_buf.h"
#include "base/status.h"

namespace hadron::storage {

struct PutOptions {
  /// As FetchOptions'.
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress{};
  /// Called once, when little but the object's appearance is left to do: here goes what has to be
  /// there before it. A failure ends the upload.
  std::function<base::Status()> before_visible{};
};

/// Write access to a place that an ObjectStore reads. For tools that publish models; the server
/// never writes. Names as ObjectStore's. An object appears complete or not at all.
///
/// Thread-safe. Errors as ObjectStore's.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;

  virtual const std::string& url() const = 0;
  virtual base::Status Put(std::string_view name, const base::IoBuf& bytes) = 0;
  /// Large files go in parts; an upload that fails leaves none behind.
  virtual base::Status PutFile(std::string_view name, const std::string& path,
                               const PutOptions& options) = 0;
  /// Hexadecimal SHA-256 of an object's bytes; nothing where there is no such object, or where the
  /// place does not say and finding out would mean to fetch it.
  virtual base::StatusOr<std::optional<std::string>> Sha256Of(std::string_view name) = 0;
  /// OK where there is no such object.
  virtual base::Status Remove(std::string_view name) = 0;
};

}  // namespace hadron::storage
