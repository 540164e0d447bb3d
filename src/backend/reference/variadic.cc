#include <cmath>
#include <limits>

#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

using base::Status;

/// A NaN on either side wins, as in numpy.
struct Min {
  template <typename T>
  T operator()(T a, T b) const {
    return a < b || a != a ? a : b;
  }
};
struct Max {
  template <typename T>
  T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};

template <typename T, typename F>
void Fold(const RefCall& call, F&& read, std::span<T> out) {
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    const BroadcastIndex index(call.in(i).shape, call.out().shape);
    const auto values = read(call.in(i));
    for (std::size_t k = 0; k < out.size(); ++k) {
      const T next = values[index(k)];
      out[k] = i == 0                       ? next
               : call.node.op_type == "Min" ? Min{}(out[k], next)
                                            : Max{}(out[k], next);
    }
  }
}

Status Extreme(const RefCall& call) {
  RefTensor& y = call.out();
  const bool numeric = DispatchNumeric(y.type, [&](auto zero) {
    using T = decltype(zero);
    Fold<T>(
        call, [](const RefTensor& x) { return x.as<T>(); }, y.as<T>());
  });
  if (numeric) return {};
  std::vector<double> out(static_cast<std::size_t>(y.elements()));
  Fold<double>(call, ToDoubles, out);
  FromDoubles(out, y);
  return {};
}

template <bool kMean>
Status Sum(const RefCall& call) {
  std::vector<double> sums(static_cast<std::size_t>(call.out().elements()), 0.0);
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    const BroadcastIndex index(call.in(i).shape, call.out().shape);
    const std::vector<double> values = ToDoubles(call.in(i));
    for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += values[index(k)];
  }
  if (kMean) {
    for (double& v : sums) v /= static_cast<double>(call.inputs.size());
  }
  FromDoubles(sums, call.out());
  return {};
}

/// When the bounds cross, the upper one wins. NaN passes through.
template <typename T>
T Clamp(T x, const T* lower, const T* upper) {
  if (lower != nullptr && x < *lower) x = *lower;
  if (upper != nullptr && x > *upper) x = *upper;
  return x;
}

Status ClipFloats(const RefCall& call) {
  std::vector<double> values = ToDoubles(call.in(0));
  const auto lower = call.has(1) ? ToDoubles(call.in(1)) : std::vector<double>();
  const auto upper = call.has(2) ? ToDoubles(call.in(2)) : std::vector<double>();
  for (double& v : values) {
    v = Clamp(v, lower.empty() ? nullptr : &lower[0], upper.empty() ? nullptr : &upper[0]);
  }
  FromDoubles(values, call.out());
  return {};
}

Status Clip(const RefCall& call) {
  if (tensor::IsFloating(call.in(0).type)) return ClipFloats(call);
  DispatchNumeric(call.in(0).type, [&](auto zero) {
    using T = decltype(zero);
    const auto in = call.in(0).as<T>();
    const auto out = call.out().as<T>();
    const T* lower = call.has(1) ? call.in(1).as<T>().data() : nullptr;
    const T* upper = call.has(2) ? call.in(2).as<T>().data() : nullptr;
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = Clamp(in[i], lower, upper);
  });
  return {};
}

}  // namespace

void RegisterReferenceVariadic(RefRegistry& registry) {
  registry.Add("", "Min", Extreme);
  registry.Add("", "Max", Extreme);
  registry.Add("", "Sum", Sum<false>);
  registry.Add("", "Mean", Sum<true>);
  registry.Add("", "Clip", Clip);
}

}  // namespace hadron::backend::reference
