#include <cmath>
#include <functional>

#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

using base::Status;

/// F of the elements of two sequences, broadcast to the output.
template <typename F, typename Sequence>
void CompareAll(const RefCall& call, const Sequence& a, const Sequence& b) {
  const BroadcastIndex ia(call.in(0).shape, call.out().shape);
  const BroadcastIndex ib(call.in(1).shape, call.out().shape);
  const auto out = call.out().as<std::uint8_t>();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = F{}(a[ia(i)], b[ib(i)]) ? 1 : 0;
}

template <typename F>
Status Compare(const RefCall& call) {
  const RefTensor& a = call.in(0);
  const RefTensor& b = call.in(1);
  if (a.type == tensor::DataType::kString) {
    CompareAll<F>(call, a.strings, b.strings);
    return {};
  }
  const bool numeric = DispatchNumeric(a.type, [&](auto zero) {
    using T = decltype(zero);
    CompareAll<F>(call, a.as<T>(), b.as<T>());
  });
  if (!numeric) CompareAll<F>(call, ToDoubles(a), ToDoubles(b));
  return {};
}

Status Not(const RefCall& call) {
  const auto in = call.in(0).as<std::uint8_t>();
  const auto out = call.out().as<std::uint8_t>();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = in[i] == 0 ? 1 : 0;
  return {};
}

Status IsNaN(const RefCall& call) {
  const std::vector<double> in = ToDoubles(call.in(0));
  const auto out = call.out().as<std::uint8_t>();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::isnan(in[i]) ? 1 : 0;
  return {};
}

Status IsInf(const RefCall& call) {
  const bool negative = call.node.attributes.Int("detect_negative", 1) != 0;
  const bool positive = call.node.attributes.Int("detect_positive", 1) != 0;
  const std::vector<double> in = ToDoubles(call.in(0));
  const auto out = call.out().as<std::uint8_t>();
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = std::isinf(in[i]) && (in[i] > 0 ? positive : negative) ? 1 : 0;
  }
  return {};
}

struct Xor {
  bool operator()(std::uint8_t a, std::uint8_t b) const { return (a != 0) != (b != 0); }
};
template <typename F>
Status Connective(const RefCall& call) {
  CompareAll<F>(call, call.in(0).as<std::uint8_t>(), call.in(1).as<std::uint8_t>());
  return {};
}

}  // namespace

void RegisterReferenceLogic(RefRegistry& registry) {
  registry.Add("", "Equal", Compare<std::equal_to<>>);
  registry.Add("", "Greater", Compare<std::greater<>>);
  registry.Add("", "Less", Compare<std::less<>>);
  registry.Add("", "GreaterOrEqual", Compare<std::greater_equal<>>);
  registry.Add("", "LessOrEqual", Compare<std::less_equal<>>);
  registry.Add("", "And", Connective<std::logical_and<>>);
  registry.Add("", "Or", Connective<std::logical_or<>>);
  registry.Add("", "Xor", Connective<Xor>);
  registry.Add("", "Not", Not);
  registry.Add("", "IsNaN", IsNaN);
  registry.Add("", "IsInf", IsInf);
}

}  // namespace hadron::backend::reference
