#include "tenancy/journal_files.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "tenancy/descriptor.h"

namespace hadron::tenancy {
namespace {

namespace fs = std::filesystem;

using base::Status;
using base::StatusOr;

constexpr std::string_view kSuffix = ".ledger";
/// The first and last day that have names of equal length, so that names sort as days do.
constexpr std::int64_t kFirstDay = 0;
constexpr std::int64_t kLastDay = 2'900'000;
constexpr std::size_t kReadBytes = std::size_t{1} << 20U;

}  // namespace

Status DiskFailure(std::string_view what, const std::string& path) {
  const int code = errno;
  return base::Unavailable(
      fmt::format("{} '{}': {}", what, path, std::generic_category().message(code)));
}

std::string NameOfDay(std::int64_t day) {
  const auto seconds =
      static_cast<std::time_t>(std::clamp(day, kFirstDay, kLastDay) * kDayMs / 1000);
  return fmt::format("{:%Y-%m-%d}{}", fmt::gmtime(seconds), kSuffix);
}

std::string NameOfMoment(std::int64_t ms) {
  return NameOfDay(std::max<std::int64_t>(ms, 0) / kDayMs);
}

bool IsJournalName(std::string_view name) {
  constexpr std::string_view kPattern = "dddd-dd-dd";
  if (name.size() != kPattern.size() + kSuffix.size() || !name.ends_with(kSuffix)) return false;
  return std::equal(kPattern.begin(), kPattern.end(), name.begin(), [](char form, char c) {
    return form == 'd' ? c >= '0' && c <= '9' : c == form;
  });
}

StatusOr<std::vector<std::string>> ListJournals(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    std::string name = at->path().filename().string();
    if (IsJournalName(name)) names.push_back(std::move(name));
  }
  if (error) {
    return base::Unavailable(
        fmt::format("listing the ledger '{}': {}", directory, error.message()));
  }
  std::ranges::sort(names);
  return names;
}

StatusOr<std::uint64_t> SizeOf(int fd, const std::string& path) {
  struct stat facts {};
  if (fstat(fd, &facts) != 0) return DiskFailure("looking at", path);
  return static_cast<std::uint64_t>(facts.st_size);
}

Status WriteAt(int fd, std::string_view text, std::uint64_t at, const std::string& path) {
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t written = pwrite(fd, left.data(), left.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return DiskFailure("writing the journal", path);
    left.remove_prefix(static_cast<std::size_t>(written));
    at += static_cast<std::uint64_t>(written);
  }
  return {};
}

Status SyncDirectory(const std::string& directory) {
  const Descriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return DiskFailure("opening the directory", directory);
  return fsync(fd.get()) == 0 ? base::OkStatus() : DiskFailure("synchronising", directory);
}

StatusOr<std::string_view> Scanner::Next() {
  buffer_.erase(0, last_);
  at_ += last_;
  last_ = 0;
  for (;;) {
    const std::size_t whole = at_ == 0 ? HeaderSize() : RecordSize(buffer_).value_or(0);
    if (whole > 0 && at_ == 0) {
      buffer_.erase(0, whole);
      at_ = whole;
      continue;
    }
    if (whole > 0) {
      last_ = whole;
      return std::string_view(buffer_).substr(0, whole);
    }
    HADRON_ASSIGN_OR_RETURN(const bool more, Fill());
    if (!more) return std::string_view();
  }
}

std::size_t Scanner::HeaderSize() {
  folded_ = buffer_.starts_with(kFoldedHeader);
  return folded_ || buffer_.starts_with(kJournalHeader) ? kJournalHeader.size() : 0;
}

StatusOr<bool> Scanner::Fill() {
  const std::uint64_t from = at_ + buffer_.size();
  // A record that is not whole with as many bytes as any may have never will be.
  const bool hopeless = buffer_.size() > kMaxRecordBytes + kRecordPrefix;
  const std::size_t want = std::min<std::uint64_t>(kReadBytes, limit_ - std::min(limit_, from));
  if (want == 0 || hopeless) return false;
  const std::size_t before = buffer_.size();
  buffer_.resize(before + want);
  ssize_t got = -1;
  do {
    got = pread(fd_, buffer_.data() + before, want, static_cast<off_t>(from));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return DiskFailure("reading a journal in", "--ledger-dir");
  buffer_.resize(before + static_cast<std::size_t>(got));
  return got > 0;
}

Status ReadJournal(const std::string& path, std::uint64_t limit,
                   const std::function<Status(const Record&)>& visit) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd.get() < 0) return DiskFailure("opening the journal", path);
  HADRON_ASSIGN_OR_RETURN(const std::uint64_t size, SizeOf(fd.get(), path));
  Scanner scanner(fd.get(), std::min(size, limit));
  for (;;) {
    HADRON_ASSIGN_OR_RETURN(const std::string_view text, scanner.Next());
    const std::uint64_t from = scanner.offset() - text.size();
    auto record = text.empty() ? std::optional<Record>() : DecodeRecord(text);
    if (!record && text.empty() && scanner.all_read()) return {};
    if (!record) {
      return base::Internal(fmt::format(
          "the journal '{}' is damaged at byte {}: restore it from a copy, or cut it there "
          "(truncate -s {}), or move it away",
          path, from, from));
    }
    HADRON_RETURN_IF_ERROR(visit(*record));
  }
}

}  // namespace hadron::tenancy
