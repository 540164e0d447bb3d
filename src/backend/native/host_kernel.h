#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/kernel.h"

namespace hadron::backend::native {

/// A Launch that runs a function object, which holds all it needs and cannot fail.
template <typename F>
class FunctionLaunch final : public Launch {
 public:
  explicit FunctionLaunch(F run) : run_(std::move(run)) {}
  base::Status Run() override {
    run_();
    return {};
  }

 private:
  F run_;
};

template <typename F>
std::unique_ptr<Launch> MakeLaunch(F run) {
  return std::make_unique<FunctionLaunch<F>>(std::move(run));
}

/// The same of a function object of input 0's address.
template <typename F>
class ReadingLaunch final : public Launch {
 public:
  ReadingLaunch(const std::byte* bound, F run)
      : bound_(bound), from_(bound), run_(std::move(run)) {}
  base::Status Run() override {
    run_(from_);
    return {};
  }
  void ReadFrom(const std::byte* input) override { from_ = input == nullptr ? bound_ : input; }

 private:
  const std::byte* const bound_;
  const std::byte* from_;
  F run_;
};

/// A Kernel from its parts; `bind` makes the launch. Immutable, thread-safe if `bind` is.
struct HostKernelParts {
  std::string description;
  std::function<std::unique_ptr<Launch>(const KernelArgs&)> bind;
  std::uint64_t scratch_bytes = 0;
  std::vector<Packing> packings = {};
  std::vector<std::size_t> in_place = {};  ///< see Kernel::in_place_inputs
  bool reads_anywhere = false;             ///< `bind` makes a ReadingLaunch
};
std::unique_ptr<Kernel> MakeHostKernel(HostKernelParts parts);

inline const float* Floats(const BufferView& view) {
  return reinterpret_cast<const float*>(view.host);
}
inline float* MutableFloats(const BufferView& view) { return reinterpret_cast<float*>(view.host); }

inline std::size_t Size(std::int64_t value) { return static_cast<std::size_t>(value); }

/// UNIMPLEMENTED: the next backend takes the node.
base::Status NotHere(const KernelRequest& request, std::string_view why);

/// UNIMPLEMENTED unless every input and output that is there is FP32.
base::Status RequireFloats(const KernelRequest& request);

/// A spec whose memory is channels-last (or in an order that is the same).
bool IsChannelsLast(const TensorSpec& spec);
/// A spec whose memory is row-major (or in an order that is the same).
bool IsPlain(const TensorSpec& spec);

}  // namespace hadron::backend::native
