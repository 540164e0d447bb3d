// Which model is brought onto the device next: a table for each pair of rules.
#include "model/restore_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace hadron::model {
namespace {

using Order = std::vector<std::size_t>;

TEST(OrderRestores, GoesByTurnAndThenByAgeOverCost) {
  const struct {
    const char* rule;
    std::vector<RestoreCandidate> candidates;
    Order order;
  } rows[] = {
      {"nobody waits", {}, {}},
      {"the older first", {{0, 1, 1}, {0, 2, 1}}, {1, 0}},
      {"the cheaper first", {{0, 1, 2}, {0, 1, 1}}, {1, 0}},
      {"age in proportion of the cost", {{0, 3, 1}, {0, 5, 2}, {0, 1, 0.1}}, {2, 0, 1}},
      {"turn before age", {{1, 100, 1}, {0, 1, 1}}, {1, 0}},
      {"turn before cost", {{1, 1, 0.001}, {0, 1, 10}}, {1, 0}},
      {"turn, then age over cost", {{1, 9, 1}, {0, 1, 1}, {1, 10, 1}, {0, 2, 1}}, {3, 1, 2, 0}},
      {"equals as they come", {{0, 1, 1}, {0, 1, 1}}, {0, 1}},
      {"nothing is known yet", {{0, 0, 0}, {0, 0, 0}}, {0, 1}},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(OrderRestores(row.candidates), row.order) << row.rule;
  }
}

/// Two tenants without end, one of them with large models: whose turn it is moves on with what was
/// brought, so that both come again and again.
TEST(OrderRestores, StarvesNobodyWhoIsChargedForWhatIsBrought) {
  double had[2] = {0, 0};
  int brought[2] = {0, 0};
  const double cost[2] = {1, 20};
  for (int i = 0; i < 210; ++i) {
    const std::size_t first = had[1] < had[0] ? 1 : 0;
    const RestoreCandidate candidates[] = {{first == 0 ? 0U : 1U, 1, cost[0]},
                                           {first == 1 ? 0U : 1U, 1000, cost[1]}};
    const std::size_t next = OrderRestores(candidates).front();
    had[next] += cost[next];
    ++brought[next];
  }
  EXPECT_NEAR(had[0], had[1], 20);
  EXPECT_NEAR(brought[1], 10, 1);
}

}  // namespace
}  // namespace hadron::model
