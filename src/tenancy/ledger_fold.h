#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hadron::tenancy {

/// Beside a journal: what it comes to when the records of each hour are put together.
inline constexpr std::string_view kFoldedSuffix = ".folded";

/// Reads a journal that nobody writes and puts the records of each hour together: `path` +
/// kFoldedSuffix, on disk when this returns. Sums stay what they are, only their resolution becomes
/// the hour; folding what is folded changes nothing. Memory is bounded by the accounts of an hour.
/// INTERNAL when a record is damaged, CANCELLED when `stop` becomes true, UNAVAILABLE when the disk
/// does not take it; nothing is left beside the journal then.
base::Status FoldJournal(const std::string& path, const std::atomic<bool>& stop);

/// The file begins with the header of one that is to be folded.
bool IsUnfolded(const std::string& path);

}  // namespace hadron::tenancy
