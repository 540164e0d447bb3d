#include "storage/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace hadron::storage {
namespace {

base::Status SystemError(std::string_view what, const std::string& path) {
  const int code = errno;
  std::string text = fmt::format("{} '{}': {}", what, path, std::generic_category().message(code));
  switch (code) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return base::ResourceExhausted(std::move(text));
    case EACCES:
    case EPERM:
    case EROFS:
      return base::PermissionDenied(std::move(text));
    default:
      return base::Internal(std::move(text));
  }
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
  flock(fd, LOCK_EX | LOCK_NB);  // nobody else knows the file yet; systems without locks do without
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

base::Status AtomicFile::Resize(std::uint64_t size) {
  const auto length = static_cast<off_t>(size);
  if (ftruncate(fd_, length) != 0) return SystemError("resizing", part_);
  if (size == 0) return {};
  if (fallocate(fd_, 0, 0, length) == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return {};
  return SystemError(fmt::format("making room for {} bytes in", size), part_);
}

base::Status AtomicFile::WriteAt(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError("writing", part_);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

base::Status AtomicFile::ReadAt(std::uint64_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    const ssize_t got = pread(fd_, to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError("reading", part_);
    if (got == 0) return base::Internal(fmt::format("reading '{}' beyond its end", part_));
    to = to.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

base::Status AtomicFile::Commit() {
  if (fsync(fd_) != 0) return SystemError("synchronising", part_);
  if (std::rename(part_.c_str(), path_.c_str()) != 0) return SystemError("renaming to", path_);
  close(std::exchange(fd_, -1));
  return SyncDirectoryOf(path_);
}

void RemoveStaleParts(const std::string& directory) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".part")) continue;
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) continue;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) unlink(path.c_str());
    close(fd);
  }
}

}  // namespace hadron::storage
