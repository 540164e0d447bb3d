#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace hadron::backend::native {

/// The helpers of one computing thread. Work is cut into a few chunks a thread, and caller and
/// helpers take them as they come: a helper that is asleep, late or pushed off its core delays
/// nobody but the chunk it holds, and the caller does its share. Helpers watch for the next job for
/// some tens of microseconds, which covers the steps of one run, and sleep then. The caller takes
/// from the front, helpers from the back by turns: from layer to layer a thread meets what is in
/// its own cache.
///
/// One caller at a time; which thread computes a chunk decides nothing about its bytes.
class Team {
 public:
  using Body = void (*)(const void* context, std::int64_t first, std::int64_t last);

  /// The calling thread's own team. Helpers start when first needed and end with the thread.
  static Team& OfThisThread();

  Team() = default;
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// Calls `body` for consecutive shares of [0, items), on this thread and at most `threads - 1`
  /// helpers; returns when all of them are done.
  void Run(int threads, std::int64_t items, Body body, const void* context);

 private:
  struct Job {
    std::uint64_t ticket = 0;
    bool Empty() const { return Front() >= Back(); }
    std::uint32_t Number() const { return static_cast<std::uint32_t>(ticket >> 32); }
    std::int64_t Back() const { return static_cast<std::int64_t>(ticket >> 16 & 0xffff); }
    std::int64_t Front() const { return static_cast<std::int64_t>(ticket & 0xffff); }
    std::int64_t Chunk(bool from_back) const { return from_back ? Back() - 1 : Front(); }
    std::uint64_t WithoutIt(bool from_back) const {
      return from_back ? ticket - (1U << 16) : ticket + 1;
    }
  };

  void StartHelpers(std::size_t wanted);
  void Help(int index);
  /// Takes one chunk of job `number` and computes it; false when there is none left.
  bool TakeChunk(std::uint32_t number, bool from_back);
  void AwaitHelpers(std::uint32_t taken);

  /// Job number (32 bits), behind its last free chunk (16), its first one (16): taking a chunk
  /// proves that the fields below still belong to its job.
  alignas(64) std::atomic<std::uint64_t> ticket_{0};
  std::atomic<Body> body_{nullptr};
  std::atomic<const void*> context_{nullptr};
  std::atomic<std::int64_t> items_{0};
  std::atomic<std::int64_t> chunks_{0};
  std::atomic<int> helpers_{0};                       ///< that may take part
  alignas(64) std::atomic<std::uint32_t> number_{0};  ///< sleepers wait for it to change
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<std::uint32_t> finished_{0};  ///< chunks of this job, by helpers
  std::vector<std::thread> threads_;
};

}  // namespace hadron::backend::native
