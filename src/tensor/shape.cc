#include "tensor/shape.h"

#include <algorithm>

#include "base/check.h"
#include "base/checked.h"
#include "base/strings.h"

namespace hadron::tensor {

bool Shape::fully_known() const {
  return std::ranges::none_of(dims_, [](std::int64_t d) { return d < 0; });
}

std::optional<std::int64_t> Shape::CheckedElements() const {
  // A zero anywhere makes the product zero, but only if the other factors are legal.
  std::int64_t product = 1;
  bool zero = false;
  for (const std::int64_t dim : dims_) {
    if (dim < 0) return std::nullopt;
    if (dim == 0) {
      zero = true;
      continue;
    }
    const auto next = base::CheckedMul(product, dim);
    if (!next) return std::nullopt;
    product = *next;
  }
  return zero ? 0 : product;
}

std::int64_t Shape::elements() const {
  const auto count = CheckedElements();
  HADRON_CHECK(count.has_value());
  return *count;
}

std::optional<std::uint64_t> Shape::CheckedBytes(DataType type) const {
  const auto count = CheckedElements();
  if (!count) return std::nullopt;
  const auto size = static_cast<std::int64_t>(ElementSize(type));
  const auto bytes = base::CheckedMul(*count, size);
  if (!bytes) return std::nullopt;
  return static_cast<std::uint64_t>(*bytes);
}

Shape Shape::WithoutFirst() const {
  HADRON_CHECK(!dims_.empty());
  return Shape(std::vector<std::int64_t>(dims_.begin() + 1, dims_.end()));
}

Shape Shape::WithFirst(std::int64_t dim) const {
  std::vector<std::int64_t> dims;
  dims.reserve(dims_.size() + 1);
  dims.push_back(dim);
  dims.insert(dims.end(), dims_.begin(), dims_.end());
  return Shape(std::move(dims));
}

std::vector<std::int64_t> Shape::Strides() const {
  std::vector<std::int64_t> strides(dims_.size(), 1);
  for (std::size_t i = dims_.size(); i-- > 1;) strides[i - 1] = strides[i] * dims_[i];
  return strides;
}

std::string Shape::ToString() const { return base::JoinInts(dims_); }

}  // namespace hadron::tensor
