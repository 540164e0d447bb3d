#include "tenancy/ledger_journal.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/log.h"
#include "tenancy/descriptor.h"

namespace hadron::tenancy {
namespace {

namespace fs = std::filesystem;

using base::Status;
using base::StatusOr;

constexpr std::string_view kHeader = "HADRON-LEDGER-1\n";
constexpr std::string_view kSuffix = ".ledger";
constexpr std::int64_t kDayMs = 86'400'000;
/// The first and last day that have names of equal length, so that names sort as days do.
constexpr std::int64_t kFirstDay = 0;
constexpr std::int64_t kLastDay = 2'900'000;
constexpr std::size_t kReadBytes = std::size_t{1} << 20U;

Status Failure(std::string_view what, const std::string& path) {
  const int code = errno;
  return base::Unavailable(
      fmt::format("{} '{}': {}", what, path, std::generic_category().message(code)));
}

std::string NameOfDay(std::int64_t day) {
  const auto seconds =
      static_cast<std::time_t>(std::clamp(day, kFirstDay, kLastDay) * kDayMs / 1000);
  return fmt::format("{:%Y-%m-%d}{}", fmt::gmtime(seconds), kSuffix);
}

std::string NameOf(std::int64_t ms) { return NameOfDay(std::max<std::int64_t>(ms, 0) / kDayMs); }

bool IsJournalName(std::string_view name) {
  constexpr std::string_view kPattern = "dddd-dd-dd";
  if (name.size() != kPattern.size() + kSuffix.size() || !name.ends_with(kSuffix)) return false;
  return std::equal(kPattern.begin(), kPattern.end(), name.begin(), [](char form, char c) {
    return form == 'd' ? c >= '0' && c <= '9' : c == form;
  });
}

/// Names of the journals, oldest first.
StatusOr<std::vector<std::string>> List(const std::string& directory) {
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

/// Whole records of a file, from its beginning, with bounded memory.
class Scanner {
 public:
  Scanner(int fd, std::uint64_t limit) : fd_(fd), limit_(limit) {}

  /// The next record's bytes; nothing at the end, or where something is damaged.
  StatusOr<std::string_view> Next() {
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
  /// Where the record that comes next begins.
  std::uint64_t offset() const { return at_ + last_; }
  bool all_read() const { return at_ + last_ == limit_; }

 private:
  std::size_t HeaderSize() const { return buffer_.starts_with(kHeader) ? kHeader.size() : 0; }

  StatusOr<bool> Fill() {
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
    if (got < 0) return Failure("reading a journal in", "--ledger-dir");
    buffer_.resize(before + static_cast<std::size_t>(got));
    return got > 0;
  }

  const int fd_;
  const std::uint64_t limit_;
  std::string buffer_;
  std::uint64_t at_ = 0;  ///< of the buffer's first byte in the file
  std::size_t last_ = 0;  ///< size of what was handed out, still at the buffer's front
};

StatusOr<std::uint64_t> SizeOf(int fd, const std::string& path) {
  struct stat facts {};
  if (fstat(fd, &facts) != 0) return Failure("looking at", path);
  return static_cast<std::uint64_t>(facts.st_size);
}

Status ReadFile(const std::string& path, const Journal::Extent& extent,
                const std::function<void(const Record&)>& visit) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd.get() < 0) return Failure("opening the journal", path);
  HADRON_ASSIGN_OR_RETURN(std::uint64_t size, SizeOf(fd.get(), path));
  size = std::min(size, extent.bytes);
  Scanner scanner(fd.get(), size);
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
    visit(*record);
  }
}

Status SyncDirectory(const std::string& directory) {
  const Descriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return Failure("opening the directory", directory);
  return fsync(fd.get()) == 0 ? base::OkStatus() : Failure("synchronising", directory);
}

StatusOr<int> Lock(const std::string& directory) {
  const std::string path = directory + "/lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return Failure("opening", path).With("--ledger-dir");
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  Status status =
      errno == EWOULDBLOCK
          ? base::Unavailable(fmt::format("--ledger-dir={}: another server writes there (it holds "
                                          "'{}'); give each server a directory of its own",
                                          directory, path))
          : Failure("locking", path).With("--ledger-dir");
  close(fd);
  return status;
}

}  // namespace

StatusOr<std::unique_ptr<Journal>> Journal::Open(std::string directory, std::uint64_t keep_days,
                                                 std::int64_t now_ms) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    return base::Unavailable(fmt::format("--ledger-dir={}: {}", directory, error.message()));
  }
  HADRON_ASSIGN_OR_RETURN(const int lock, Lock(directory));
  auto journal = std::unique_ptr<Journal>(  // NOLINT: private constructor
      new Journal(std::move(directory), keep_days, lock));
  // The file that was written last may have a torn end, and need not be of today.
  HADRON_ASSIGN_OR_RETURN(std::vector<std::string> names, List(journal->directory_));
  Status status = names.empty() ? base::OkStatus() : journal->OpenFile(names.back());
  if (status.ok()) status = journal->OpenFile(NameOf(now_ms));
  if (!status.ok()) return std::move(status).With("--ledger-dir");
  journal->RemoveOld(now_ms);
  return journal;
}

Journal::~Journal() {
  if (fd_ >= 0) close(fd_);
  close(lock_);
}

Status Journal::OpenFile(const std::string& name) {
  const std::string path = directory_ + "/" + name;
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return Failure("opening the journal", path);
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
  file_.clear();  // until it is known what the file holds
  HADRON_ASSIGN_OR_RETURN(const std::uint64_t there, SizeOf(fd_, path));
  Scanner scanner(fd_, there);
  for (;;) {
    HADRON_ASSIGN_OR_RETURN(const std::string_view record, scanner.Next());
    if (record.empty()) break;
  }
  file_ = name;
  size_ = scanner.offset();
  dirty_ = size_ < there;
  if (dirty_) {
    base::LogWarning("the end of a journal was not whole and is cut off",
                     {{"file", path}, {"kept_bytes", size_}, {"cut_bytes", there - size_}});
  }
  return Start();
}

/// A file that is new, or was cut down to nothing, begins with the header.
Status Journal::Start() {
  HADRON_RETURN_IF_ERROR(Cut());
  if (size_ > 0) return {};
  HADRON_RETURN_IF_ERROR(Write(kHeader));
  return SyncDirectory(directory_);
}

Status Journal::Cut() {
  if (!dirty_) return {};
  if (ftruncate(fd_, static_cast<off_t>(size_)) != 0 || fsync(fd_) != 0) {
    return Failure("cutting the journal", file_);
  }
  dirty_ = false;
  return {};
}

Status Journal::Write(std::string_view text) {
  dirty_ = true;
  std::uint64_t at = size_;
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t written = pwrite(fd_, left.data(), left.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failure("writing the journal", file_);
    left.remove_prefix(static_cast<std::size_t>(written));
    at += static_cast<std::uint64_t>(written);
  }
  if (fsync(fd_) != 0) return Failure("synchronising the journal", file_);
  size_ = at;
  dirty_ = false;
  return {};
}

Status Journal::Append(std::int64_t from_ms, std::string_view records) {
  const std::string name = NameOf(from_ms);
  if (name != file_) {
    if (!file_.empty()) HADRON_RETURN_IF_ERROR(Cut());
    HADRON_RETURN_IF_ERROR(OpenFile(name));
    RemoveOld(from_ms);
  }
  HADRON_RETURN_IF_ERROR(Start());
  Status status = Write(records);
  // What came to lie there must not be taken for records once more is written behind it; if it
  // cannot be cut now, it is before the next record.
  if (!status.ok()) (void)Cut().ok();
  return status;
}

void Journal::RemoveOld(std::int64_t now_ms) const {
  const std::int64_t today = now_ms / kDayMs;
  const auto keep = static_cast<std::int64_t>(std::min<std::uint64_t>(keep_days_, kLastDay));
  if (keep == 0 || keep >= today) return;
  const std::string oldest = NameOfDay(today - keep);
  const auto names = List(directory_);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (name >= oldest) break;
    unlink((directory_ + "/" + name).c_str());
    base::LogInfo("an old journal is removed", {{"file", name}});
  }
}

StatusOr<std::vector<Journal::Extent>> Journal::Extents() const {
  HADRON_ASSIGN_OR_RETURN(const std::vector<std::string> names, List(directory_));
  std::vector<Extent> extents;
  for (const std::string& name : names) {
    const std::string path = directory_ + "/" + name;
    struct stat facts {};
    if (stat(path.c_str(), &facts) != 0) return Failure("looking at", path);
    const auto size = static_cast<std::uint64_t>(facts.st_size);
    extents.push_back({name, name == file_ ? size_ : size});
  }
  return extents;
}

Status Journal::Read(const std::string& directory, const std::vector<Extent>& extents,
                     std::int64_t from_ms, std::int64_t to_ms,
                     const std::function<void(const Record&)>& visit) {
  const std::string first = NameOf(from_ms);
  const std::string last = NameOf(to_ms);
  for (const Extent& extent : extents) {
    if (extent.file < first || extent.file > last) continue;
    HADRON_RETURN_IF_ERROR(
        ReadFile(directory + "/" + extent.file, extent, [&](const Record& record) {
          if (record.from_ms >= from_ms && record.from_ms < to_ms) visit(record);
        }));
  }
  return {};
}

}  // namespace hadron::tenancy
