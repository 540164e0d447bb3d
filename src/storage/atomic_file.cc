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

base::Status ResizeFile(int fd, std::uint64_t size, const std::string& path) {
  const auto length = static_cast<off_t>(size);
  if (ftruncate(fd, length) != 0) return SystemError("resizing", path);
  if (size == 0) return {};
  if (fallocate(fd, 0, 0, length) == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return {};
  return SystemError(fmt::format("making room for {} bytes in", size), path);
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
  if (!part_.empty()) unlink(part_.c_str());
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

base::Status AtomicFile::Resize(std::uint64_t size) { return ResizeFile(fd_, size, part_); }

base::Status AtomicFile::Commit() {
  HADRON_RETURN_IF_ERROR(SyncFile());
  HADRON_RETURN_IF_ERROR(Publish(path_));
  close(std::exchange(fd_, -1));
  return SyncDirectoryOf(path_);
}

base::StatusOr<int> AtomicFile::Duplicate() const {
  const int fd = fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return SystemError("opening", path_);
  return fd;
}

base::Status AtomicFile::Publish(std::string path) {
  if (std::rename(part_.c_str(), path.c_str()) != 0) return SystemError("renaming to", path);
  path_ = std::move(path);
  part_.clear();
  return {};
}

base::Status AtomicFile::SyncFile() const {
  return fsync(fd_) == 0 ? base::OkStatus() : SystemError("synchronising", path_);
}

base::Status AtomicFile::Sync() {
  HADRON_RETURN_IF_ERROR(SyncFile());
  return SyncDirectoryOf(path_);
}

base::Status WriteFileAt(int fd, std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError("writing a copy of", "a model file");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

base::StatusOr<int> NamelessFile(const std::string& directory, std::uint64_t size) {
  std::string path = directory + "/hadron.XXXXXX";
  const int fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return SystemError("creating", path);
  unlink(path.c_str());
  base::Status room = ResizeFile(fd, size, path);
  if (room.ok()) return fd;
  close(fd);
  return room;
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
