#include "base/executor.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/snapshot.h"

namespace hadron::base {
namespace {

TEST(TaskQueue, RunsInOrderAndDrainsBeforeItEnds) {
  TaskQueue queue;
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) queue.Post([&order, i] { order.push_back(i); });
  std::jthread thread([&queue] { queue.Run(); });
  queue.Stop();
  thread.join();
  ASSERT_EQ(order.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(TaskQueue, DropsWhatComesAfterStop) {
  TaskQueue queue;
  queue.Stop();
  bool ran = false;
  queue.Post([&ran] { ran = true; });
  queue.Run();
  EXPECT_FALSE(ran);
}

TEST(TaskQueue, RunsTimersByTime) {
  TaskQueue queue;
  std::vector<int> order;
  const TimePoint now = std::chrono::steady_clock::now();
  queue.PostAt(now + std::chrono::milliseconds(20), [&] {
    order.push_back(2);
    queue.Stop();
  });
  queue.PostAt(now + std::chrono::milliseconds(5), [&] { order.push_back(1); });
  queue.Run();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(TaskQueue, TakesTasksFromManyThreads) {
  TaskQueue queue;
  int count = 0;
  std::jthread runner([&queue] { queue.Run(); });
  {
    std::vector<std::jthread> posters;
    for (int t = 0; t < 4; ++t) {
      posters.emplace_back([&] {
        for (int i = 0; i < 500; ++i) queue.Post([&count] { ++count; });
      });
    }
  }
  queue.Stop();
  runner.join();
  EXPECT_EQ(count, 2000);
}

TEST(ManualExecutor, RunsOnlyWhenTold) {
  ManualExecutor executor;
  int count = 0;
  executor.Post([&] {
    ++count;
    executor.Post([&count] { ++count; });
  });
  EXPECT_EQ(count, 0);
  EXPECT_TRUE(executor.RunOne());
  EXPECT_EQ(count, 1);
  EXPECT_EQ(executor.RunAll(), 1U);
  EXPECT_FALSE(executor.RunOne());
}

TEST(Snapshot, ReadersSeeWholeObjects) {
  Snapshot<std::vector<int>> snapshot(std::make_shared<const std::vector<int>>(8, 0));
  std::jthread writer([&snapshot] {
    for (int i = 1; i < 2000; ++i) {
      snapshot.Store(std::make_shared<const std::vector<int>>(8, i));
    }
  });
  for (int i = 0; i < 2000; ++i) {
    const auto seen = snapshot.Load();
    for (const int value : *seen) ASSERT_EQ(value, seen->front());
  }
}

}  // namespace
}  // namespace hadron::base
