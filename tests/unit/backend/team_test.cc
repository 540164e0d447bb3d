#include "backend/native/team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "backend/native/parallel.h"

namespace hadron::backend::native {
namespace {

/// Adds one to every item; items counted twice or not at all show.
void ExpectEveryItemOnce(int threads, std::int64_t items) {
  std::vector<int> counts(static_cast<std::size_t>(items), 0);
  ParallelFor(threads, items, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) ++counts[static_cast<std::size_t>(i)];
  });
  EXPECT_EQ(counts, std::vector<int>(counts.size(), 1)) << threads << " threads, " << items;
}

TEST(Team, ComputesEveryItemOnce) {
  for (const std::int64_t items : {0, 1, 2, 3, 7, 8, 9, 1000, 65535, 65536, 200000}) {
    for (const int threads : {1, 2, 3, 5}) ExpectEveryItemOnce(threads, items);
  }
}

TEST(Team, HandsOverManyJobsInARow) {
  std::atomic<std::int64_t> sum = 0;
  for (std::int64_t job = 0; job < 20000; ++job) {
    ParallelFor(3, 1 + job % 13, [&](std::int64_t first, std::int64_t last) {
      sum.fetch_add((last - first) * job, std::memory_order_relaxed);
    });
  }
  std::int64_t expected = 0;
  for (std::int64_t job = 0; job < 20000; ++job) expected += (1 + job % 13) * job;
  EXPECT_EQ(sum, expected);
}

TEST(Team, WakesHelpersThatWentToSleep) {
  for (int job = 0; job < 20; ++job) {
    ExpectEveryItemOnce(3, 100);
    // Longer than a helper's patience; the test holds without it, too.
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(500);
    while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
  }
}

TEST(Team, LimitsWhoTakesPart) {
  ExpectEveryItemOnce(4, 1000);  // three helpers exist from now on
  std::mutex mutex;
  std::set<std::thread::id> seen;
  for (int job = 0; job < 200; ++job) {
    ParallelFor(2, 64, [&](std::int64_t, std::int64_t) {
      const std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
    });
  }
  EXPECT_LE(seen.size(), 2U);
}

TEST(Team, BelongsToItsThread) {
  std::vector<std::jthread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([] {
      for (int job = 0; job < 500; ++job) ExpectEveryItemOnce(2, 50);
    });
  }
}

}  // namespace
}  // namespace hadron::backend::native
