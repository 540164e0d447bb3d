#include "backend/opencl/product.h"

#include <fmt/format.h>

#include <array>

#include "backend/opencl/tile_trial.h"
#include "base/bytes.h"

namespace hadron::backend::opencl {
namespace {

using base::Status;
using base::StatusOr;

constexpr std::size_t kStackAxes = 4;
constexpr std::int64_t kPackLines = 16;  // PACK_LINES of kernels/gemm.cl

/// `Stack` of kernels/gemm.cl.
struct Stack {
  using Axes = std::array<std::uint32_t, kStackAxes>;
  Axes shape = {1, 1, 1, 1};
  Axes a_strides{};
  Axes b_strides{};
};

Stack StackOf(const BroadcastWalk& walk) {
  HADRON_CHECK(walk.rank <= kStackAxes);
  Stack stack;
  for (std::size_t i = 0; i < walk.rank; ++i) {
    stack.shape[i] = walk.shape[i];
    stack.a_strides[i] = walk.strides[0][i];
    stack.b_strides[i] = walk.strides[1][i];
  }
  return stack;
}

class ProductKernel final : public Kernel {
 public:
  ProductKernel(std::shared_ptr<device::Program> program, const Tile& tile, ProductParts parts)
      : program_(std::move(program)), tile_(tile), parts_(std::move(parts)) {}

  bool on_device() const override { return true; }
  std::string description() const override { return tile_.key() + " product"; }
  std::uint64_t scratch_bytes() const override { return parts_.constant_right ? 0 : PackedBytes(); }

  std::vector<std::size_t> in_place_inputs() const override {
    return parts_.epilogue.AddedInPlace();
  }

  std::vector<Packing> packings() const override {
    if (!parts_.constant_right) return {};
    auto pack = [parts = parts_, tile = tile_](const tensor::HostTensor& from,
                                               std::span<std::byte> to) {
      const base::IoBuf flat = from.bytes.Flatten();
      const float* matrix = base::AsArray<float>(flat.bytes()).data();
      const auto packed = base::AsMutableArray<float>(to);
      const std::size_t size = packed.size() / Size(parts.right_matrices);
      for (std::size_t i = 0; i < Size(parts.right_matrices); ++i) {
        PackMatrix(tile, parts.right, parts.depth, parts.columns,
                   matrix + i * Size(parts.depth * parts.columns), packed.subspan(i * size, size));
      }
      return Status();
    };
    return {{}, {tile_.key() + parts_.right_key, PackedBytes(), std::move(pack)}};
  }

  StatusOr<std::unique_ptr<Launch>> Bind(const KernelArgs& args) const override {
    std::vector<Work> works;
    if (!parts_.constant_right) {
      HADRON_ASSIGN_OR_RETURN(works.emplace_back(), BindPack(args));
    }
    HADRON_ASSIGN_OR_RETURN(auto kernel, program_->CreateKernel("product"));
    ArgumentWriter arguments(*kernel);
    arguments.Tensor(args.inputs[0])
        .Tensor(parts_.constant_right ? args.inputs[1] : args.scratch)
        .Tensor(args.outputs[0])
        .Scalar(Narrow(parts_.rows))
        .Scalar(Narrow(parts_.columns))
        .Scalar(Narrow(parts_.depth))
        .Scalar(Narrow(tile_.panel_floats(parts_.depth)))
        .Scalar(Narrow(parts_.epilogue.has_row_per_matrix() ? parts_.columns : 0))
        .Scalar(StackOf(parts_.stack));
    parts_.epilogue.Bind(args, arguments);
    HADRON_RETURN_IF_ERROR(arguments.Finish());
    const std::size_t tiles = Size(CeilDivide(parts_.rows, tile_.rows));
    works.push_back(
        {std::move(kernel),
         {tiles * tile_.items, Size(tile_.groups(parts_.columns)), Size(parts_.matrices)},
         {tile_.items, 1, 1}});
    return MakeLaunch(std::move(works));
  }

 private:
  static std::uint32_t Narrow(std::int64_t value) { return static_cast<std::uint32_t>(value); }
  std::int64_t Panels() const { return tile_.panels(parts_.columns); }
  std::uint64_t PackedBytes() const {
    return Size(parts_.right_matrices * Panels() * tile_.panel_floats(parts_.depth)) *
           sizeof(float);
  }

  StatusOr<Work> BindPack(const KernelArgs& args) const {
    const std::int64_t floats = tile_.panel_floats(parts_.depth);
    const std::array strides = {Narrow(parts_.right.depth), Narrow(parts_.right.column)};
    HADRON_ASSIGN_OR_RETURN(auto kernel, program_->CreateKernel("pack"));
    ArgumentWriter arguments(*kernel);
    arguments.Tensor(args.inputs[1])
        .Tensor(args.scratch)
        .Scalar(Narrow(parts_.columns))
        .Scalar(Narrow(parts_.depth))
        .Scalar(Narrow(floats))
        .Scalar(strides)
        .Scalar(parts_.right.scale);
    HADRON_RETURN_IF_ERROR(arguments.Finish());
    // Of the CPU family an item packs lines, of the other one an element.
    const std::int64_t items = tile_.items == 1
                                   ? CeilDivide(parts_.depth, kPackLines)
                                   : RoundUp(floats, static_cast<std::int64_t>(tile_.items));
    return Work{std::move(kernel),
                {Size(items), Size(Panels()), Size(parts_.right_matrices)},
                {tile_.items, 1, 1}};
  }

  const std::shared_ptr<device::Program> program_;
  const Tile tile_;
  const ProductParts parts_;
};

StatusOr<std::unique_ptr<Kernel>> MakeWith(ProgramLibrary& library, const Tile& tile,
                                           ProductParts parts) {
  HADRON_ASSIGN_OR_RETURN(auto program,
                          library.Get("gemm.cl", tile.options, parts.epilogue.source()));
  return std::unique_ptr<Kernel>(
      std::make_unique<ProductKernel>(std::move(program), tile, std::move(parts)));
}

/// One matrix without fused operations stands for all.
ProductParts Bare(ProductParts parts) {
  parts.matrices = 1;
  parts.right_matrices = 1;
  parts.stack = {};
  parts.epilogue = {};
  return parts;
}

}  // namespace

StatusOr<std::unique_ptr<Kernel>> MakeProductKernel(ProgramLibrary& library, ProductParts parts) {
  const TileProblem problem = {.rows = parts.rows,
                               .columns = parts.columns,
                               .depth = parts.depth,
                               .runs = 1,
                               .packed_on_device = !parts.constant_right};
  const Tile tile =
      TuneTile(library, TileCandidates(library.device_info(), library.cpu_family(), problem),
               {.family = "gemm",
                .problem = problem,
                .make = [&](const Tile& t) { return MakeWith(library, t, Bare(parts)); },
                .floats = {parts.rows * parts.depth, parts.depth * parts.columns,
                           parts.rows * parts.columns}});
  return MakeWith(library, tile, std::move(parts));
}

}  // namespace hadron::backend::opencl
