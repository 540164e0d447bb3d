#include "tenancy/ledger_journal.h"

#include <fcntl.h>
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
#include "tenancy/journal_files.h"
#include "tenancy/ledger_fold.h"

namespace hadron::tenancy {
namespace {

namespace fs = std::filesystem;

using base::Status;
using base::StatusOr;

constexpr std::uint64_t kForEver = 2'900'000;  // days
constexpr std::size_t kMaxJournalName = 64;

StatusOr<int> Lock(const std::string& directory) {
  const std::string path = directory + "/lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return DiskFailure("opening", path).With("--ledger-dir");
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  Status status =
      errno == EWOULDBLOCK
          ? base::Unavailable(fmt::format("--ledger-dir={}: another server writes there (it holds "
                                          "'{}'); give each server a directory of its own",
                                          directory, path))
          : DiskFailure("locking", path).With("--ledger-dir");
  close(fd);
  return status;
}

/// The journal that was written last; nothing when that is not said.
std::string WrittenLast(int lock) {
  std::string name(kMaxJournalName, '\0');
  const ssize_t got = pread(lock, name.data(), name.size(), 0);
  name.resize(static_cast<std::size_t>(std::max<ssize_t>(0, got)));
  return name;
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
  // The file that was written last may have a torn end, and need not be of today; nor the youngest,
  // for clocks are set back.
  HADRON_ASSIGN_OR_RETURN(std::vector<std::string> names, ListJournals(journal->directory_));
  const std::string last = WrittenLast(lock);
  Status status = std::ranges::count(names, last) > 0 ? journal->OpenFile(last) : base::OkStatus();
  if (status.ok() && !names.empty()) status = journal->OpenFile(names.back());
  if (status.ok()) status = journal->OpenFile(NameOfMoment(now_ms));
  if (!status.ok()) return std::move(status).With("--ledger-dir");
  journal->RemoveOld(now_ms);
  for (const std::string& name : names) {  // a crash may have left it half written
    unlink((journal->directory_ + "/" + name + std::string(kFoldedSuffix)).c_str());
  }
  return journal;
}

Journal::~Journal() {
  if (fd_ >= 0) close(fd_);
  close(lock_);
}

/// Before anything is written to it: if the name gets lost half written, nothing is torn.
Status Journal::NoteFile(const std::string& name) {
  const std::string path = directory_ + "/lock";
  if (WrittenLast(lock_) == name) return {};
  HADRON_RETURN_IF_ERROR(WriteAt(lock_, name, 0, path));
  if (ftruncate(lock_, static_cast<off_t>(name.size())) != 0 || fsync(lock_) != 0) {
    return DiskFailure("writing", path);
  }
  return {};
}

Status Journal::OpenFile(const std::string& name) {
  HADRON_RETURN_IF_ERROR(NoteFile(name));
  const std::string path = directory_ + "/" + name;
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return DiskFailure("opening the journal", path);
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
  file_.clear();  // until it is known what the file holds
  HADRON_ASSIGN_OR_RETURN(const std::uint64_t there, SizeOf(fd_, path));
  Scanner scanner(fd_, there);
  for (;;) {
    HADRON_ASSIGN_OR_RETURN(const std::string_view record, scanner.Next());
    if (record.empty()) break;
  }
  if (scanner.folded()) HADRON_RETURN_IF_ERROR(WriteAt(fd_, kJournalHeader, 0, path));
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
  HADRON_RETURN_IF_ERROR(Write(kJournalHeader));
  return SyncDirectory(directory_);
}

Status Journal::Cut() {
  if (!dirty_) return {};
  if (ftruncate(fd_, static_cast<off_t>(size_)) != 0 || fsync(fd_) != 0) {
    return DiskFailure("cutting the journal", file_);
  }
  dirty_ = false;
  return {};
}

Status Journal::Write(std::string_view text) {
  dirty_ = true;
  HADRON_RETURN_IF_ERROR(WriteAt(fd_, text, size_, file_));
  if (fsync(fd_) != 0) return DiskFailure("synchronising the journal", file_);
  size_ += text.size();
  dirty_ = false;
  return {};
}

Status Journal::Append(std::int64_t from_ms, std::string_view records) {
  const std::string name = NameOfMoment(from_ms);
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
  const auto keep = static_cast<std::int64_t>(std::min<std::uint64_t>(keep_days_, kForEver));
  if (keep == 0 || keep >= today) return;
  const std::string oldest = NameOfDay(today - keep);
  const auto names = ListJournals(directory_);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (name >= oldest) break;
    unlink((directory_ + "/" + name).c_str());
    base::LogInfo("an old journal is removed", {{"file", name}});
  }
}

StatusOr<std::vector<Journal::Extent>> Journal::Extents() const {
  HADRON_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListJournals(directory_));
  std::vector<Extent> extents;
  for (const std::string& name : names) {
    const std::string path = directory_ + "/" + name;
    struct stat facts {};
    if (stat(path.c_str(), &facts) != 0) return DiskFailure("looking at", path);
    const auto size = static_cast<std::uint64_t>(facts.st_size);
    extents.push_back({name, name == file_ ? size_ : size});
  }
  return extents;
}

StatusOr<std::vector<Journal::Extent>> Journal::Foldable(std::int64_t now_ms) const {
  HADRON_ASSIGN_OR_RETURN(std::vector<Extent> extents, Extents());
  const std::string today = NameOfMoment(now_ms);
  std::erase_if(extents, [&](const Extent& extent) {
    return extent.file == file_ || extent.file >= today ||
           !IsUnfolded(directory_ + "/" + extent.file);
  });
  return extents;
}

Status Journal::Adopt(const Extent& folded) {
  const std::string path = directory_ + "/" + folded.file;
  const std::string made = path + std::string(kFoldedSuffix);
  struct stat facts {};
  const bool same = folded.file != file_ && stat(path.c_str(), &facts) == 0 &&
                    static_cast<std::uint64_t>(facts.st_size) == folded.bytes;
  if (!same) {  // a clock that was set back, or it was so old that it has gone
    unlink(made.c_str());
    return {};
  }
  if (rename(made.c_str(), path.c_str()) != 0) return DiskFailure("renaming", made);
  return SyncDirectory(directory_);
}

Status Journal::Read(const std::string& directory, const std::vector<Extent>& extents,
                     std::int64_t from_ms, std::int64_t to_ms,
                     const std::function<void(const Record&)>& visit) {
  const std::string first = NameOfMoment(from_ms);
  const std::string last = NameOfMoment(to_ms);
  for (const Extent& extent : extents) {
    if (extent.file < first || extent.file > last) continue;
    HADRON_RETURN_IF_ERROR(ReadJournal(directory + "/" + extent.file, extent.bytes,
                                       [&](const Record& record) -> Status {
                                         if (record.from_ms >= from_ms && record.from_ms < to_ms)
                                           visit(record);
                                         return {};
                                       }));
  }
  return {};
}

}  // namespace hadron::tenancy
