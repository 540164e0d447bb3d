#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/status.h"

namespace hadron::storage {

/// A file that appears under its name complete and on disk, or not at all: written as
/// `<path>.<unique>.part`, synchronised, renamed. What was not committed is removed.
/// Move-only; externally synchronised. INTERNAL when the system refuses (disk full, permissions).
///
///     HADRON_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
///     HADRON_RETURN_IF_ERROR(file.Append(bytes));
///     HADRON_RETURN_IF_ERROR(file.Commit());
class AtomicFile {
 public:
  static base::StatusOr<AtomicFile> Create(std::string path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  base::Status Append(std::span<const std::byte> bytes);
  base::Status Commit();

 private:
  AtomicFile(std::string path, std::string part, int fd);

  std::string path_;
  std::string part_;
  int fd_ = -1;
};

}  // namespace hadron::storage
