#include "base/arrival.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <random>
#include <thread>
#include <vector>

namespace hadron::base {
namespace {

using Range = Arrival::Range;

std::pair<std::uint64_t, std::uint64_t> Pair(const std::optional<Range>& range) {
  return range ? std::pair(range->begin, range->end) : std::pair<std::uint64_t, std::uint64_t>();
}

TEST(Arrival, KnowsWhatIsMissing) {
  Arrival arrival(100);
  EXPECT_EQ(Pair(arrival.Missing(10, 20)), std::pair(10UL, 20UL));
  arrival.Add(20, 30);
  arrival.Add(40, 50);
  EXPECT_EQ(Pair(arrival.Missing(0, 100)), std::pair(0UL, 20UL));
  EXPECT_EQ(Pair(arrival.Missing(20, 100)), std::pair(30UL, 40UL));
  EXPECT_EQ(Pair(arrival.Missing(25, 45)), std::pair(30UL, 40UL));
  EXPECT_EQ(Pair(arrival.Missing(45, 100)), std::pair(50UL, 100UL));
  EXPECT_FALSE(arrival.Missing(42, 50));
  EXPECT_FALSE(arrival.Missing(7, 7));
  arrival.Add(30, 40);
  EXPECT_FALSE(arrival.Missing(20, 50));
  arrival.Add(5, 95);
  EXPECT_EQ(Pair(arrival.Missing(0, 100)), std::pair(0UL, 5UL));
  arrival.Add(95, 1000);
  EXPECT_FALSE(arrival.Missing(5, 100));
}

TEST(Arrival, AWaitEndsWithTheLastByteThatWasMissing) {
  Arrival arrival(100);
  arrival.Add(0, 10);
  EXPECT_TRUE(arrival.WaitFor(0, 10).ok());
  std::atomic<bool> added{false};
  auto waiting = std::async(std::launch::async, [&] {
    const Status status = arrival.WaitFor(5, 45);
    return status.ok() && added.load();
  });
  arrival.Add(20, 60);
  added = true;
  arrival.Add(10, 20);
  EXPECT_TRUE(waiting.get());
}

TEST(Arrival, ABadEndFailsEveryWait) {
  Arrival arrival(100);
  arrival.Add(0, 50);
  auto waiting = std::async(std::launch::async, [&] { return arrival.WaitFor(40, 20); });
  arrival.End(Unavailable("the store has gone"));
  EXPECT_EQ(waiting.get().message(), "the store has gone");
  EXPECT_EQ(arrival.WaitFor(0, 10).code(), StatusCode::kUnavailable) << "although it has come";
  EXPECT_EQ(arrival.WaitForEnd().message(), "the store has gone");
  arrival.End({});
  EXPECT_FALSE(arrival.WaitForEnd().ok()) << "only the first end counts";
}

TEST(Arrival, AGoodEndIsWaitedFor) {
  Arrival arrival(10);
  auto waiting = std::async(std::launch::async, [&] { return arrival.WaitForEnd(); });
  arrival.Add(0, 10);
  EXPECT_FALSE(arrival.ended());
  arrival.End({});
  EXPECT_TRUE(waiting.get().ok());
  EXPECT_TRUE(arrival.WaitFor(0, 10).ok());
}

TEST(Arrival, AnEndWithoutAllBytesIsNoGoodOne) {
  Arrival arrival(10);
  arrival.Add(0, 9);
  arrival.End({});
  EXPECT_TRUE(arrival.WaitFor(0, 9).ok());
  EXPECT_EQ(arrival.WaitFor(0, 10).code(), StatusCode::kInternal);
}

TEST(Arrival, RefusesWhatLiesBeyondTheEnd) {
  Arrival arrival(10);
  arrival.Add(0, 10);
  EXPECT_TRUE(arrival.WaitFor(10, 0).ok());
  EXPECT_EQ(arrival.WaitFor(10, 1).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(arrival.WaitFor(11, 0).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(arrival.WaitFor(5, UINT64_MAX).code(), StatusCode::kInvalidArgument);
}

TEST(Arrival, StartsAgainUnlessSomebodyHasReadSomething) {
  Arrival arrival(10);
  arrival.Add(0, 10);
  EXPECT_TRUE(arrival.Restart());
  EXPECT_TRUE(arrival.Missing(0, 10));
  arrival.Add(0, 10);
  EXPECT_TRUE(arrival.WaitFor(3, 1).ok());
  EXPECT_FALSE(arrival.Restart());
  EXPECT_FALSE(arrival.Missing(0, 10));
}

TEST(Arrival, TellsOnceWhatIsWanted) {
  Arrival arrival(100);
  EXPECT_FALSE(arrival.TakeWanted());
  auto waiting = std::async(std::launch::async, [&] { return arrival.WaitFor(70, 20); });
  std::optional<Range> wanted;
  while (!wanted) {
    wanted = arrival.TakeWanted();
    std::this_thread::yield();
  }
  EXPECT_EQ(Pair(wanted), std::pair(70UL, 90UL));
  EXPECT_FALSE(arrival.TakeWanted());
  arrival.Add(0, 100);
  EXPECT_TRUE(waiting.get().ok());
}

TEST(Arrival, ManyWaitWhileItComesInAnyOrder) {
  constexpr std::uint64_t kPiece = 16;
  constexpr std::uint64_t kPieces = 500;
  Arrival arrival(kPiece * kPieces);
  std::vector<std::future<bool>> readers;
  for (unsigned reader = 0; reader < 4; ++reader) {
    readers.push_back(std::async(std::launch::async, [&, reader] {
      std::minstd_rand random(reader);
      for (int i = 0; i < 200; ++i) {
        const std::uint64_t begin = random() % arrival.size();
        const std::uint64_t count = random() % (arrival.size() - begin);
        if (!arrival.WaitFor(begin, count).ok()) return false;
        if (arrival.Missing(begin, begin + count)) return false;
      }
      return arrival.WaitForEnd().ok();
    }));
  }
  std::vector<std::uint64_t> order(kPieces);
  for (std::uint64_t i = 0; i < kPieces; ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), std::minstd_rand(7));
  for (const std::uint64_t i : order) {
    arrival.Add(i * kPiece, (i + 1) * kPiece);
    arrival.TakeWanted();
  }
  arrival.End({});
  for (auto& reader : readers) EXPECT_TRUE(reader.get());
}

}  // namespace
}  // namespace hadron::base
