#include "device/memory_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <utility>
#include <vector>

namespace hadron::device {
namespace {

using testing::HasSubstr;

TEST(MemoryPool, CountsByOwner) {
  MemoryPool pool(100);
  auto a = pool.Reserve("resnet", 30);
  auto b = pool.Reserve("resnet", 20);
  auto c = pool.Reserve("gan", 50);
  ASSERT_TRUE(a.ok() && b.ok() && c.ok());
  EXPECT_EQ(pool.reserved(), 100U);
  EXPECT_EQ(pool.ByOwner(), (std::map<std::string, std::uint64_t>{{"resnet", 50}, {"gan", 50}}));
  a->Release();
  a->Release();
  EXPECT_EQ(pool.reserved(), 70U);
  EXPECT_EQ(pool.ByOwner().at("resnet"), 20U);
}

TEST(MemoryPool, RefusesAboveTheBudgetAndNamesTheHolders) {
  MemoryPool pool(1000);
  const auto small = pool.Reserve("small", 100);
  const auto large = pool.Reserve("large", 700);
  const auto refused = pool.Reserve("new", 300);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.code(), base::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.message(), HasSubstr("new needs 300"));
  EXPECT_THAT(refused.message(), HasSubstr("large: 700"));
  EXPECT_LT(refused.message().find("large"), refused.message().find("small"));
  EXPECT_EQ(pool.reserved(), 800U);
}

TEST(MemoryPool, HugeRequestsDoNotWrapAround) {
  MemoryPool pool(1000);
  const auto held = pool.Reserve("a", 10);
  EXPECT_FALSE(pool.Reserve("b", UINT64_MAX).ok());
  EXPECT_FALSE(pool.Reserve("b", UINT64_MAX - 5).ok());
  EXPECT_TRUE(pool.Reserve("b", 990).ok());
}

TEST(MemoryPool, MovedReservationsAreReturnedOnce) {
  MemoryPool pool(100);
  {
    auto first = pool.Reserve("a", 60);
    ASSERT_TRUE(first.ok());
    Reservation held = std::move(first).value();
    Reservation other = std::move(held);
    EXPECT_EQ(held.bytes(), 0U);  // NOLINT(bugprone-use-after-move): moved-from means empty
    other = pool.Reserve("b", 40).value();
    EXPECT_EQ(pool.reserved(), 40U);
  }
  EXPECT_EQ(pool.reserved(), 0U);
  EXPECT_TRUE(pool.ByOwner().empty());
}

TEST(MemoryPool, SplitKeepsTheSum) {
  MemoryPool pool(100);
  Reservation whole = pool.Reserve("a", 60).value();
  Reservation part = whole.Split(25);
  EXPECT_EQ(whole.bytes(), 35U);
  EXPECT_EQ(part.bytes(), 25U);
  EXPECT_EQ(pool.reserved(), 60U);
  whole.Release();
  EXPECT_EQ(pool.reserved(), 25U);
}

TEST(MemoryPool, AReservationMayBecomeSomebodyElses) {
  MemoryPool pool(100);
  Reservation mine = pool.Reserve("mine", 60).value();
  Reservation rest = pool.Reserve("mine", 10).value();
  mine.BookTo("ours");
  mine.BookTo("ours");
  EXPECT_EQ(pool.ByOwner(), (std::map<std::string, std::uint64_t>{{"mine", 10}, {"ours", 60}}));
  EXPECT_EQ(pool.reserved(), 70U);
  mine.Release();
  mine.BookTo("nobody");  // it holds nothing any more
  EXPECT_EQ(pool.ByOwner(), (std::map<std::string, std::uint64_t>{{"mine", 10}}));
}

TEST(MemoryPool, ConcurrentReservationsNeverExceedTheBudget) {
  MemoryPool pool(64);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      const std::string owner = "thread" + std::to_string(t);
      for (std::uint64_t i = 0; i < 500; ++i) {
        const auto mine = pool.Reserve(owner, 1 + i % 40);
        ASSERT_LE(pool.reserved(), 64U);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(pool.reserved(), 0U);
}

}  // namespace
}  // namespace hadron::device
