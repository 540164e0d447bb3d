#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "tenancy/ledger_record.h"

namespace hadron::tenancy {

/// The accounts on disk: in a directory a file for each day (UTC), `2026-11-22.ledger`, to which
/// records (ledger_record.h) are appended. One process at a time has the directory, held by its
/// file `lock`, which also says which of the others is written: what a crash has left half written
/// at its end is cut off at the next start, whatever the clock says then. Files of days that have
/// ended are folded (ledger_fold.h): a new file takes the place of the old one.
/// Externally synchronised, but for the static functions.
class Journal {
 public:
  /// `keep_days`: files of days longer ago are removed; 0 = none ever. UNAVAILABLE, naming the
  /// directory, when it is in use or cannot be written.
  static base::StatusOr<std::unique_ptr<Journal>> Open(std::string directory,
                                                       std::uint64_t keep_days,
                                                       std::int64_t now_ms);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Appends whole records of an interval that began at `from_ms`, and has them on disk when it
  /// returns. After a failure none of them is there: the caller comes again.
  base::Status Append(std::int64_t from_ms, std::string_view records);

  /// A file, and how far it may be read.
  struct Extent {
    std::string file;  ///< its name
    std::uint64_t bytes = 0;
  };
  /// All files with what is whole in them now: who reads no more than that sees nothing that is
  /// written later, in whichever file.
  base::StatusOr<std::vector<Extent>> Extents() const;
  const std::string& directory() const { return directory_; }

  /// Journals of days that had ended by then and are not folded.
  base::StatusOr<std::vector<Extent>> Foldable(std::int64_t now_ms) const;
  /// What FoldJournal has made takes the place of that file; not when the file has changed since.
  base::Status Adopt(const Extent& folded);

  /// Hands over every record that began in [from_ms, to_ms). INTERNAL, naming file and place, when
  /// a record is damaged: sums without it would be wrong and nobody would know. Any thread.
  static base::Status Read(const std::string& directory, const std::vector<Extent>& extents,
                           std::int64_t from_ms, std::int64_t to_ms,
                           const std::function<void(const Record&)>& visit);

 private:
  Journal(std::string directory, std::uint64_t keep_days, int lock)
      : directory_(std::move(directory)), keep_days_(keep_days), lock_(lock) {}
  /// Goes on with the file of that day: cuts off what is not whole.
  base::Status OpenFile(const std::string& name);
  base::Status NoteFile(const std::string& name);
  base::Status Start();
  base::Status Cut();
  base::Status Write(std::string_view text);
  void RemoveOld(std::int64_t now_ms) const;

  const std::string directory_;
  const std::uint64_t keep_days_;
  const int lock_;
  std::string file_;
  int fd_ = -1;
  std::uint64_t size_ = 0;  ///< of whole records that are on disk
  bool dirty_ = false;      ///< there may be more in the file
};

}  // namespace hadron::tenancy
