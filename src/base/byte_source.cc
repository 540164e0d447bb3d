#include "base/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

#include "base/strings.h"

namespace hadron::base {
namespace {

Status CheckRange(const ByteSource& source, std::uint64_t offset, std::uint64_t count) {
  if (offset <= source.size() && count <= source.size() - offset) return {};
  return InvalidArgument(fmt::format("bytes {} to {}+{} lie beyond the end of the file ({} bytes)",
                                     offset, offset, count, source.size()));
}

}  // namespace

Status ReadFileAt(int fd, std::uint64_t offset, std::span<std::byte> to) {
  constexpr std::size_t kMost = std::size_t{1} << 30;  // one call reads 2 GiB at most
  while (!to.empty()) {
    const ssize_t got =
        ::pread(fd, to.data(), std::min(to.size(), kMost), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Unavailable("cannot read: " + std::generic_category().message(errno));
    if (got == 0) return Unavailable("the file became shorter while it was read");
    to = to.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

StatusOr<IoBuf> ReadRange(const ByteSource& source, std::uint64_t offset, std::uint64_t count) {
  HADRON_RETURN_IF_ERROR(CheckRange(source, offset, count));
  if (count == 0) return IoBuf();
  std::shared_ptr<std::byte[]> bytes;
  try {
    bytes = std::make_shared_for_overwrite<std::byte[]>(count);
  } catch (const std::bad_alloc&) {
    return ResourceExhausted(fmt::format("no memory for {} bytes", count));
  }
  const std::span<std::byte> all(bytes.get(), count);
  HADRON_RETURN_IF_ERROR(source.Read(offset, all));
  return IoBuf::Wrap(all, bytes);
}

Status BufferSource::Read(std::uint64_t offset, std::span<std::byte> to) const {
  HADRON_RETURN_IF_ERROR(CheckRange(*this, offset, to.size()));
  if (!to.empty()) std::memcpy(to.data(), bytes_.bytes().data() + offset, to.size());
  return {};
}

StatusOr<std::shared_ptr<const FileSource>> FileSource::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat info {};
  if (fd < 0 || ::fstat(fd, &info) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    return NotFound(fmt::format("cannot open '{}': {}", EscapeControl(path),
                                std::generic_category().message(error)));
  }
  auto file = std::make_shared<const FileSource>(fd, info);
  if (S_ISREG(info.st_mode)) return file;
  return InvalidArgument(fmt::format("'{}' is not a regular file", EscapeControl(path)));
}

FileSource::~FileSource() { ::close(fd_); }

Status FileSource::Read(std::uint64_t offset, std::span<std::byte> to) const {
  HADRON_RETURN_IF_ERROR(CheckRange(*this, offset, to.size()));
  return ReadFileAt(fd_, offset, to);
}

Status FileSource::Settle() const {
  struct stat now {};
  if (::fstat(fd_, &now) == 0 && now.st_size == info_.st_size &&
      now.st_mtim.tv_sec == info_.st_mtim.tv_sec && now.st_mtim.tv_nsec == info_.st_mtim.tv_nsec) {
    return {};
  }
  return Unavailable(
      "a file of the model changed while it was read; replace files by renaming new ones to them");
}

}  // namespace hadron::base
