#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "tensor/host_tensor.h"

namespace hadron::graph {

/// A constant tensor of a model: bytes, bytes that still lie in the model's file, or an expression
/// over other constants. Large ones are read and evaluated only when somebody needs the bytes (when
/// a weight segment is packed). So no pass reads or writes large weights, a load never holds two
/// copies of them, and their bytes need not have come when the passes run.
/// Immutable, shared, thread-safe.
///
///     ConstantRef w = Constant::FromTensor(tensor);
///     ConstantRef scaled = Constant::Deferred({"w*s", type, shape}, {w, s}, ScaleRows);
class Constant;
using ConstantRef = std::shared_ptr<const Constant>;

class Constant {
 public:
  /// Computes the tensor's bytes from the evaluated operands. Pure: equal operands, equal bytes.
  using Expression =
      std::function<base::StatusOr<base::IoBuf>(std::span<const tensor::HostTensor> operands)>;

  using Reader = std::function<base::StatusOr<base::IoBuf>()>;

  /// A reference: `tensor.bytes` must have exactly the size its description says.
  static ConstantRef FromTensor(tensor::HostTensor tensor);
  static ConstantRef FromInts(std::string name, std::span<const std::int64_t> values,
                              tensor::Shape shape);
  static ConstantRef FromFloats(std::string name, std::span<const float> values,
                                tensor::Shape shape);
  static ConstantRef Deferred(tensor::TensorDesc desc, std::vector<ConstantRef> operands,
                              Expression expression);

  /// Bytes that are read when they are needed. `order` tells which of several can be read first.
  static ConstantRef Stored(tensor::TensorDesc desc, std::uint64_t order, Reader read);

  const tensor::TensorDesc& desc() const { return desc_; }
  tensor::DataType type() const { return desc_.type; }
  const tensor::Shape& shape() const { return desc_.shape; }
  /// Bytes of the evaluated tensor; for strings the wire size when it is a reference, else 0.
  std::uint64_t byte_size() const;
  bool deferred() const { return static_cast<bool>(expression_); }

  /// Those with smaller numbers can be evaluated earlier where bytes are still on their way.
  std::uint64_t order() const { return order_; }

  /// The tensor in contiguous host memory. A reference costs nothing; an expression is computed
  /// anew at every call.
  base::StatusOr<tensor::HostTensor> Evaluate() const;
  /// Evaluated as int64 (from any integer or bool type) or double (any numeric type), for values
  /// that steer shapes or attributes. INVALID_ARGUMENT for other types.
  base::StatusOr<std::vector<std::int64_t>> Ints() const;
  base::StatusOr<std::vector<double>> Doubles() const;

 private:
  Constant() = default;

  tensor::TensorDesc desc_;
  base::IoBuf bytes_;
  std::vector<ConstantRef> operands_;
  Expression expression_;
  std::uint64_t order_ = 0;
};

}  // namespace hadron::graph
