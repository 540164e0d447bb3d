#include "serving/model_choice.h"

#include <algorithm>
#include <numeric>

namespace hadron::serving {

std::vector<std::size_t> OrderModels(std::span<const WaitingModel> models) {
  // Keeps quotients finite where nothing has been measured yet, and new requests comparable.
  constexpr double kLeast = 1e-6;
  const auto score = [&](std::size_t i) {
    const WaitingModel& model = models[i];
    return (model.age_seconds + kLeast) / (model.exec_seconds + model.restore_seconds + kLeast);
  };
  std::vector<std::size_t> order(models.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::ranges::greater(), score);
  return order;
}

}  // namespace hadron::serving
