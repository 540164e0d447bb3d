#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tenancy/ledger_record.h"

/// The files of a journal, as those see them that write, read and fold it (ledger_journal.h,
/// ledger_fold.h). Functions are thread-safe; they block on the disk.
namespace hadron::tenancy {

/// How a file begins: one to which records are appended, and one whose records have been put
/// together hour by hour. Of equal length, so that the one can be written over the other.
inline constexpr std::string_view kJournalHeader = "HADRON-LEDGER-1\n";
inline constexpr std::string_view kFoldedHeader = "HADRON-LEDGER-H\n";
static_assert(kJournalHeader.size() == kFoldedHeader.size());

inline constexpr std::int64_t kDayMs = 86'400'000;

/// UNAVAILABLE: what failed, with the reason in errno.
base::Status DiskFailure(std::string_view what, const std::string& path);

/// The name of the file of a day since the epoch; of the day of a moment.
std::string NameOfDay(std::int64_t day);
std::string NameOfMoment(std::int64_t ms);
bool IsJournalName(std::string_view name);
/// Names of the journals of a directory, oldest first.
base::StatusOr<std::vector<std::string>> ListJournals(const std::string& directory);

base::StatusOr<std::uint64_t> SizeOf(int fd, const std::string& path);
/// All of it, from there on.
base::Status WriteAt(int fd, std::string_view text, std::uint64_t at, const std::string& path);
base::Status SyncDirectory(const std::string& directory);

/// Whole records of an open file, from its beginning, with bounded memory.
class Scanner {
 public:
  Scanner(int fd, std::uint64_t limit) : fd_(fd), limit_(limit) {}

  /// The next record's bytes; nothing at the end, or where something is damaged.
  base::StatusOr<std::string_view> Next();
  /// Where the record that comes next begins.
  std::uint64_t offset() const { return at_ + last_; }
  bool all_read() const { return at_ + last_ == limit_; }
  /// The file says that it is folded.
  bool folded() const { return folded_; }

 private:
  std::size_t HeaderSize();
  base::StatusOr<bool> Fill();

  const int fd_;
  const std::uint64_t limit_;
  std::string buffer_;
  std::uint64_t at_ = 0;  ///< of the buffer's first byte in the file
  std::size_t last_ = 0;  ///< size of what was handed out, still at the buffer's front
  bool folded_ = false;
};

/// Hands over the records in the first `limit` bytes of a file, or what there is of these, until
/// `visit` fails. INTERNAL, naming file and place, when a record is damaged: sums without it would
/// be wrong and nobody would know.
base::Status ReadJournal(const std::string& path, std::uint64_t limit,
                         const std::function<base::Status(const Record&)>& visit);

}  // namespace hadron::tenancy
