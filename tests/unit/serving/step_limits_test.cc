#include "serving/step_limits.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

namespace hadron::serving {
namespace {

/// Who gets places, in which order; they are kept until Leave.
class Steps {
 public:
  Steps(std::size_t steps, std::size_t most)
      : limits_(std::make_shared<StepLimits>(steps, most)), places_(steps) {}

  void Ask(char who, std::size_t step) {
    auto place = limits_->Ask(step, Id(who), [this, who, step](StepLimits::Place granted) {
      Enter(who, step, std::move(granted));
    });
    if (place) Enter(who, step, *std::move(place));
  }
  /// The one that has been in the step for longest.
  void Leave(std::size_t step) {
    const StepLimits::Place place = std::move(places_[step].front());
    places_[step].pop_front();
  }
  std::size_t Withdraw(char who) { return limits_->Withdraw(Id(who)); }

  std::string entered;

 private:
  const void* Id(char who) const { return &names_[static_cast<unsigned char>(who)]; }
  void Enter(char who, std::size_t step, StepLimits::Place place) {
    entered += who;
    places_[step].push_back(std::move(place));
  }

  std::array<char, 256> names_{};
  std::shared_ptr<StepLimits> limits_;
  std::vector<std::deque<StepLimits::Place>> places_;
};

TEST(StepLimits, LetsSoManyInAndTheOthersInTheirOrder) {
  Steps steps(2, 2);
  for (const char who : {'a', 'b', 'c', 'd', 'e'}) steps.Ask(who, 0);
  EXPECT_EQ(steps.entered, "ab");
  steps.Ask('x', 1);  // another step has places of its own
  EXPECT_EQ(steps.entered, "abx");
  steps.Leave(0);
  EXPECT_EQ(steps.entered, "abxc");
  steps.Leave(0);
  steps.Leave(0);
  EXPECT_EQ(steps.entered, "abxcde");
  steps.Leave(0);
  steps.Leave(0);
  steps.Ask('f', 0);
  EXPECT_EQ(steps.entered, "abxcdef");
}

TEST(StepLimits, ForgetsWhoWithdraws) {
  Steps steps(2, 1);
  for (const char who : {'a', 'b', 'c'}) steps.Ask(who, 0);
  for (const char who : {'x', 'b', 'y'}) steps.Ask(who, 1);
  EXPECT_EQ(steps.Withdraw('b'), 2U);
  EXPECT_EQ(steps.Withdraw('a'), 0U);  // it is in
  steps.Leave(0);
  steps.Leave(1);
  EXPECT_EQ(steps.entered, "axcy");
}

TEST(StepLimits, HandsAPlaceOnThroughAnyNumberThatDoNotKeepIt) {
  const auto limits = std::make_shared<StepLimits>(1, 1);
  constexpr int kMany = 200'000;  // recursion would end the program
  int entered = 0;
  {
    const auto first = limits->Ask(0, nullptr, [](StepLimits::Place) {});
    ASSERT_TRUE(first.has_value());
    for (int i = 0; i < kMany; ++i) {
      const auto none = limits->Ask(0, nullptr, [&entered](StepLimits::Place) { ++entered; });
      ASSERT_FALSE(none.has_value());
    }
  }
  EXPECT_EQ(entered, kMany);
}

TEST(StepLimits, LetsNoMoreInFromManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  constexpr int kMost = 3;
  const auto limits = std::make_shared<StepLimits>(2, kMost);
  std::array<std::atomic<int>, 2> inside{};
  std::atomic<int> most{0};
  std::atomic<int> done{0};
  // Through the first step into the second, whose place is asked for with the first's in hand.
  const auto enter = [&](std::size_t step) {
    const int now = ++inside[step];
    int seen = most.load();
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
  };
  const auto second = [&](StepLimits::Place) {
    enter(1);
    --inside[1];
    ++done;
  };
  const auto first = [&](StepLimits::Place place) {
    enter(0);
    auto kept = std::make_shared<StepLimits::Place>(std::move(place));
    auto next = limits->Ask(1, nullptr, [&, kept](StepLimits::Place granted) {
      --inside[0];
      second(std::move(granted));
    });
    if (!next) return;
    --inside[0];
    second(*std::move(next));
  };
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        auto place = limits->Ask(0, nullptr, first);
        if (place) first(*std::move(place));
      }
    });
  }
  threads.clear();
  EXPECT_EQ(done.load(), kThreads * kEach);
  EXPECT_LE(most.load(), kMost);
}

}  // namespace
}  // namespace hadron::serving
