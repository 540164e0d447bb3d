#include "config/reshape.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "base/check.h"
#include "base/checked.h"

namespace hadron::config {
namespace {

/// Products of the numbers before, between and after the -1s; nothing on overflow.
std::optional<std::vector<std::int64_t>> FixedRuns(const tensor::Shape& shape) {
  std::vector<std::int64_t> runs = {1};
  for (const std::int64_t dim : shape) {
    if (dim < 0) {
      runs.push_back(1);
      continue;
    }
    const auto product = base::CheckedMul(runs.back(), dim);
    if (!product) return std::nullopt;
    runs.back() = *product;
  }
  return runs;
}

}  // namespace

base::Status CheckReshape(const tensor::Shape& dims, const tensor::Shape& reshape) {
  const auto from = FixedRuns(dims);
  const auto to = FixedRuns(reshape);
  if (from && to && *from == *to) return base::OkStatus();
  return base::InvalidArgument(
      fmt::format("reshape {} does not hold as many elements as dims {} (each -1 needs its "
                  "counterpart, with equal products of the dimensions between them)",
                  reshape.ToString(), dims.ToString()));
}

tensor::Shape MapShape(const tensor::Shape& from, const tensor::Shape& to,
                       const tensor::Shape& actual) {
  HADRON_CHECK(actual.rank() == from.rank());
  std::vector<std::int64_t> variable;
  for (std::size_t i = 0; i < from.rank(); ++i) {
    if (from[i] < 0) variable.push_back(actual[i]);
  }
  tensor::Shape image = to;
  std::size_t next = 0;
  for (std::size_t i = 0; i < to.rank(); ++i) {
    if (to[i] >= 0) continue;
    HADRON_CHECK(next < variable.size());
    image[i] = variable[next++];
  }
  return image;
}

}  // namespace hadron::config
