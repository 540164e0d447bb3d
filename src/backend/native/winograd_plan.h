#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/native/direct_plan.h"

namespace hadron::backend::native {

/// A 3x3 convolution prepared for Winograd's F(2x2, 3x3): panels, blocks and the layout of the
/// transformed weights. Depends on the shapes and the instruction set alone. Immutable,
/// thread-safe. On values of one size its error is no larger than the direct kernel's: the
/// transforms cost bits, but the sums are a ninth as long.
class WinogradPlan {
 public:
  /// True when the method applies: 3x3 in two dimensions, stride and dilation 1, one group.
  static bool Applies(const ConvShape& shape);
  /// The rule that chooses it, by the layer alone, so that every batch and every machine with these
  /// instructions computes the same bytes: enough tiles of an image for each transformed weight,
  /// and enough channels to pay for the transforms.
  static bool Wins(const ConvShape& shape);
  /// Needs Applies(shape).
  static std::shared_ptr<const WinogradPlan> Make(const ConvShape& shape);

  WinogradPlan(const WinogradPlan&) = delete;
  WinogradPlan& operator=(const WinogradPlan&) = delete;

  std::uint64_t packed_bytes() const;
  /// Names the packed layout; equal for plans of other batch and image sizes.
  std::string key() const;
  void Pack(const WeightStrides& strides, const float* from, float* to) const;
  /// Bytes that Run needs for so many threads.
  std::uint64_t scratch_bytes(int threads) const;
  /// Computes; uses up to `threads` threads if the work is worth it.
  void Run(const DirectMemory& memory, float* scratch, int threads) const;
  /// Zeros that edge tiles read; any DirectMemory of this plan may point here.
  const float* zeros() const { return zeros_.data(); }

 private:
  explicit WinogradPlan(const ConvShape& shape);
  void BuildPanels();

  ConvShape shape_;
  WinogradProblem problem_;
  std::vector<DirectPanel> panels_;
  std::vector<float> zeros_;
  double nanoseconds_ = 0;  ///< estimate for one thread
};

/// Weights must be constant: they are transformed when they are packed.
std::unique_ptr<Kernel> MakeWinogradKernel(const ConvShape& shape, DirectKernelParts parts);

}  // namespace hadron::backend::native
