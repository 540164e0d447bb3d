#include <algorithm>

#include "backend/reference/op.h"
#include "backend/reference/window.h"

namespace hadron::backend::reference {
namespace {

using base::Status;

/// Channels of a convolution and the operands as doubles.
struct Operands {
  std::size_t batch, groups, in_channels, out_channels;  // channels are per group
  std::vector<double> x, w, bias;
};

Operands Read(const RefCall& call, const graph::Window& window, bool transposed) {
  const RefTensor& x = call.in(0);
  const RefTensor& w = call.in(1);
  const auto groups = static_cast<std::size_t>(window.group);
  const auto w_first = static_cast<std::size_t>(w.shape[0]) / groups;
  const auto w_second = static_cast<std::size_t>(w.shape[1]);
  const std::size_t out = transposed ? w_second : w_first;
  Operands ops{static_cast<std::size_t>(x.shape[0]),
               groups,
               transposed ? w_first : w_second,
               out,
               ToDoubles(x),
               ToDoubles(w),
               call.has(2) ? ToDoubles(call.in(2)) : std::vector<double>(out * groups, 0.0)};
  return ops;
}

/// Calls f(out, bias, group, m) for every output plane, m being the channel in its group.
template <typename F>
void ForEachPlane(const Operands& ops, std::size_t plane, std::vector<double>& y, F&& f) {
  double* out = y.data();
  for (std::size_t n = 0; n < ops.batch; ++n) {
    for (std::size_t g = 0; g < ops.groups; ++g) {
      for (std::size_t m = 0; m < ops.out_channels; ++m, out += plane) {
        std::fill_n(out, plane, ops.bias[g * ops.out_channels + m]);
        f(out, n * ops.groups + g, g, m);
      }
    }
  }
}

Status Conv(const RefCall& call) {
  HADRON_ASSIGN_OR_RETURN(const auto window,
                          graph::ResolveConv(call.node, call.in(0).shape, call.in(1).shape));
  const Operands ops = Read(call, window, false);
  const WindowLoop loop(window, call.in(0).shape, call.out().shape);
  const std::int64_t taps = loop.taps();
  std::vector<double> y(static_cast<std::size_t>(call.out().elements()));
  ForEachPlane(
      ops, loop.short_size(), y, [&](double* out, std::size_t block, std::size_t g, std::size_t m) {
        const double* in = ops.x.data() + block * ops.in_channels * loop.long_size();
        const double* w = ops.w.data() + (g * ops.out_channels + m) * ops.in_channels *
                                             static_cast<std::size_t>(taps);
        for (std::size_t c = 0; c < ops.in_channels; ++c, in += loop.long_size()) {
          for (std::int64_t tap = 0; tap < taps; ++tap) {
            const double weight = *w++;
            loop.ForEachRun(tap,
                            [&](std::size_t s, std::size_t l, std::size_t count, std::size_t step) {
                              for (std::size_t i = 0; i < count; ++i)
                                out[s + i] += weight * in[l + i * step];
                            });
          }
        }
      });
  FromDoubles(y, call.out());
  return {};
}

Status ConvTranspose(const RefCall& call) {
  HADRON_ASSIGN_OR_RETURN(const auto window, graph::ResolveConvTranspose(
                                                 call.node, call.in(0).shape, call.in(1).shape));
  const Operands ops = Read(call, window, true);
  const WindowLoop loop(window, call.out().shape, call.in(0).shape);
  const auto taps = static_cast<std::size_t>(loop.taps());
  std::vector<double> y(static_cast<std::size_t>(call.out().elements()));
  ForEachPlane(
      ops, loop.long_size(), y, [&](double* out, std::size_t block, std::size_t g, std::size_t m) {
        const double* in = ops.x.data() + block * ops.in_channels * loop.short_size();
        for (std::size_t c = 0; c < ops.in_channels; ++c, in += loop.short_size()) {
          const double* w =
              ops.w.data() + ((g * ops.in_channels + c) * ops.out_channels + m) * taps;
          for (std::size_t tap = 0; tap < taps; ++tap) {
            loop.ForEachRun(static_cast<std::int64_t>(tap),
                            [&](std::size_t s, std::size_t l, std::size_t count, std::size_t step) {
                              for (std::size_t i = 0; i < count; ++i)
                                out[l + i * step] += w[tap] * in[s + i];
                            });
          }
        }
      });
  FromDoubles(y, call.out());
  return {};
}

}  // namespace

void RegisterReferenceConv(RefRegistry& registry) {
  registry.Add("", "Conv", Conv);
  registry.Add("", "ConvTranspose", ConvTranspose);
}

}  // namespace hadron::backend::reference
