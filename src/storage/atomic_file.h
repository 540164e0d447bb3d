#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"

namespace hadron::storage {

/// A file that appears under its name complete and on disk, or not at all: written as
/// `<path>.<unique>.part`, synchronised, renamed. What was not committed is removed.
/// While it is written it is locked, so that what a killed process left can be told from what
/// another one is writing. Move-only; externally synchronised. RESOURCE_EXHAUSTED when the disk is
/// full, PERMISSION_DENIED when the place may not be written, INTERNAL otherwise.
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
  /// Makes the file that long, with all its room taken on the disk.
  base::Status Resize(std::uint64_t size);
  base::Status Commit();

  /// Another descriptor of the file, for the caller to close.
  base::StatusOr<int> Duplicate() const;
  /// Gives it this name before it is on disk, for those who check what they find there after a
  /// crash. Sync then puts file and name on disk.
  base::Status Publish(std::string path);
  base::Status Sync();

 private:
  base::Status SyncFile() const;
  AtomicFile(std::string path, std::string part, int fd);

  std::string path_;
  std::string part_;  ///< "" once it has been published
  int fd_ = -1;
};

/// Writes into an open file; errors as AtomicFile's.
base::Status WriteFileAt(int fd, std::uint64_t offset, std::span<const std::byte> bytes);

/// An open file in `directory` that has no name and so much room, for the caller to close.
base::StatusOr<int> NamelessFile(const std::string& directory, std::uint64_t size);

/// Removes "*.part" files of `directory` that no process is writing.
void RemoveStaleParts(const std::string& directory);

}  // namespace hadron::storage
