// Range: start, start + delta, ... below limit.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <optional>

#include "base/checked.h"
#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using base::StatusOr;
using tensor::DataType;

/// The three scalars, if all are known; exact for the integers that steer shapes.
std::optional<std::array<double, 3>> Scalars(const InferContext& c) {
  std::array<double, 3> out{};
  for (std::size_t i = 0; i < 3; ++i) {
    if (const auto ints = c.ints(i); ints && ints->size() == 1) {
      out[i] = static_cast<double>((*ints)[0]);
      continue;
    }
    const Constant* constant = c.constant(i);
    if (constant == nullptr) return std::nullopt;
    const auto values = constant->Doubles();
    if (!values.ok() || values->size() != 1) return std::nullopt;
    out[i] = (*values)[0];
  }
  return out;
}

StatusOr<Dim> Count(InferContext& c) {
  if (const auto scalars = Scalars(c)) {
    const auto [start, limit, delta] = *scalars;
    const double count = std::ceil((limit - start) / delta);
    if (delta == 0 || !std::isfinite(count) || count > 1e12) {
      return c.Invalid(
          fmt::format("start {}, limit {} and delta {} give no range", start, limit, delta));
    }
    return Dim(count > 0 ? static_cast<std::int64_t>(count) : 0);
  }
  const auto start = c.ints(0);
  const auto delta = c.ints(2);
  const auto* limit = c.elements(1);
  const bool counts = start && start->size() == 1 && delta && delta->size() == 1 &&
                      limit != nullptr && limit->size() == 1 && (*start)[0] == 0 &&
                      (*delta)[0] == 1;
  return counts ? (*limit)[0] : c.NewSymbol();
}

Status InferRange(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kNumberTypes));
  for (std::size_t i = 0; i < 3; ++i) {
    HADRON_RETURN_IF_ERROR(c.RequireSameType(0, i));
    const auto count = Elements(c.shape(i));
    if (!count || (count->known() && *count != Dim(1))) {
      return c.Invalid(fmt::format("input {} of shape {} is no scalar", i, ToString(c.shape(i))));
    }
  }
  HADRON_ASSIGN_OR_RETURN(const Dim count, Count(c));
  HADRON_RETURN_IF_ERROR(SetOutput(c, 0, c.type(0), {count}));
  const auto start = c.ints(0);
  const auto delta = c.ints(2);
  if (!start || !delta || !count.known() || count.value() > kMaxTrackedElements) return {};
  if (start->size() != 1 || delta->size() != 1) return {};
  std::vector<Dim> elements;
  for (std::int64_t i = 0; i < count.value(); ++i) {
    const auto offset = base::CheckedMul(i, (*delta)[0]);
    const auto value = offset ? base::CheckedAdd((*start)[0], *offset) : std::nullopt;
    if (!value) return {};
    elements.emplace_back(*value);
  }
  c.SetElements(0, std::move(elements));
  return {};
}

}  // namespace

void RegisterRange(OpRegistry& registry) {
  registry.Add({.name = "Range",
                .versions = {11, 27},
                .min_inputs = 3,
                .max_inputs = 3,
                .infer = InferRange});
}

}  // namespace hadron::graph
