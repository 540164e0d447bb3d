#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/native/host_kernel.h"
#include "backend/native/steps.h"
#include "graph/window.h"

namespace hadron::backend::native {

/// Shapes of a convolution (or, with all sizes one but the last, of a matrix product): three
/// spatial axes, leading ones 1. Channels are per group.
struct ConvShape {
  std::int64_t images = 1;
  std::int64_t groups = 1;
  std::int64_t in_channels = 1;
  std::int64_t out_channels = 1;
  std::array<std::int64_t, 3> in_size = {1, 1, 1};
  std::array<graph::WindowAxis, 3> axes;  ///< resolved; `output` is the output's size
  bool transposed = false;
};

/// Where weight (group, output channel, input channel, tap) lies in the plain tensor.
struct WeightStrides {
  std::int64_t group = 0;
  std::int64_t out = 0;
  std::int64_t in = 0;
  float scale = 1;  ///< multiplied in while packing
};

/// A convolution prepared for the direct kernels: phases, taps, tiles and the layout of the packed
/// weights. Depends on the shapes and the instruction set alone. Immutable, thread-safe.
class DirectPlan {
 public:
  /// Null when a size exceeds what the kernels address (64 taps an axis, 2^31 elements an image).
  static std::shared_ptr<const DirectPlan> Make(const ConvShape& shape);

  DirectPlan(const DirectPlan&) = delete;
  DirectPlan& operator=(const DirectPlan&) = delete;

  const DirectProblem& problem() const { return problem_; }
  /// Name of the kernel: "direct", "direct_dot", "direct_depthwise".
  const char* kernel_name() const;
  std::int64_t packed_floats() const { return packed_floats_; }
  /// Names the packed layout; equal for plans of other batch and image sizes.
  std::string key() const;
  void Pack(const WeightStrides& strides, const float* from, float* to) const;
  /// Computes; uses up to `threads` threads if the work is worth it.
  void Run(const DirectMemory& memory, int threads) const { Run(std::span(&memory, 1), threads); }
  /// The same several times, as one piece of work.
  void Run(std::span<const DirectMemory> memories, int threads) const;
  /// Zeros that edge pixels read; any DirectMemory of this plan may point here.
  const float* zeros() const { return zeros_.data(); }
  /// Estimate of a run on one thread.
  double nanoseconds() const { return nanoseconds_; }

 private:
  /// One axis of one phase with the storage behind it. A convolution has one phase an axis, a
  /// transposed one as many as its stride: outputs o with equal (o + pad) mod stride share taps.
  struct Phase {
    DirectAxis axis;
    std::vector<std::int32_t> kernel_index;  ///< by tap
    std::vector<std::int64_t> positions;     ///< by tap: input position relative to the origin
    std::vector<std::int32_t> offsets;       ///< the same in floats
    std::vector<std::uint64_t> valid;
    bool all_valid = true;
  };
  explicit DirectPlan(const ConvShape& shape) : shape_(shape) {}

  enum class Kind : std::uint8_t {
    kPanels,     ///< vectors over output channels
    kDot,        ///< vectors over the inputs of a pixel: few output channels
    kDepthwise,  ///< vectors over groups of one channel
  };

  bool Fits() const;
  std::int64_t panel_width() const;
  static void MarkValidTaps(std::int64_t in_size, Phase& phase);
  void BuildPhases();
  void AddTaps(const graph::WindowAxis& window, std::int64_t residue, Phase& phase) const;
  void BuildGrids();
  void BuildRuns();
  void BuildPanels();
  void AddPanels(std::int64_t first_in, std::int64_t first_out, std::int64_t channels,
                 std::int64_t widest);
  void ChooseKernel();
  std::int64_t BlockImages() const;
  std::int32_t ItemPanels() const;
  std::int64_t BandOf(std::int64_t tiles, std::int64_t weights) const;
  std::int32_t LineRows() const;
  void Finish();
  void PackGrid(const DirectGrid& grid, std::size_t index, const WeightStrides& strides,
                const float* from, float* to) const;

  ConvShape shape_;
  DirectProblem problem_;
  Kind kind_ = Kind::kPanels;
  std::int64_t packed_floats_ = 0;
  double nanoseconds_ = 0;  ///< estimate for one thread
  std::array<std::vector<Phase>, 3> phases_;
  std::vector<std::array<const Phase*, 3>> grid_phases_;
  std::vector<DirectGrid> grids_;
  std::vector<std::vector<std::int32_t>> runs_;  ///< by grid
  std::vector<DirectPanel> panels_;
  std::vector<float> zeros_;
};

/// What the kernels of convolutions and matrix products have in common: a plan, weights at input
/// 1, an optional bias, steps.
struct DirectKernelParts {
  std::shared_ptr<const DirectPlan> plan;
  WeightStrides strides;
  std::string strides_key;       ///< tells packings of the same plan with other strides apart
  bool constant_weights = true;  ///< else they are packed into scratch at every run
  /// A stack of constant matrices, one behind the other, that all meet the same input: results lie
  /// one behind the other as well. Only of matrix products.
  std::int64_t matrices = 1;
  int bias_input = -1;
  std::vector<PlannedStep> steps;
  int threads = 1;
};
std::unique_ptr<Kernel> MakeDirectKernel(DirectKernelParts parts);

}  // namespace hadron::backend::native
