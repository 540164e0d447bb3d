#include "graph/dim.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/checked.h"

namespace hadron::graph {

Dim Dim::Symbol(SymbolId id) {
  Dim dim(1);
  dim.symbols_.push_back(id);
  return dim;
}

std::int64_t Dim::value() const {
  HADRON_CHECK(known());
  return coefficient_;
}

std::optional<Dim> Dim::Times(const Dim& other) const {
  const auto product = base::CheckedMul(coefficient_, other.coefficient_);
  if (!product) return std::nullopt;
  Dim result(*product);
  if (*product == 0) return result;
  result.symbols_.resize(symbols_.size() + other.symbols_.size());
  std::ranges::merge(symbols_, other.symbols_, result.symbols_.begin());
  return result;
}

std::optional<Dim> Dim::DividedBy(const Dim& divisor) const {
  if (divisor.coefficient_ == 0) return std::nullopt;
  if (divisor.coefficient_ == -1 && coefficient_ == INT64_MIN) return std::nullopt;
  if (coefficient_ % divisor.coefficient_ != 0) return std::nullopt;
  if (!std::ranges::includes(symbols_, divisor.symbols_)) return std::nullopt;
  Dim result(coefficient_ / divisor.coefficient_);
  std::ranges::set_difference(symbols_, divisor.symbols_, std::back_inserter(result.symbols_));
  return result;
}

std::string Dim::ToString() const {
  if (known()) return fmt::format("{}", coefficient_);
  std::string text = coefficient_ == 1 ? "" : fmt::format("{}*", coefficient_);
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    text += fmt::format("{}?{}", i == 0 ? "" : "*", symbols_[i]);
  }
  return text;
}

SymbolicShape ToSymbolic(const tensor::Shape& shape) { return {shape.begin(), shape.end()}; }

bool FullyKnown(const SymbolicShape& shape) { return std::ranges::all_of(shape, &Dim::known); }

tensor::Shape ToShape(const SymbolicShape& shape) {
  std::vector<std::int64_t> dims;
  dims.reserve(shape.size());
  for (const Dim& dim : shape) dims.push_back(dim.known() ? dim.value() : -1);
  return tensor::Shape(std::move(dims));
}

std::optional<Dim> Elements(const SymbolicShape& shape) {
  Dim product(1);
  for (const Dim& dim : shape) {
    const auto next = product.Times(dim);
    if (!next) return std::nullopt;
    product = *next;
  }
  return product;
}

std::string ToString(const SymbolicShape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ",") + shape[i].ToString();
  }
  return text + "]";
}

}  // namespace hadron::graph
