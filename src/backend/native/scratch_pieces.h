#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace hadron::backend::native {

/// Hands each running share of a ParallelFor a piece of scratch of its own. There are as many
/// pieces as threads, and no more shares than that run at a time, so a free one is always there.
/// Lives for one job; thread-safe.
class ScratchPieces {
 public:
  static constexpr int kMost = 64;

  /// The number of a free piece; give it back with Return.
  std::size_t Take() {
    std::uint64_t taken = taken_.load(std::memory_order_relaxed);
    while (true) {
      const auto piece = static_cast<std::size_t>(std::countr_one(taken));
      if (taken_.compare_exchange_weak(taken, taken | std::uint64_t{1} << piece,
                                       std::memory_order_acquire)) {
        return piece;
      }
    }
  }
  void Return(std::size_t piece) {
    taken_.fetch_and(~(std::uint64_t{1} << piece), std::memory_order_release);
  }

 private:
  std::atomic<std::uint64_t> taken_{0};
};

}  // namespace hadron::backend::native
