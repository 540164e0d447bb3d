#include "backend/opencl/tile_trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <future>

#include "base/bytes.h"
#include "base/executor.h"

namespace hadron::backend::opencl {
namespace {

using base::Status;
using base::StatusOr;

constexpr std::int64_t kFewProducts = std::int64_t{1} << 20;
constexpr std::uint64_t kMostBytes = std::uint64_t{256} << 20;  ///< of a trial's tensors
constexpr int kLaunches = 4;  ///< timed together: waiting for the device counts once

/// Numbers whose sums round differently in another order.
std::vector<float> TestNumbers(std::int64_t count) {
  std::vector<float> numbers(Size(count));
  std::uint32_t state = 1;
  for (float& number : numbers) {
    state = state * 1664525U + 1013904223U;
    number = static_cast<float>(state >> 8U) / static_cast<float>(1U << 23U) - 1;
  }
  return numbers;
}

class KernelTrial final : public TileTrial {
 public:
  static StatusOr<std::unique_ptr<TileTrial>> Make(device::Device& device,
                                                   const TiledKernel& kernel, const Tile& tile);

  StatusOr<std::vector<std::byte>> Result(const Tile& tile) override {
    launch_.reset();
    HADRON_ASSIGN_OR_RETURN(kernel_, tiled_.make(tile));
    HADRON_ASSIGN_OR_RETURN(launch_, kernel_->Bind(args_));
    std::vector<std::byte> result(args_.outputs[0].bytes, std::byte{0xFF});  // NaN
    stream_->Upload(result, *buffer_, args_.outputs[0].offset);
    Status enqueued = launch_->Enqueue(*stream_);
    stream_->Download(*buffer_, args_.outputs[0].offset, result);
    HADRON_RETURN_IF_ERROR(Finish());
    HADRON_RETURN_IF_ERROR(std::move(enqueued));
    return result;
  }

  StatusOr<base::Duration> Time() override {
    const auto begin = std::chrono::steady_clock::now();
    Status enqueued;
    for (int i = 0; i < kLaunches && enqueued.ok(); ++i) enqueued = launch_->Enqueue(*stream_);
    HADRON_RETURN_IF_ERROR(Finish());
    HADRON_RETURN_IF_ERROR(std::move(enqueued));
    return base::Duration((std::chrono::steady_clock::now() - begin) / kLaunches);
  }

 private:
  explicit KernelTrial(const TiledKernel& tiled) : tiled_(tiled) {}

  /// Lays the tensors out in a buffer and writes the operands.
  Status Place(device::Device& device);
  Status Finish() {
    std::promise<Status> done;
    stream_->Record([&done](Status status) { done.set_value(std::move(status)); });
    stream_->Flush();
    return done.get_future().get();
  }

  const TiledKernel& tiled_;
  base::ManualExecutor no_host_tasks_;
  std::unique_ptr<device::DeviceBuffer> buffer_;
  std::unique_ptr<device::Stream> stream_;
  KernelArgs args_;
  std::unique_ptr<Kernel> kernel_;
  std::unique_ptr<Launch> launch_;
};

StatusOr<std::unique_ptr<TileTrial>> KernelTrial::Make(device::Device& device,
                                                       const TiledKernel& kernel,
                                                       const Tile& tile) {
  std::unique_ptr<KernelTrial> trial(new KernelTrial(kernel));  // NOLINT: private constructor
  HADRON_ASSIGN_OR_RETURN(trial->stream_, device.CreateStream(trial->no_host_tasks_));
  HADRON_ASSIGN_OR_RETURN(trial->kernel_, kernel.make(tile));
  HADRON_RETURN_IF_ERROR(trial->Place(device));
  return std::unique_ptr<TileTrial>(std::move(trial));
}

Status KernelTrial::Place(device::Device& device) {
  const auto packings = kernel_->packings();
  const bool packed = packings.size() > 1 && !packings[1].key.empty();
  const auto bytes_of = [&](std::size_t i) {
    return i == 1 && packed ? packings[1].bytes : Size(tiled_.floats[i]) * sizeof(float);
  };
  const std::uint64_t align = std::max<std::uint64_t>(device.info().base_align, 256);
  std::uint64_t end = 0;
  std::vector<BufferView> views;
  for (const std::uint64_t bytes :
       {bytes_of(0), bytes_of(1), bytes_of(2), kernel_->scratch_bytes()}) {
    views.push_back({nullptr, end, bytes, nullptr, nullptr});
    end += (bytes + align - 1) / align * align;
  }
  if (end > kMostBytes) return base::ResourceExhausted("a trial of so many bytes");
  HADRON_ASSIGN_OR_RETURN(auto reservation, device.memory().Reserve("kernel tuning", end));
  HADRON_ASSIGN_OR_RETURN(buffer_, device.Allocate(std::move(reservation), end));
  for (BufferView& view : views) view.buffer = buffer_.get();
  args_ = {{views[0], views[1]}, {views[2]}, views[3]};
  const std::vector<float> numbers = TestNumbers(std::max(tiled_.floats[0], tiled_.floats[1]));
  const auto bytes = std::as_bytes(std::span(numbers));
  std::vector<std::byte> weights(views[1].bytes);
  if (packed) {
    const auto plain = bytes.first(Size(tiled_.floats[1]) * sizeof(float));
    const tensor::HostTensor tensor{
        {"", tensor::DataType::kFp32, tensor::Shape({tiled_.floats[1]})}, base::IoBuf::Copy(plain)};
    HADRON_RETURN_IF_ERROR(packings[1].pack(tensor, weights));
  } else {
    std::ranges::copy(bytes.first(weights.size()), weights.begin());
  }
  stream_->Upload(bytes.first(views[0].bytes), *buffer_, views[0].offset);
  stream_->Upload(weights, *buffer_, views[1].offset);
  return Finish();
}

}  // namespace

Tile TuneTile(ProgramLibrary& library, std::span<const Tile> candidates,
              const TiledKernel& kernel) {
  const TileProblem& p = kernel.problem;
  const std::int64_t depth = p.depth * p.runs;
  if (p.rows * p.columns * depth < kFewProducts) return candidates.front();
  const std::string shape = fmt::format("{}:{}x{}x{}", kernel.family, p.columns, depth,
                                        std::bit_ceil(static_cast<std::uint64_t>(p.rows)));
  return library.tuner().Choose(shape, candidates, [&] {
    return KernelTrial::Make(library.device(), kernel, candidates.front());
  });
}

}  // namespace hadron::backend::opencl
