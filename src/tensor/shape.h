#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tensor/data_type.h"

namespace hadron::tensor {

/// Dimensions of a tensor, outermost first, row-major. Empty = scalar (one element). Values are
/// >= 0, or -1 for "any" where a description says so. A value type.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<std::int64_t> dims) : dims_(std::move(dims)) {}

  std::size_t rank() const { return dims_.size(); }
  std::int64_t operator[](std::size_t axis) const { return dims_[axis]; }
  std::int64_t& operator[](std::size_t axis) { return dims_[axis]; }
  std::span<const std::int64_t> dims() const { return dims_; }
  const std::vector<std::int64_t>& vector() const { return dims_; }
  auto begin() const { return dims_.begin(); }
  auto end() const { return dims_.end(); }

  /// True when no dimension is -1.
  bool fully_known() const;
  /// Product of the dimensions; nothing when it exceeds int64 or a dimension is negative.
  std::optional<std::int64_t> CheckedElements() const;
  /// Product for shapes that have been checked.
  std::int64_t elements() const;
  /// elements() x ElementSize(type); nothing on overflow. Strings count 0.
  std::optional<std::uint64_t> CheckedBytes(DataType type) const;
  /// The shape without its first dimension.
  Shape WithoutFirst() const;
  /// The shape with `dim` put in front.
  Shape WithFirst(std::int64_t dim) const;
  /// Row-major strides in elements.
  std::vector<std::int64_t> Strides() const;
  /// "[1,3,224,224]".
  std::string ToString() const;

  bool operator==(const Shape&) const = default;

 private:
  std::vector<std::int64_t> dims_;
};

}  // namespace hadron::tensor
