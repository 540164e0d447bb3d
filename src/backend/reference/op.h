#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "graph/graph.h"
#include "tensor/host_tensor.h"

namespace hadron::backend::reference {

/// A dense row-major tensor of the reference implementation. Strings live in `strings`, one an
/// element; everything else in `bytes`.
struct RefTensor {
  tensor::DataType type = tensor::DataType::kInvalid;
  tensor::Shape shape;
  std::vector<std::byte> bytes;
  std::vector<std::string> strings;

  std::int64_t elements() const { return shape.elements(); }
  template <typename T>
  std::span<const T> as() const {
    return base::AsArray<T>(bytes);
  }
  template <typename T>
  std::span<T> as() {
    return base::AsMutableArray<T>(bytes);
  }
};

/// What a reference operator sees. Types and shapes of the outputs are set and their storage is
/// allocated (zeroed) before the call; inputs left out are null.
struct RefCall {
  const graph::Node& node;
  std::span<const RefTensor* const> inputs;
  std::span<RefTensor> outputs;

  const RefTensor& in(std::size_t i) const { return *inputs[i]; }
  bool has(std::size_t i) const { return i < inputs.size() && inputs[i] != nullptr; }
  RefTensor& out(std::size_t i = 0) const { return outputs[i]; }
};

/// The plainest correct implementation of one operator: nested loops, sums in double. It is the
/// oracle of every other backend, evaluates constants, and runs what nothing faster can.
/// Bounds of indices that come from data are checked here: INVALID_ARGUMENT.
using RefFunction = base::Status (*)(const RefCall&);

/// Functions by operator, filled by the families of graph/ops/ops.inc. Immutable, thread-safe.
class RefRegistry {
 public:
  static const RefRegistry& Get();
  /// Null when the operator has no reference implementation.
  RefFunction Find(std::string_view domain, std::string_view op_type) const;
  void Add(std::string_view domain, std::string_view op_type, RefFunction function);

 private:
  RefRegistry();
  struct Row {
    std::string_view domain;
    std::string_view op_type;
    RefFunction function;
  };
  std::vector<Row> rows_;
};

/// Calls f(T{}) with the C++ type of a numeric type (bool as uint8_t; 16-bit floats are not among
/// them: convert first). False when there is none.
template <typename F>
bool DispatchNumeric(tensor::DataType type, F&& f) {
  switch (type) {
    case tensor::DataType::kBool:
    case tensor::DataType::kUint8:
      f(std::uint8_t{});
      return true;
    case tensor::DataType::kUint16:
      f(std::uint16_t{});
      return true;
    case tensor::DataType::kUint32:
      f(std::uint32_t{});
      return true;
    case tensor::DataType::kUint64:
      f(std::uint64_t{});
      return true;
    case tensor::DataType::kInt8:
      f(std::int8_t{});
      return true;
    case tensor::DataType::kInt16:
      f(std::int16_t{});
      return true;
    case tensor::DataType::kInt32:
      f(std::int32_t{});
      return true;
    case tensor::DataType::kInt64:
      f(std::int64_t{});
      return true;
    case tensor::DataType::kFp32:
      f(float{});
      return true;
    case tensor::DataType::kFp64:
      f(double{});
      return true;
    default:
      return false;
  }
}

/// A double as an integer: truncated, the nearest limit when out of range, 0 for NaN.
template <typename T>
T SaturateCast(double value) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(value)) return T{0};
  if (value <= static_cast<double>(Limits::min())) return Limits::min();
  if (value >= static_cast<double>(Limits::max())) return Limits::max();
  return static_cast<T>(value);
}

/// Elements of any numeric type, 16-bit floats included, as double, and back (rounded to nearest
/// even; integers truncate and saturate).
std::vector<double> ToDoubles(const RefTensor& tensor);
void FromDoubles(std::span<const double> values, RefTensor& tensor);

/// Walks a tensor in another order: the source index of each element of a target shape, given the
/// distance in the source for one step along each axis of the target.
class StridedIndex {
 public:
  StridedIndex(const tensor::Shape& target, std::vector<std::int64_t> source_strides,
               std::int64_t offset = 0);
  /// Flat index into the source of flat index `i` of the target.
  std::size_t operator()(std::size_t i) const;

 private:
  std::vector<std::int64_t> target_strides_;
  std::vector<std::int64_t> source_strides_;
  std::int64_t offset_;
};

/// Reads a tensor element by element as if broadcast to `to`.
class BroadcastIndex : public StridedIndex {
 public:
  BroadcastIndex(const tensor::Shape& from, const tensor::Shape& to);
};

/// Copies single elements between tensors of one type, strings included.
void CopyElement(const RefTensor& from, std::size_t from_index, RefTensor& to,
                 std::size_t to_index);
/// out[i] = in[index(i)] for the whole of `out`.
template <typename Index>
void CopyElements(const RefTensor& in, RefTensor& out, Index&& index) {
  const auto count = static_cast<std::size_t>(out.elements());
  for (std::size_t i = 0; i < count; ++i) CopyElement(in, index(i), out, i);
}
/// Gives `to` the elements of `from` in the same order; the shapes have equally many.
void CopyAll(const RefTensor& from, RefTensor& to);

/// An axis attribute in [-rank, rank] as an index.
inline std::size_t AxisIndex(std::int64_t axis, const tensor::Shape& shape) {
  return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.rank()) : axis);
}
/// The elements of an integer tensor.
std::vector<std::int64_t> ToInts(const RefTensor& tensor);

base::Status UnsupportedType(const RefCall& call, tensor::DataType type);

}  // namespace hadron::backend::reference
