#pragma once

#include <cstddef>
#include <cstdint>

/// The inner loops of the native backend, compiled once per instruction set from the isa_*.inc
/// files. Plain structs and function pointers only: nothing that is compiled for one instruction
/// set may be linked into code for another (so no inline functions of other headers here).
///
/// Every function computes an element from its operands alone, with a fixed order of additions: the
/// place of an element in a vector, a tile or a thread's share never changes its bytes.
namespace hadron::backend::native {

/// What happens to a value before it is stored.
enum class StepKind : std::uint8_t {
  kScale,
  kShift,
  kAdd,  // with operand
  kRelu,
  kLeakyRelu,
  kClip,
  kSigmoid,
  kTanh,
  kSoftplus,
  kElu,
  kExp,
  kLog,
  kNeg,
  kAbs,
  kSqrt,
  kReciprocal,
  kErf,
  kFloor,
  kCeil,
  kGelu,
  kGeluTanh,
  kSwish,
  kHardSigmoid,
  kHardSwish,
};

/// Steps up to kClip cost an instruction or two and run on registers.
inline constexpr bool IsLight(StepKind kind) { return kind <= StepKind::kClip; }

/// One step. `operand`: a value per channel (kScale, kShift) or a tensor like the output (kAdd).
struct Step {
  StepKind kind = StepKind::kRelu;
  float a = 0;
  float b = 0;
  const float* operand = nullptr;
};

inline constexpr int kMaxSteps = 8;

/// The steps of one kernel, bound to memory; the first `light` of them are light.
struct StepList {
  int count = 0;
  int light = 0;
  Step steps[kMaxSteps];
};

/// Elements [0, count) of a row: the channel operand starts at `channel`, the full one at `offset`.
/// `scalar_channel`: the whole row is that one channel.
struct RowPlace {
  std::size_t channel = 0;
  std::size_t offset = 0;
  bool scalar_channel = false;
};

/// Taps of one spatial axis of a convolution phase. Output q reads inputs
/// q * in_step + in_origin + tap; it lies at q * out_step + out_origin.
struct DirectAxis {
  std::int32_t count = 1;
  std::int32_t in_step = 1;
  std::int32_t in_origin = 0;
  std::int32_t out_step = 1;
  std::int32_t out_origin = 0;
  std::int32_t taps = 1;
  const std::int32_t* tap_offsets = nullptr;  ///< by tap, in floats, ascending
  const std::uint64_t* valid = nullptr;       ///< by output: bit t = tap t lies inside
  std::int32_t full_begin = 0;                ///< outputs [full_begin, full_end) have all taps
  std::int32_t full_end = 0;
};

/// One convolution of unit structure: all of Conv, or one phase of ConvTranspose.
struct DirectGrid {
  DirectAxis axes[3];
  std::int64_t pixels = 0;      ///< product of the counts and of a block's images
  std::int64_t tiles = 0;       ///< a block's pixels in parts of at most `tile_rows`, all alike
  std::int64_t weights = 0;     ///< where its packed weights start, in floats
  std::int64_t first_item = 0;  ///< items of the grids before it
  std::int64_t band = 1;        ///< tiles, of all blocks, before the next group of panels
  bool all_valid = false;       ///< no tap ever lies outside
  /// Where a pixel with all its taps reads, in floats from its origin, and how much each time.
  const std::int32_t* runs = nullptr;
  std::int32_t run_count = 0;
  std::int64_t run_floats = 0;
};

/// A block of output channels that is computed together: at most `panel_width` of one group.
struct DirectPanel {
  std::int32_t in_channel = 0;
  std::int32_t out_channel = 0;
  std::int32_t channels = 0;
  std::int32_t vectors = 1;
  std::int64_t before = 0;  ///< packed columns of the panels before it
};

/// A direct convolution over channels-last tensors; a matrix product is one with a single tap.
struct DirectProblem {
  const DirectGrid* grids = nullptr;
  const DirectPanel* panels = nullptr;
  std::int32_t grid_count = 1;
  std::int32_t panel_count = 1;
  std::int32_t item_panels = 1;   ///< panels that an item computes, one after the other
  std::int64_t blocks = 1;        ///< of `block_images` images
  std::int32_t block_images = 1;  ///< images that take turns in a tile, pixel by pixel
  std::int64_t items = 0;
  std::int32_t depth = 1;  ///< input channels of a group
  std::int32_t tile_rows = 1;
  std::int32_t merged_taps = 1;    ///< innermost taps that read adjacent memory: all or 1
  std::int32_t in_stride[3] = {};  ///< floats from one position to the next, by axis
  std::int32_t out_stride[3] = {};
  /// Depthwise with three innermost taps side by side: items are lines of all panels, cut into
  /// tiles of so many pixels; 0 for others.
  std::int32_t line_rows = 0;
  /// Of such a problem: the input's lines take turns in so many places, line n lies at place
  /// n % ring_lines; 0: each has its own.
  std::int32_t ring_lines = 0;
  std::int64_t in_image = 0;  ///< floats of an input image
  std::int64_t out_image = 0;
};

/// Its memory. `zeros`: `depth` zeros for each innermost tap; depthwise one for each channel and a
/// vector more. Without bias `bias` is null.
struct DirectMemory {
  const float* x = nullptr;
  const float* weights = nullptr;
  const float* bias = nullptr;
  float* y = nullptr;
  const float* zeros = nullptr;
  StepList steps;
};

/// A 3x3 convolution of stride 1 by Winograd's F(2x2, 3x3): the input as overlapping 4x4 tiles,
/// each 2x2 outputs, 16 products instead of 36. An item is a panel of output channels over a block
/// of tiles; tiles count through the images, row by row. Channels-last.
struct WinogradProblem {
  const DirectPanel* panels = nullptr;
  std::int32_t panel_count = 1;
  std::int32_t size[2] = {};      ///< of the input: rows, columns
  std::int32_t out_size[2] = {};  ///< of the output
  std::int32_t pad[2] = {};       ///< zeros before the input
  std::int32_t tiles[2] = {};     ///< of an image
  std::int64_t all_tiles = 0;     ///< of all images
  std::int64_t blocks = 1;
  std::int32_t block_tiles = 1;  ///< most tiles of a block
  std::int32_t channels = 1;     ///< of the input
  std::int32_t depth = 1;        ///< the same, rounded up to whole vectors
  std::int32_t out_channels = 1;
  std::int64_t scratch = 0;  ///< floats that an item needs
};

inline constexpr int kWinogradPositions = 16;

inline constexpr int kMaxDepthwiseRows = 8;
inline constexpr int kMaxDepthwiseTaps = 64;

enum class BinaryKind : std::uint8_t { kAdd, kSub, kMul, kDiv, kMax, kMin, kPRelu };

/// Pooling of one window over channels-last rows. `rows`: one pointer a tap inside the input.
enum class PoolKind : std::uint8_t { kMax, kSum };

/// A row-wise product and its kind are chosen by the caller; see the .inc files for the loops.
struct VectorKernels {
  const char* isa;
  int width;     ///< floats of a vector
  int rows_one;  ///< most tile rows for panels of one vector
  int rows_two;  ///< ... of two vectors

  /// Items [first, last) of the problem, vectors over output channels.
  void (*direct)(const DirectProblem&, const DirectMemory&, std::int64_t first, std::int64_t last);
  /// The same with vectors over the inputs of a pixel: for few output channels. Weights lie
  /// [grid][channel][tap][depth] without padding.
  void (*direct_dot)(const DirectProblem&, const DirectMemory&, std::int64_t first,
                     std::int64_t last);
  /// The same for one input and one output channel a group: a panel is one or two vectors
  /// of channels, weights lie [grid][panel][tap][vectors]. At most kMaxDepthwiseTaps taps, and as
  /// many rows.
  void (*direct_depthwise)(const DirectProblem&, const DirectMemory&, std::int64_t first,
                           std::int64_t last);
  /// Items [first, last) by Winograd's method; weights lie [panel][position][channel][vectors].
  /// `scratch` is the caller's alone.
  void (*winograd)(const WinogradProblem&, const DirectMemory&, float* scratch, std::int64_t first,
                   std::int64_t last);
  /// y = steps(x) on one row; x may be y.
  void (*apply)(const StepList&, const RowPlace&, const float* x, float* y, std::size_t count);
  /// y = a op b; a step of 0 repeats the operand's first element.
  void (*binary)(BinaryKind, const float* a, int a_step, const float* b, int b_step, float* y,
                 std::size_t count);
  /// y[c] = max or sum over `count` rows of `channels` floats.
  void (*pool)(PoolKind, const float* const* rows, std::size_t count, float* y,
               std::size_t channels);
  /// Softmax (or its logarithm) of one row.
  void (*softmax)(const float* x, float* y, std::size_t count, bool logarithm);
  /// One row of LayerNormalization; `bias` may be null.
  void (*normalise)(const float* x, const float* scale, const float* bias, float epsilon, float* y,
                    std::size_t count);
  /// Pixels of 2 to 4 channels from planes that lie `plane` floats apart.
  void (*interleave)(const float* planes, std::int64_t plane, int channels, float* y,
                     std::size_t pixels);
  /// Sum of a row in a fixed order.
  float (*sum)(const float* x, std::size_t count);
};

extern const VectorKernels kGenericKernels;
#if defined(__x86_64__)
extern const VectorKernels kAvx2Kernels;
extern const VectorKernels kAvx512Kernels;
#endif

}  // namespace hadron::backend::native
