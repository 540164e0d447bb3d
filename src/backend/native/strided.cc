#include "backend/native/strided.h"

#include <algorithm>
#include <cstring>

#include "backend/native/parallel.h"

namespace hadron::backend::native {
namespace {

/// Copies a block of rows; where the source runs along the rows, in squares that fit the cache
/// lines of both sides.
template <typename T>
void CopyBlock(const StridedLoop::Dim& rows, const StridedLoop::Dim& run, const T* from, T* to) {
  if (run.first == 1 && run.second == 1) {
    for (std::int64_t r = 0; r < rows.size; ++r) {
      std::memcpy(to + r * rows.second, from + r * rows.first,
                  static_cast<std::size_t>(run.size) * sizeof(T));
    }
    return;
  }
  constexpr std::int64_t kSquare = 16;
  if (run.size < kSquare) {  // images of few channels: long loops along the rows instead
    constexpr std::int64_t kRows = 512;
    for (std::int64_t r = 0; r < rows.size; r += kRows) {
      const std::int64_t last_row = std::min(rows.size, r + kRows);
      for (std::int64_t b = 0; b < run.size; ++b) {
        const T* source = from + b * run.first;
        T* target = to + b * run.second;
        for (std::int64_t a = r; a < last_row; ++a) {
          target[a * rows.second] = source[a * rows.first];
        }
      }
    }
    return;
  }
  for (std::int64_t r = 0; r < rows.size; r += kSquare) {
    const std::int64_t last_row = std::min(rows.size, r + kSquare);
    for (std::int64_t i = 0; i < run.size; i += kSquare) {
      const std::int64_t last = std::min(run.size, i + kSquare);
      for (std::int64_t a = r; a < last_row; ++a) {
        const T* source = from + a * rows.first;
        T* target = to + a * rows.second;
        for (std::int64_t b = i; b < last; ++b) target[b * run.second] = source[b * run.first];
      }
    }
  }
}

bool Joins(const StridedLoop::Dim& outer, const StridedLoop::Dim& inner) {
  return outer.first == inner.first * inner.size && outer.second == inner.second * inner.size;
}

}  // namespace

void StridedLoop::Simplify() {
  std::vector<Dim> merged;
  for (const Dim& dim : dims) {
    if (dim.size == 1) continue;
    if (!merged.empty() && Joins(merged.back(), dim)) {
      const std::int64_t size = merged.back().size * dim.size;
      merged.back() = dim;
      merged.back().size = size;
    } else {
      merged.push_back(dim);
    }
  }
  if (merged.empty()) merged.push_back({1, 1, 1});
  dims = std::move(merged);
}

std::int64_t StridedLoop::elements() const {
  std::int64_t count = 1;
  for (const Dim& dim : dims) count *= dim.size;
  return count;
}

StridedCopy::StridedCopy(StridedLoop loop, std::size_t element_bytes, std::int64_t from_offset,
                         std::int64_t to_offset)
    : element_bytes_(element_bytes),
      from_offset_(from_offset),
      to_offset_(to_offset),
      elements_(loop.elements()) {
  loop.Simplify();
  run_ = loop.dims.back();
  loop.dims.pop_back();
  // The rows of a block are the loop along which the source runs, if it is not the innermost.
  auto along = std::ranges::find_if(loop.dims, [](const auto& dim) { return dim.first == 1; });
  if (along == loop.dims.end() && !loop.dims.empty()) along = loop.dims.end() - 1;
  if (along != loop.dims.end()) {
    rows_ = *along;
    loop.dims.erase(along);
  }
  outer_ = std::move(loop.dims);
  if (outer_.empty() && rows_.size > 64) {  // leaves something to share out
    constexpr std::int64_t kRows = 32;
    const std::int64_t blocks = rows_.size / kRows;
    if (rows_.size % kRows == 0) {
      outer_.push_back({blocks, rows_.first * kRows, rows_.second * kRows});
      rows_.size = kRows;
    }
  }
}

template <typename T>
void StridedCopy::Typed(const T* from, T* to, int threads) const {
  std::int64_t blocks = 1;
  for (const auto& dim : outer_) blocks *= dim.size;
  ParallelFor(threads, blocks, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t block = first; block < last; ++block) {
      std::int64_t rest = block;
      std::int64_t source = from_offset_;
      std::int64_t target = to_offset_;
      for (std::size_t i = outer_.size(); i-- > 0;) {
        const std::int64_t at = rest % outer_[i].size;
        rest /= outer_[i].size;
        source += at * outer_[i].first;
        target += at * outer_[i].second;
      }
      CopyBlock(rows_, run_, from + source, to + target);
    }
  });
}

void StridedCopy::Run(const std::byte* from, std::byte* to, int threads) const {
  if (elements_ == 0) return;
  const double work = static_cast<double>(elements_) * 0.5;
  const int team = ThreadsFor(work, threads);
  switch (element_bytes_) {
    case 1:
      return Typed(reinterpret_cast<const std::uint8_t*>(from), reinterpret_cast<std::uint8_t*>(to),
                   team);
    case 2:
      return Typed(reinterpret_cast<const std::uint16_t*>(from),
                   reinterpret_cast<std::uint16_t*>(to), team);
    case 4:
      return Typed(reinterpret_cast<const std::uint32_t*>(from),
                   reinterpret_cast<std::uint32_t*>(to), team);
    default:
      return Typed(reinterpret_cast<const std::uint64_t*>(from),
                   reinterpret_cast<std::uint64_t*>(to), team);
  }
}

}  // namespace hadron::backend::native
