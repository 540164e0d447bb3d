#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace hadron::tenancy {

/// What the directory of the ledger remembers of its copy in a database: since when there is one,
/// and under which names it was written, so that after a crash the database can be asked how far it
/// is. A file `copied.json` beside the journals. A value.
struct CopyRecord {
  std::int64_t since_ms = 0;
  std::vector<std::string> instances;  ///< oldest first, at most kMostInstances

  static constexpr std::size_t kMostInstances = 16;

  /// The record of a file, empty where there is none. INVALID_ARGUMENT, naming the file and the
  /// remedy, for what is none.
  static base::StatusOr<CopyRecord> Read(const std::string& file);
  /// Whole or not at all. UNAVAILABLE, naming the file.
  base::Status Write(const std::string& file) const;
  /// True when that changes something.
  bool Add(const std::string& instance);
};

}  // namespace hadron::tenancy
