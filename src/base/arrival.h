#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/status.h"
#include "base/sync.h"

namespace hadron::base {

/// Which bytes of something are there already: whoever brings them says so, whoever needs some
/// waits for them. Once it has ended badly every wait fails, also for bytes that came. Thread-safe.
///
///     Arrival arrival(size);
///     arrival.Add(0, 4096);                                    // the one that brings
///     arrival.End(status);
///     HADRON_RETURN_IF_ERROR(arrival.WaitFor(100, 20));        // the one that needs
class Arrival {
 public:
  explicit Arrival(std::uint64_t size) : size_(size) {}
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

  std::uint64_t size() const { return size_; }

  /// [begin, end) has come.
  void Add(std::uint64_t begin, std::uint64_t end);
  /// The first part of [begin, end) that has not come; nothing when all has.
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  std::optional<Range> Missing(std::uint64_t begin, std::uint64_t end) const;
  /// No more will come: all is there and right, or why not. Only the first end counts.
  void End(Status status);
  bool ended() const;

  /// Waits until the range is there. INVALID_ARGUMENT when it does not lie inside; else the status
  /// of a bad end.
  Status WaitFor(std::uint64_t offset, std::uint64_t count);
  /// Waits for the end and says how it was.
  Status WaitForEnd() const;

  /// Forgets what has come, because it has to come again. False when somebody has got some of it
  /// and therefore nothing was forgotten.
  bool Restart();

  /// What somebody waits for now and was not answered before.
  std::optional<Range> TakeWanted();

 private:
  std::optional<Range> FindMissing(std::uint64_t begin, std::uint64_t end) const
      HADRON_REQUIRES(mutex_);

  const std::uint64_t size_;
  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::map<std::uint64_t, std::uint64_t> there_ HADRON_GUARDED_BY(mutex_);  ///< end by begin
  std::vector<Range> waiting_ HADRON_GUARDED_BY(mutex_);
  bool given_ HADRON_GUARDED_BY(mutex_) = false;  ///< somebody has got some of it
  std::optional<Range> wanted_ HADRON_GUARDED_BY(mutex_);
  std::optional<Status> end_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::base
