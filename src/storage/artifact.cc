#include "storage/artifact.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "storage/atomic_file.h"

namespace hadron::storage {

Artifact::~Artifact() { close(fd_); }

base::Status Artifact::Read(std::uint64_t offset, std::span<std::byte> to) const {
  HADRON_RETURN_IF_ERROR(arrival_.WaitFor(offset, to.size()));
  return base::ReadFileAt(fd_, offset, to);
}

base::Status Artifact::Write(std::uint64_t offset, std::span<const std::byte> bytes) const {
  const std::uint64_t end = offset + bytes.size();
  for (std::uint64_t at = offset; at < end;) {
    const auto missing = arrival_.Missing(at, end);
    if (!missing) break;
    const auto some = bytes.subspan(missing->begin - offset, missing->end - missing->begin);
    HADRON_RETURN_IF_ERROR(WriteFileAt(fd_, missing->begin, some));
    arrival_.Add(missing->begin, missing->end);
    at = missing->end;
  }
  return {};
}

base::Status Artifact::ReadBack(std::uint64_t offset, std::span<std::byte> to) const {
  return base::ReadFileAt(fd_, offset, to);
}

base::Status ArtifactTarget::Begin(std::uint64_t size) {
  if (size == artifact_.size()) return {};
  return base::Unavailable(
      fmt::format("the object has {} bytes, the listing says {}", size, artifact_.size()));
}

}  // namespace hadron::storage
