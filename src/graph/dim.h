#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tensor/shape.h"

namespace hadron::graph {

using SymbolId = std::uint32_t;

/// One dimension of a tensor: coefficient x product of symbols, so that a number is a Dim without
/// symbols, "batch" is 1 x batch, and Flatten of [batch,16,4] is [64 x batch] divided by nothing.
/// What does not fit this form (sums, rounded quotients of symbols) becomes a fresh symbol; its
/// value is found when the graph's shapes are resolved for concrete inputs. A value type.
class Dim {
 public:
  Dim() = default;                                  ///< zero
  Dim(std::int64_t value) : coefficient_(value) {}  // NOLINT: a number is a Dim
  static Dim Symbol(SymbolId id);

  bool known() const { return symbols_.empty(); }
  /// The number; only when known().
  std::int64_t value() const;
  std::int64_t coefficient() const { return coefficient_; }
  /// Sorted, with repetitions (batch x batch).
  const std::vector<SymbolId>& symbols() const { return symbols_; }
  bool is_symbol() const { return coefficient_ == 1 && symbols_.size() == 1; }

  /// Nothing on overflow.
  std::optional<Dim> Times(const Dim& other) const;
  /// The exact quotient, nothing when it is none in this form (or division by zero).
  std::optional<Dim> DividedBy(const Dim& divisor) const;
  /// "12", "?3", "64*?3".
  std::string ToString() const;

  bool operator==(const Dim&) const = default;

 private:
  std::int64_t coefficient_ = 0;
  std::vector<SymbolId> symbols_;
};

/// Shape whose dimensions may be symbols. Ranks are always known in a Hadron graph.
using SymbolicShape = std::vector<Dim>;

SymbolicShape ToSymbolic(const tensor::Shape& shape);
bool FullyKnown(const SymbolicShape& shape);
/// Numbers where known, -1 elsewhere.
tensor::Shape ToShape(const SymbolicShape& shape);
/// Product of all dimensions; nothing on overflow.
std::optional<Dim> Elements(const SymbolicShape& shape);
std::string ToString(const SymbolicShape& shape);

}  // namespace hadron::graph
