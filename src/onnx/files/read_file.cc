#include "onnx/files/read_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "base/strings.h"
#include "onnx/files/file_descriptor.h"

namespace hadron::onnx {

using base::IoBuf;
using base::StatusOr;

StatusOr<IoBuf> ReadRange(int fd, std::uint64_t offset, std::uint64_t count) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 30;  // one call reads 2 GiB at most
  std::vector<std::byte> bytes(count);
  std::uint64_t done = 0;
  while (done < count) {
    const ssize_t got = ::pread(fd, bytes.data() + done, std::min(count - done, kMost),
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return base::Unavailable("cannot read: " + std::generic_category().message(errno));
    }
    if (got == 0) return base::Unavailable("the file became shorter while it was read");
    done += static_cast<std::uint64_t>(got);
  }
  return IoBuf::FromVector(std::move(bytes));
}

StatusOr<IoBuf> ReadWholeFile(const std::string& path, std::uint64_t max_bytes) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0) {
    return base::NotFound(fmt::format("cannot open '{}': {}", base::EscapeControl(path),
                                      std::generic_category().message(errno)));
  }
  if (!S_ISREG(info.st_mode)) {
    return base::InvalidArgument(
        fmt::format("'{}' is not a regular file", base::EscapeControl(path)));
  }
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size > max_bytes) {
    return base::InvalidArgument(fmt::format("'{}' has {}, at most {} are allowed",
                                             base::EscapeControl(path), base::HumanBytes(size),
                                             base::HumanBytes(max_bytes)));
  }
  return ReadRange(file.get(), 0, size);
}

}  // namespace hadron::onnx
