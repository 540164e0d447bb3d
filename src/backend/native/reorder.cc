#include "backend/reorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "backend/native/host_kernel.h"
#include "backend/native/isa.h"
#include "backend/native/parallel.h"
#include "backend/native/strided.h"

namespace hadron::backend {
namespace {

using native::HostKernelParts;
using native::MakeHostKernel;
using native::MakeLaunch;
using native::StridedCopy;

std::unique_ptr<Kernel> MakeCopy(std::uint64_t bytes) {
  HostKernelParts parts;
  parts.description = "native copy";
  parts.bind = [bytes](const KernelArgs& args) {
    return MakeLaunch([from = args.inputs[0].host, to = args.outputs[0].host, bytes] {
      if (from != to && bytes > 0) std::memmove(to, from, bytes);
    });
  };
  return MakeHostKernel(std::move(parts));
}

/// Images of few channels, as models of pictures get them: a part of the pixels for each thread.
std::unique_ptr<Kernel> MakeInterleave(std::int64_t images, std::int64_t channels,
                                       std::int64_t pixels, int threads) {
  constexpr std::int64_t kPart = 1024;
  const std::int64_t parts = (pixels + kPart - 1) / kPart;
  const double work = static_cast<double>(images * channels * pixels) * 0.2;
  HostKernelParts host;
  host.description = "native to channels-last";
  host.reads_anywhere = true;
  host.bind = [=, team = native::ThreadsFor(work, threads)](const KernelArgs& args) {
    const auto run = [=, to = native::MutableFloats(args.outputs[0])](const std::byte* input) {
      const auto* const from = reinterpret_cast<const float*>(input);
      native::ParallelFor(team, images * parts, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t item = first; item < last; ++item) {
          const std::int64_t image = item / parts * channels * pixels;
          const std::int64_t pixel = item % parts * kPart;
          native::Vector().interleave(from + image + pixel, pixels, static_cast<int>(channels),
                                      to + image + pixel * channels,
                                      native::Size(std::min(kPart, pixels - pixel)));
        }
      });
    };
    return std::make_unique<native::ReadingLaunch<decltype(run)>>(args.inputs[0].host, run);
  };
  return MakeHostKernel(std::move(host));
}

}  // namespace

base::StatusOr<std::unique_ptr<Kernel>> MakeReorderKernel(const TensorSpec& from,
                                                          const TensorSpec& to, int threads) {
  const std::size_t element = tensor::ElementSize(from.type);
  if (from.type != to.type || from.shape != to.shape || element == 0) {
    return base::Internal(fmt::format("a reorder cannot turn {} {} into {} {}",
                                      tensor::DataTypeName(from.type), from.shape.ToString(),
                                      tensor::DataTypeName(to.type), to.shape.ToString()));
  }
  if (SameOrder(from.layout, to.layout, from.shape)) return MakeCopy(from.bytes());
  const std::int64_t images = from.shape[0];
  const std::int64_t channels = from.shape[1];
  const std::int64_t image = images == 0 ? 0 : from.shape.elements() / images;
  const std::int64_t pixels = channels == 0 ? 0 : image / channels;
  const bool to_last = to.layout == Layout::kChannelsLast;
  if (to_last && element == sizeof(float) && channels >= 2 && channels <= 4) {
    return MakeInterleave(images, channels, pixels, threads);
  }
  // Loops in the order of the target, whose innermost is contiguous.
  const auto copy =
      std::make_shared<const StridedCopy>(to_last ? native::StridedLoop{{{images, image, image},
                                                                         {pixels, 1, channels},
                                                                         {channels, pixels, 1}}}
                                                  : native::StridedLoop{{{images, image, image},
                                                                         {channels, 1, pixels},
                                                                         {pixels, channels, 1}}},
                                          element);
  HostKernelParts parts;
  parts.description = to_last ? "native to channels-last" : "native to plain";
  parts.bind = [copy, threads](const KernelArgs& args) {
    return MakeLaunch(
        [copy, threads, from_bytes = args.inputs[0].host, to_bytes = args.outputs[0].host] {
          copy->Run(from_bytes, to_bytes, threads);
        });
  };
  return MakeHostKernel(std::move(parts));
}

}  // namespace hadron::backend
