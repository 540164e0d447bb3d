// Answers leave in the order in which their requests came.
#include "serving/ordered_answers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace hadron::serving {
namespace {

InferenceResponse Failure(const std::string& text) {
  InferenceResponse response;
  if (!text.empty()) response.status = base::Internal(text);
  return response;
}

TEST(OrderedAnswers, HoldsBackWhatIsAheadOfItsTurn) {
  const auto order = std::make_shared<OrderedAnswers>();
  std::string seen;
  std::vector<OnDone> requests;
  for (const char name : {'a', 'b', 'c'}) {
    requests.push_back(order->Wrap(
        [&seen, name](InferenceResponse response) { seen += response.status.ok() ? name : '!'; }));
  }
  requests[2](Failure(""));
  EXPECT_EQ(seen, "");
  requests[0](Failure("refused"));
  EXPECT_EQ(seen, "!");
  requests[1](Failure(""));
  EXPECT_EQ(seen, "!bc");
}

TEST(OrderedAnswers, LetsAnAnswerCauseTheNextRequest) {
  const auto order = std::make_shared<OrderedAnswers>();
  int answered = 0;
  OnDone later;
  OnDone first = order->Wrap([&](InferenceResponse) {
    ++answered;
    later = order->Wrap([&answered](InferenceResponse) { ++answered; });
  });
  first(Failure(""));
  later(Failure(""));
  EXPECT_EQ(answered, 2);
}

TEST(OrderedAnswers, KeepsTheOrderWhoeverAnswers) {
  constexpr int kRequests = 2000;
  const auto order = std::make_shared<OrderedAnswers>();
  std::vector<int> seen;  // written by one at a time
  std::vector<OnDone> requests;
  for (int i = 0; i < kRequests; ++i) {
    requests.push_back(order->Wrap([&seen, i](InferenceResponse) { seen.push_back(i); }));
  }
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&requests, t] {
      for (int i = kRequests - 4 + t; i >= 0; i -= 4) {
        requests[static_cast<std::size_t>(i)](InferenceResponse());
      }
    });
  }
  threads.clear();
  ASSERT_EQ(seen.size(), static_cast<std::size_t>(kRequests));
  EXPECT_TRUE(std::ranges::is_sorted(seen));
}

}  // namespace
}  // namespace hadron::serving
