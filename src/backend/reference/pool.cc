#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/reference/op.h"
#include "backend/reference/window.h"

namespace hadron::backend::reference {
namespace {

using base::Status;

/// A NaN in a window is its maximum.
double Larger(double a, double b) { return b > a || std::isnan(b) ? b : a; }

Status MaxPool(const RefCall& call) {
  HADRON_ASSIGN_OR_RETURN(const auto window, graph::ResolvePool(call.node, call.in(0).shape));
  const WindowLoop loop(window, call.in(0).shape, call.out().shape);
  const std::vector<double> x = ToDoubles(call.in(0));
  std::vector<double> y(static_cast<std::size_t>(call.out().elements()),
                        -std::numeric_limits<double>::infinity());
  const double* in = x.data();
  for (std::size_t plane = 0; plane < y.size(); plane += loop.short_size()) {
    double* out = y.data() + plane;
    for (std::int64_t tap = 0; tap < loop.taps(); ++tap) {
      loop.ForEachRun(tap, [&](std::size_t s, std::size_t l, std::size_t count, std::size_t step) {
        for (std::size_t i = 0; i < count; ++i) {
          out[s + i] = Larger(out[s + i], in[l + i * step]);
        }
      });
    }
    in += loop.long_size();
  }
  FromDoubles(y, call.out());
  return {};
}

/// Elements per window: those of the input, or of the padded input.
std::vector<double> Divisors(const graph::Window& window, const WindowLoop& loop,
                             const RefTensor& x) {
  std::vector<double> counts(loop.short_size(), 0.0);
  if (!window.count_include_pad) {
    for (std::int64_t tap = 0; tap < loop.taps(); ++tap) {
      loop.ForEachRun(tap, [&](std::size_t s, std::size_t, std::size_t count, std::size_t) {
        for (std::size_t i = 0; i < count; ++i) counts[s + i] += 1;
      });
    }
    return counts;
  }
  std::fill(counts.begin(), counts.end(), 1.0);
  std::size_t inner = counts.size();
  for (std::size_t axis = 0; axis < window.axes.size(); ++axis) {
    const graph::WindowAxis& a = window.axes[axis];
    const auto output = static_cast<std::size_t>(a.output);
    inner /= output;
    // What a ceil_mode window overhangs beyond the end padding does not count.
    const std::int64_t end = x.shape[axis + 2] + a.pad_begin + a.pad_end;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const auto o = static_cast<std::int64_t>(i / inner % output);
      const std::int64_t room = (end - o * a.stride + a.dilation - 1) / a.dilation;
      counts[i] *= static_cast<double>(std::min(a.kernel, room));
    }
  }
  return counts;
}

Status AveragePool(const RefCall& call) {
  HADRON_ASSIGN_OR_RETURN(const auto window, graph::ResolvePool(call.node, call.in(0).shape));
  const WindowLoop loop(window, call.in(0).shape, call.out().shape);
  const std::vector<double> x = ToDoubles(call.in(0));
  const std::vector<double> divisors = Divisors(window, loop, call.in(0));
  std::vector<double> y(static_cast<std::size_t>(call.out().elements()), 0.0);
  const double* in = x.data();
  for (std::size_t plane = 0; plane < y.size(); plane += loop.short_size()) {
    double* out = y.data() + plane;
    for (std::int64_t tap = 0; tap < loop.taps(); ++tap) {
      loop.ForEachRun(tap, [&](std::size_t s, std::size_t l, std::size_t count, std::size_t step) {
        for (std::size_t i = 0; i < count; ++i) out[s + i] += in[l + i * step];
      });
    }
    for (std::size_t i = 0; i < divisors.size(); ++i) {
      if (divisors[i] > 0) out[i] /= divisors[i];
    }
    in += loop.long_size();
  }
  FromDoubles(y, call.out());
  return {};
}

struct Average {
  double operator()(std::span<const double> v) const {
    double sum = 0;
    for (const double x : v) sum += x;
    return sum / static_cast<double>(v.size());
  }
};
struct Maximum {
  double operator()(std::span<const double> v) const {
    double most = -std::numeric_limits<double>::infinity();
    for (const double x : v) most = Larger(most, x);
    return most;
  }
};

template <typename F>
Status GlobalPool(const RefCall& call) {
  const std::vector<double> x = ToDoubles(call.in(0));
  std::vector<double> y(static_cast<std::size_t>(call.out().elements()));
  const std::size_t plane = y.empty() ? 0 : x.size() / y.size();
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = F{}(std::span(x).subspan(i * plane, plane));
  FromDoubles(y, call.out());
  return {};
}

}  // namespace

void RegisterReferencePool(RefRegistry& registry) {
  registry.Add("", "MaxPool", MaxPool);
  registry.Add("", "AveragePool", AveragePool);
  registry.Add("", "GlobalAveragePool", GlobalPool<Average>);
  registry.Add("", "GlobalMaxPool", GlobalPool<Maximum>);
}

}  // namespace hadron::backend::reference
