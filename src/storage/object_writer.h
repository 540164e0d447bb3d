#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/io_buf.h"
#include "base/status.h"

namespace hadron::storage {

/// Write access to a place that an ObjectStore reads. For tools that publish models; the server
/// never writes. Names as ObjectStore's. An object appears complete or not at all.
///
/// Thread-safe. Errors as ObjectStore's.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;

  virtual const std::string& url() const = 0;
  virtual base::Status Put(std::string_view name, const base::IoBuf& bytes) = 0;
  /// Large files go in parts; an upload that fails leaves none behind. `progress` as FetchOptions'.
  virtual base::Status PutFile(
      std::string_view name, const std::string& path,
      const std::function<bool(std::uint64_t, std::uint64_t)>& progress) = 0;
  /// OK where there is no such object.
  virtual base::Status Remove(std::string_view name) = 0;
};

}  // namespace hadron::storage
