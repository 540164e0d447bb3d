#include "model/image_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <span>
#include <utility>
#include <vector>

#include "base/byte_source.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "storage/atomic_file.h"

namespace hadron::model {

using base::StatusOr;

ImageFile::~ImageFile() {
  close(fd_);
  files_.used_.fetch_sub(bytes_);
}

StatusOr<std::shared_ptr<const plan::WeightImage>> ImageFile::Read(
    const plan::WeightImage& table, device::Device& host, const std::string& owner,
    plan::SharedSegments& shared) const {
  std::vector<std::shared_ptr<device::DeviceBuffer>> copies;
  std::uint64_t missing = 0;
  for (const auto& segment : table.segments()) {
    copies.push_back(shared.Find(segment.hash));
    if (copies.back() == nullptr) missing += segment.bytes;
  }
  HADRON_ASSIGN_OR_RETURN(auto memory, host.memory().Reserve(owner, missing));
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    const auto& segment = table.segments()[i];
    if (copies[i] == nullptr) {
      HADRON_ASSIGN_OR_RETURN(copies[i], host.Allocate(memory.Split(segment.bytes), segment.bytes));
      const std::span<std::byte> bytes(copies[i]->host(), segment.bytes);
      HADRON_RETURN_IF_ERROR(base::ReadFileAt(fd_, at, bytes));
      // Others would take them for the same content.
      if (base::Sha256::Of(bytes) != segment.hash) {
        return base::Unavailable("the disk gave back other bytes than were written");
      }
      copies[i] = shared.Share(segment.hash, std::move(copies[i]));
    }
    at += segment.bytes;
  }
  return table.Over(std::move(copies));
}

StatusOr<std::shared_ptr<const ImageFile>> ImageFiles::Write(const plan::WeightImage& image) {
  if (directory_.empty()) {
    return base::Unavailable("there is no directory for them; give one with --cache-dir");
  }
  const std::uint64_t bytes = image.total_bytes();
  if (used_.fetch_add(bytes) + bytes > budget_) {
    used_.fetch_sub(bytes);
    return base::ResourceExhausted(
        fmt::format("they take {}, {} are in use of the {} of --cache-budget",
                    base::HumanBytes(bytes), base::HumanBytes(used_), base::HumanBytes(budget_)));
  }
  auto fd = storage::NamelessFile(directory_, bytes);
  if (!fd.ok()) {
    used_.fetch_sub(bytes);
    return std::move(fd).status();
  }
  // From here on the object gives both back.
  std::shared_ptr<const ImageFile> file(new ImageFile(*this, *fd, bytes));  // NOLINT: private
  std::uint64_t at = 0;
  for (const auto& segment : image.segments()) {
    HADRON_RETURN_IF_ERROR(storage::WriteFileAt(*fd, at, {segment.host->host(), segment.bytes}));
    at += segment.bytes;
  }
  return file;
}

}  // namespace hadron::model
