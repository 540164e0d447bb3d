#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hadron::backend::native {

/// A loop nest over two strided operands; sizes and strides in elements, outermost first.
/// Neighbouring loops that are one loop in memory are merged by Simplify.
struct StridedLoop {
  struct Dim {
    std::int64_t size = 1;
    std::int64_t first = 0;  ///< stride of the first operand
    std::int64_t second = 0;
  };
  std::vector<Dim> dims;

  /// Drops dimensions of size one and merges neighbours; at least one dimension remains.
  void Simplify();
  std::int64_t elements() const;
};

/// Copies elements of 1, 2, 4 or 8 bytes: first operand = source, second = target. Prepared once,
/// run often; allocates nothing when run.
///
///     StridedCopy copy({{{rows, 1, columns}, {columns, rows, 1}}}, 4);   // a transposition
///     copy.Run(from, to, threads);
class StridedCopy {
 public:
  StridedCopy(StridedLoop loop, std::size_t element_bytes, std::int64_t from_offset = 0,
              std::int64_t to_offset = 0);
  void Run(const std::byte* from, std::byte* to, int threads) const;
  std::int64_t elements() const { return elements_; }

 private:
  template <typename T>
  void Typed(const T* from, T* to, int threads) const;

  std::vector<StridedLoop::Dim> outer_;
  StridedLoop::Dim rows_;  ///< of the inner block
  StridedLoop::Dim run_;   ///< innermost loop
  std::size_t element_bytes_;
  std::int64_t from_offset_;
  std::int64_t to_offset_;
  std::int64_t elements_;
};

}  // namespace hadron::backend::native
