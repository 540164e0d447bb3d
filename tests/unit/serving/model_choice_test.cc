// Which model is served next.
#include "serving/model_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace hadron::serving {
namespace {

using testing::ElementsAre;

TEST(ModelChoice, OrdersByAgeOverCost) {
  // Old and cheap, young and cheap, old and dear.
  const std::array models = {WaitingModel{1.0, 0.1, 0}, WaitingModel{0.1, 0.1, 0},
                             WaitingModel{1.0, 5.0, 0}};
  EXPECT_THAT(OrderModels(models), ElementsAre(0, 1, 2));
}

TEST(ModelChoice, CountsTheRestoreOfWhatIsAbsent) {
  const std::array models = {WaitingModel{1.0, 0.1, 2.0}, WaitingModel{0.5, 0.1, 0}};
  EXPECT_THAT(OrderModels(models), ElementsAre(1, 0));
  // It waits on, and its turn comes.
  const std::array later = {WaitingModel{60.0, 0.1, 2.0}, WaitingModel{0.5, 0.1, 0}};
  EXPECT_THAT(OrderModels(later), ElementsAre(0, 1));
}

TEST(ModelChoice, KeepsTheOrderOfEqualsAndOfTheUnmeasured) {
  EXPECT_THAT(OrderModels(std::array<WaitingModel, 3>{}), ElementsAre(0, 1, 2));
  const std::array fresh = {WaitingModel{0.001, 0, 0}, WaitingModel{0.002, 0, 0}};
  EXPECT_THAT(OrderModels(fresh), ElementsAre(1, 0));
}

}  // namespace
}  // namespace hadron::serving
