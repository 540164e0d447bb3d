#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "backend/kernel.h"
#include "base/bytes.h"

namespace hadron::test {

/// How a planted kernel breaks the promise that a row's bytes do not depend on its batch.
enum class RowFault : std::uint8_t {
  kNone,
  kPosition,   ///< adds the row's number
  kOrder,      ///< adds the row's sum: forwards for a row alone, backwards in a batch
  kNeighbour,  ///< adds the largest value of the batch
  kNan,        ///< adds NaN whose payload is the row's number: no fault, NaN is NaN
};

/// Takes the place of an operator with one input and one output of its shape: computes Relu and
/// adds what the fault says, and counts its runs. Floats on the host; tests only.
class RowDependentKernel final : public backend::Kernel {
 public:
  RowDependentKernel(RowFault fault, const backend::TensorSpec& spec, std::atomic<int>* runs)
      : fault_(fault),
        runs_(runs),
        rows_(static_cast<std::size_t>(spec.shape[0])),
        columns_(static_cast<std::size_t>(spec.shape.elements()) / rows_) {}

  std::string description() const override { return "planted"; }
  base::StatusOr<std::unique_ptr<backend::Launch>> Bind(
      const backend::KernelArgs& args) const override {
    return std::unique_ptr<backend::Launch>(std::make_unique<Bound>(*this, args));
  }

 private:
  class Bound final : public backend::Launch {
   public:
    Bound(const RowDependentKernel& kernel, const backend::KernelArgs& args)
        : kernel_(kernel), from_(args.inputs[0]), to_(args.outputs[0]) {}
    base::Status Run() override {
      if (kernel_.runs_ != nullptr) ++*kernel_.runs_;
      const auto from = base::AsArray<float>({from_.host, from_.bytes});
      const auto to = base::AsMutableArray<float>({to_.host, to_.bytes});
      for (std::size_t row = 0; row < kernel_.rows_; ++row) {
        const auto mine = from.subspan(row * kernel_.columns_, kernel_.columns_);
        const float extra = kernel_.Extra(from, mine, row);
        for (std::size_t i = 0; i < mine.size(); ++i) {
          to[row * kernel_.columns_ + i] = std::max(mine[i], 0.0F) + extra;
        }
      }
      return {};
    }

   private:
    const RowDependentKernel& kernel_;
    const backend::BufferView from_;
    const backend::BufferView to_;
  };

  float Extra(std::span<const float> all, std::span<const float> mine, std::size_t row) const {
    float sum = 0;
    switch (fault_) {
      case RowFault::kNone:
        return 0;
      case RowFault::kPosition:
        return static_cast<float>(row);
      case RowFault::kNan:
        return std::bit_cast<float>(0x7fc00001U + static_cast<std::uint32_t>(row));
      case RowFault::kNeighbour:
        return *std::ranges::max_element(all);
      case RowFault::kOrder:
        for (std::size_t i = 0; i < mine.size(); ++i) {
          sum += mine[rows_ == 1 ? i : mine.size() - 1 - i];
        }
        return sum;
    }
    return sum;
  }

  const RowFault fault_;
  std::atomic<int>* const runs_;
  const std::size_t rows_;
  const std::size_t columns_;
};

/// To be called before the native kernels are registered: the first of a name is taken. `runs`
/// outlives the registry's kernels.
inline void PlantRowDependentKernel(backend::KernelRegistry& registry, std::string_view op_type,
                                    RowFault fault, std::atomic<int>* runs = nullptr) {
  registry.Add(backend::BackendId::kNative,
               {.op_type = op_type,
                .create = [fault, runs](const backend::KernelRequest& request)
                    -> base::StatusOr<std::unique_ptr<backend::Kernel>> {
                  return std::unique_ptr<backend::Kernel>(
                      std::make_unique<RowDependentKernel>(fault, request.outputs[0], runs));
                }});
}

}  // namespace hadron::test
