#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "base/unique_function.h"

namespace hadron::model {

/// Room in host memory for loads: who may begin, who waits, and when others have to leave for it.
/// A load takes more while it runs than what it leaves behind, so nobody is evicted while another
/// load runs: where memory is short loads run one after the other, in the order they came. Where
/// nothing more can be done a load is let in all the same: the ledger refuses what does not fit,
/// and says why.
///
/// A load that fetches its files from elsewhere may take for ever to need its room, so those whose
/// files are here neither wait for it nor leave it any: one that finds its room taken is refused by
/// the ledger, and enters again.
///
/// The bytes are estimates and only order things; the ledger is what keeps the budget. Control
/// thread only.
///
///     room.Enter({.bytes = estimate, .cancelled = ..., .go = [](bool last) { ... }});
///     ...
///     room.Leave(estimate);
class HostRoom {
 public:
  struct Hooks {
    std::function<std::uint64_t()> free;  ///< bytes that nobody has reserved
    std::function<bool()> leaving;        ///< somebody's memory is about to come back
    /// Has models leave that hold at least so many bytes; false: there are none, or not enough.
    std::function<bool(std::uint64_t bytes)> evict;
    /// Has the lanes give back what they computed in, which they take again when they need it; Look
    /// is called then. False: they hold nothing.
    std::function<bool()> call_back;
  };
  struct Load {
    std::uint64_t bytes = 0;          ///< what it takes while it runs, about
    bool fetches = false;             ///< its files are not on this machine
    bool called_back = false;         ///< the lanes have been asked, once
    std::function<bool()> cancelled;  ///< then it is let in at once, to end
    /// May run within Enter. `last`: nothing more can be done for it.
    base::UniqueFunction<void(bool last)> go;
  };

  explicit HostRoom(Hooks hooks) : hooks_(std::move(hooks)) {}

  void Enter(Load load);
  /// A load that was let in with these has ended.
  void Leave(std::uint64_t bytes, bool fetches = false);
  /// Memory has come back, or a load that waits was cancelled.
  void Look();
  /// Loads run that end by themselves, before long.
  bool loading() const { return here_.count > 0; }

 private:
  enum class Verdict : std::uint8_t { kGo, kGoLast, kWait };
  /// Loads that run.
  struct Running {
    std::size_t count = 0;
    std::uint64_t bytes = 0;
  };
  Verdict Judge(Load& load) const;
  std::optional<Load> TakeNext(Verdict& verdict);

  const Hooks hooks_;
  std::deque<Load> waiting_;
  Running here_;
  Running fetching_;
};

}  // namespace hadron::model
