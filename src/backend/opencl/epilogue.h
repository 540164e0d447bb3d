#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backend/kernel.h"
#include "backend/opencl/launch.h"
#include "base/status.h"
#include "graph/graph.h"

namespace hadron::backend::opencl {

/// What a kernel does to its results before it stores them: a node's post-ops as OpenCL text. The
/// text depends on the kinds alone, so kernels that differ in operands and constants share a
/// program. Immutable; a value.
///
///     HADRON_ASSIGN_OR_RETURN(const Epilogue epilogue, Epilogue::Plan(request));
///     HADRON_ASSIGN_OR_RETURN(auto program, library.Get("gemm.cl", options, epilogue.source()));
///     epilogue.Bind(args, arguments);  // behind the kernel's own arguments
class Epilogue {
 public:
  /// An addition before all post-ops: kShift (a value per channel) or kAdd (a tensor like the
  /// output) of one of the node's own inputs.
  struct Bias {
    graph::PostOp::Kind kind = graph::PostOp::Kind::kShift;
    std::size_t input = 2;
  };
  /// UNIMPLEMENTED when an operand's shape or layout does not fit output 0. Channel operands have a
  /// value for each channel (graph::ChannelAxis), which must be the innermost axis in memory.
  static base::StatusOr<Epilogue> Plan(const KernelRequest& request,
                                       std::optional<Bias> bias = std::nullopt);

  /// Defines three macros for the kernel: POST_PARAMETERS and POST_ARGUMENTS continue a list of
  /// parameters or arguments; POST(T, LOAD, value, channel, place) is statements that change
  /// `value` of type T, whose (first) element is of that channel and is stored at out[place].
  /// LOAD(pointer) reads a T. Functions are those of kernels/activation.clh.
  std::string source() const;
  /// True when operands per channel have a row for each matrix of a stack (graph::IsRowPerMatrix):
  /// the kernel's `channel` must then count on through the matrices.
  bool has_row_per_matrix() const { return row_per_matrix_; }
  /// Inputs that are added element by element: see Kernel::in_place_inputs.
  std::vector<std::size_t> AddedInPlace() const;
  void Bind(const KernelArgs& args, ArgumentWriter& arguments) const;

 private:
  struct Step {
    graph::PostOp op;
    std::optional<std::size_t> input;
  };
  std::vector<Step> steps_;
  bool row_per_matrix_ = false;
};

/// For KernelEntry::fuses: the epilogue knows every post-op.
bool FusesAll(const graph::PostOp& op);

}  // namespace hadron::backend::opencl
