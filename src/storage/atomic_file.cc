#include "storage/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace hadron::storage {
namespace {

base::Status SystemError(std::string_view what, const std::string& path) {
  return base::Internal(
      fmt::format("{} '{}': {}", what, path, std::generic_category().message(errno)));
}

/// A rename is on disk when its directory is.
base::Status SyncDirectoryOf(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string directory = parent.empty() ? "." : parent.string();
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError("opening directory", directory);
  const bool synced = fsync(fd) == 0;
  base::Status status = synced ? base::OkStatus() : SystemError("synchronising", directory);
  close(fd);
  return status;
}

}  // namespace

base::StatusOr<AtomicFile> AtomicFile::Create(std::string path) {
  std::string part = path + ".XXXXXX.part";
  constexpr int kSuffix = 5;  // ".part"
  const int fd = mkostemps(part.data(), kSuffix, O_CLOEXEC);
  if (fd < 0) return SystemError("creating", part);
  return AtomicFile(std::move(path), std::move(part), fd);
}

AtomicFile::AtomicFile(std::string path, std::string part, int fd)
    : path_(std::move(path)), part_(std::move(part)), fd_(fd) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      part_(std::move(other.part_)),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(part_.c_str());
}

base::Status AtomicFile::Append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError("writing", part_);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return base::OkStatus();
}

base::Status AtomicFile::Commit() {
  if (fsync(fd_) != 0) return SystemError("synchronising", part_);
  if (std::rename(part_.c_str(), path_.c_str()) != 0) return SystemError("renaming to", path_);
  close(std::exchange(fd_, -1));
  return SyncDirectoryOf(path_);
}

}  // namespace hadron::storage
