#pragma once

#include <functional>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "backend/kernel.h"
#include "backend/reference_executor.h"
#include "base/bytes.h"

namespace hadron::backend {

/// One node with its operands, the way a plan would give it to a kernel. Inputs are the node's
/// inputs, then the operands of its post-ops. Row-major tensors; the rig reorders them.
struct NodeCase {
  graph::Node node;
  std::vector<tensor::HostTensor> inputs;
  std::vector<tensor::TensorDesc> outputs;
  std::vector<bool> constant;      ///< by input; missing = false
  Layout follow = Layout::kPlain;  ///< layout for operators that follow
  int threads = 2;

  void AddInput(tensor::HostTensor tensor, bool is_constant = false);
  void LeaveInputOut();
  void AddPostOp(graph::PostOp::Kind kind, float a = 0, float b = 0);
  void AddPostOp(graph::PostOp::Kind kind, tensor::HostTensor operand);
};

/// Makes node cases: NodeCase c = Case("Conv"); attributes are set on `c.node.attributes`.
NodeCase Case(std::string op_type, std::string domain = "");

tensor::HostTensor FloatTensor(tensor::Shape shape, std::vector<float> values);
tensor::HostTensor RandomTensor(std::mt19937& random, tensor::Shape shape, float low = -1,
                                float high = 1);
template <typename T>
tensor::HostTensor TensorOf(tensor::DataType type, tensor::Shape shape,
                            const std::vector<T>& values) {
  return {{"", type, std::move(shape)}, base::IoBuf::Copy(std::as_bytes(std::span(values)))};
}
std::vector<float> FloatsOf(const tensor::HostTensor& tensor);

/// A native kernel bound to memory of its own. Every tensor ends at a guard whose bytes are
/// checked after a run.
class BoundKernel {
 public:
  /// UNIMPLEMENTED when the native backend has no kernel for the case.
  static base::StatusOr<std::unique_ptr<BoundKernel>> Make(
      const NodeCase& c, const std::vector<std::string>& hints = {});
  ~BoundKernel();

  base::Status Run();
  const Kernel& kernel() const { return *kernel_; }
  /// Row-major copies of the outputs.
  std::vector<tensor::HostTensor> Outputs() const;
  /// False when the run wrote behind a tensor.
  bool GuardsIntact() const;

 private:
  struct Memory;
  BoundKernel() = default;
  BufferView Place(const TensorSpec& spec, const base::IoBuf& bytes);
  BufferView Reserve(std::uint64_t bytes);

  std::vector<TensorSpec> output_specs_;
  std::vector<BufferView> output_views_;
  std::vector<std::unique_ptr<Memory>> memory_;
  std::unique_ptr<Kernel> kernel_;
  std::unique_ptr<Launch> launch_;
};

/// Layout of an input (operands of post-ops included) for a kernel of this rule.
Layout LayoutFor(LayoutRule rule, const NodeCase& c, std::size_t input, const tensor::Shape& shape);
Layout OutputLayout(LayoutRule rule, const NodeCase& c, const tensor::Shape& shape);
/// Row-major bytes of elements of `size` bytes to channels-last, or back, the plainest way.
std::vector<std::byte> Permute(const tensor::Shape& shape, std::size_t size,
                               std::span<const std::byte> in, bool to_channels_last);

/// Runs the case natively once; failures are reported to gtest and give an empty vector.
std::vector<tensor::HostTensor> RunNative(const NodeCase& c);
std::vector<tensor::HostTensor> RunOracle(const NodeCase& c);

/// ||y - ref|| / ||ref||; 0 for equal tensors.
double RelativeError(const tensor::HostTensor& y, const tensor::HostTensor& ref);

/// Computes a case: RunNative, or another backend's way. Empty after a failure.
using CaseRunner = std::function<std::vector<tensor::HostTensor>(const NodeCase&)>;

/// Expects the result of every output within `bound` of the reference.
void ExpectAgrees(const NodeCase& c, double bound, const CaseRunner& run = RunNative);

/// Expects row r of input 0 (and of full-size operands), alone, to give the bytes of row r of the
/// batch. Outputs and inputs that do not start with the batch dimension are left alone.
void ExpectBatchInvariant(const NodeCase& c, const CaseRunner& run = RunNative);

}  // namespace hadron::backend
