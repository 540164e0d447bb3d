#include "tenancy/ledger_fold.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "tenancy/descriptor.h"
#include "tenancy/journal_files.h"
#include "tenancy/ledger_record.h"

namespace hadron::tenancy {
namespace {

using base::Status;

constexpr std::int64_t kHourMs = 3'600'000;

/// Writes records to a file, those of an hour as one, as long as they come in order: one that comes
/// later begins its hour anew, which is as right and takes a little more room.
class HourWriter {
 public:
  HourWriter(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  Status Begin() { return Append(kFoldedHeader); }
  Status Add(const Record& record) {
    const std::int64_t hour = record.from_ms / kHourMs;
    if (hour != hour_) HADRON_RETURN_IF_ERROR(Flush());
    from_ms_ = sums_.empty() ? record.from_ms : std::min(from_ms_, record.from_ms);
    to_ms_ = sums_.empty() ? record.to_ms : std::max(to_ms_, record.to_ms);
    hour_ = hour;
    for (const UsageRow& row : record.rows) sums_[row.key] += row.usage;
    return {};
  }
  Status Flush() {
    std::vector<UsageRow> rows;
    rows.reserve(sums_.size());
    for (const auto& [key, usage] : sums_) rows.push_back({key, usage});
    sums_.clear();
    for (std::span<const UsageRow> left(rows); !left.empty();) {
      const std::size_t count = std::min(left.size(), kMaxRecordRows);
      HADRON_RETURN_IF_ERROR(Append(EncodeRecord(from_ms_, to_ms_, left.subspan(0, count))));
      left = left.subspan(count);
    }
    return {};
  }

 private:
  Status Append(std::string_view text) {
    HADRON_RETURN_IF_ERROR(WriteAt(fd_, text, size_, path_));
    size_ += text.size();
    return {};
  }

  const int fd_;
  const std::string path_;
  std::uint64_t size_ = 0;
  std::int64_t hour_ = 0;
  std::int64_t from_ms_ = 0;
  std::int64_t to_ms_ = 0;
  std::map<AccountKey, Usage> sums_;
};

Status WriteFolded(const std::string& path, const std::string& folded,
                   const std::atomic<bool>& stop) {
  const Descriptor fd(
      open(folded.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0) return DiskFailure("opening", folded);
  HourWriter writer(fd.get(), folded);
  HADRON_RETURN_IF_ERROR(writer.Begin());
  HADRON_RETURN_IF_ERROR(ReadJournal(path, UINT64_MAX, [&](const Record& record) -> Status {
    if (stop.load()) return base::Cancelled("the server ends");
    return writer.Add(record);
  }));
  HADRON_RETURN_IF_ERROR(writer.Flush());
  return fsync(fd.get()) == 0 ? base::OkStatus() : DiskFailure("synchronising", folded);
}

}  // namespace

Status FoldJournal(const std::string& path, const std::atomic<bool>& stop) {
  const std::string folded = path + std::string(kFoldedSuffix);
  Status status = WriteFolded(path, folded, stop);
  if (!status.ok()) unlink(folded.c_str());
  return status;
}

bool IsUnfolded(const std::string& path) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::array<char, kJournalHeader.size()> header{};
  return fd.get() >= 0 &&
         pread(fd.get(), header.data(), header.size(), 0) == static_cast<ssize_t>(header.size()) &&
         std::string_view(header.data(), header.size()) == kJournalHeader;
}

}  // namespace hadron::tenancy
