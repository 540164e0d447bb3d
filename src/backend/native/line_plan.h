#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backend/native/direct_plan.h"

namespace hadron::backend::native {

/// Convolutions one behind the other, the middle one depthwise: [pointwise] depthwise [pointwise],
/// as in inverted residuals. They are computed together, some lines at a time, so that what lies
/// between them stays in the cache and never fills a tensor. Threads share the output's lines out
/// in bands; the lines that two bands read are computed for both.
///
/// Every element is computed as by the DirectPlans of the single convolutions: the same bytes.
/// Immutable, thread-safe.
class LinePlan {
 public:
  /// Null when the convolutions are not of this sort, or when it does not pay: what lies between
  /// them would stay in the cache anyway. Depends on the shapes of an image alone.
  static std::shared_ptr<const LinePlan> Make(std::span<const ConvShape> shapes, int threads);

  /// Floats that a run needs.
  std::int64_t scratch_floats() const;
  /// By convolution; of the first `x` counts, of the last `y`.
  void Run(std::span<const DirectMemory> memories, float* scratch) const;

 private:
  /// A product over the pixels of some lines.
  struct Pointwise {
    std::vector<std::shared_ptr<const DirectPlan>> of;  ///< by the number of lines, less one
    std::int64_t lines = 1;                             ///< at most, at a time
    std::int64_t in_line = 0;                           ///< floats
    std::int64_t out_line = 0;
  };
  struct Memories {
    const DirectMemory* expand = nullptr;  ///< null: none
    const DirectMemory* depthwise = nullptr;
    const DirectMemory* project = nullptr;  ///< null: none
  };

  /// Which expanded lines of an image a thread has in its ring: whole groups, no more than fit.
  struct Ring {
    std::int64_t image = -1;
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };

  LinePlan() = default;
  static std::optional<Pointwise> MakePointwise(const ConvShape& shape, std::int64_t width,
                                                std::int64_t lines);
  void RunTurns(const Memories& m, float* scratch, Ring& ring, std::int64_t first,
                std::int64_t last) const;
  void RunTurn(const Memories& m, float* scratch, Ring& ring, std::int64_t item) const;
  void Provide(const Memories& m, float* lines, Ring& ring, std::int64_t image, std::int64_t begin,
               std::int64_t end) const;
  void Expand(const Memories& m, float* ring, std::int64_t image, std::int64_t line) const;
  void Filter(const Memories& m, float* ring, float* buffer, std::int64_t image, std::int64_t line,
              std::int64_t count) const;
  void Project(const Memories& m, const float* buffer, std::int64_t image, std::int64_t line,
               std::int64_t count) const;

  std::optional<Pointwise> expand_;
  std::shared_ptr<const DirectPlan> depthwise_;
  DirectProblem lines_;  ///< of `depthwise_`, its input in a ring if there is an expansion
  std::optional<Pointwise> project_;
  graph::WindowAxis axis_;  ///< of the lines
  std::int64_t in_lines_ = 0;
  std::int64_t images_ = 1;
  std::int64_t turn_ = 1;   ///< lines of the output that are computed together
  std::int64_t turns_ = 1;  ///< of an image
  std::int64_t ring_floats_ = 0;
  std::int64_t buffer_floats_ = 0;
  int threads_ = 1;
};

}  // namespace hadron::backend::native
