#include "config/batch_io.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/strings.h"

namespace hadron::config {
namespace {

using Kind = BatchInput::Kind;
using tensor::Shape;

/// Of one slice of what is said again and again.
constexpr std::size_t kSliceBytes = std::size_t{64} << 10U;

std::int64_t Rank(std::span<const Shape> sources) {
  return sources.empty() ? 0 : static_cast<std::int64_t>(sources.front().rank()) - 1;
}

/// Numbers as the bytes of the tensor.
class Numbers {
 public:
  explicit Numbers(tensor::DataType type) : real_(type == tensor::DataType::kFp32) {}

  void Add(std::int64_t value) {
    if (real_) {
      AddBytes(static_cast<float>(value));
    } else {
      AddBytes(static_cast<std::int32_t>(value));
    }
  }
  base::IoBuf Take() { return base::IoBuf::FromVector(std::move(bytes_)); }

 private:
  template <typename T>
  void AddBytes(T value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  const bool real_;
  std::vector<std::byte> bytes_;
};

/// `item` as often as `times`, in slices that share their bytes.
base::IoBuf Repeated(const base::IoBuf& item, std::int64_t times) {
  base::IoBuf all;
  if (item.empty() || times <= 0) return all;
  const auto in_slice =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(kSliceBytes / item.size()), 1, times);
  std::vector<std::byte> bytes(item.size() * static_cast<std::size_t>(in_slice));
  for (std::size_t at = 0; at < bytes.size(); at += item.size()) {
    item.CopyTo({bytes.data() + at, item.size()});
  }
  const base::IoBuf slice = base::IoBuf::FromVector(std::move(bytes));
  for (std::int64_t left = times; left > 0; left -= in_slice) {
    const std::int64_t count = std::min(left, in_slice);
    all.Append(slice.Sub(0, item.size() * static_cast<std::size_t>(count)));
  }
  return all;
}

base::IoBuf Counts(const BatchInput& input, std::span<const Shape> sources) {
  const bool adds = input.kind != Kind::kElementCount;
  Numbers numbers(input.type);
  if (input.kind == Kind::kAccumulatedElementCountWithZero) numbers.Add(0);
  std::int64_t sum = 0;
  for (const Shape& source : sources) {
    sum = source.elements() + (adds ? sum : 0);
    numbers.Add(sum);
  }
  return numbers.Take();
}

base::IoBuf ItemShapes(const BatchInput& input, std::span<const Shape> sources) {
  base::IoBuf all;
  for (const Shape& source : sources) {
    Numbers item(input.type);
    for (const std::int64_t dim : source.WithoutFirst()) item.Add(dim);
    all.Append(Repeated(item.Take(), source[0]));
  }
  return all;
}

std::int64_t LargestCount(std::span<const Shape> sources) {
  std::int64_t most = 0;
  for (const Shape& source : sources) most = std::max(most, source.elements());
  return most;
}

std::int64_t Rows(std::span<const Shape> sources) {
  std::int64_t rows = 0;
  for (const Shape& source : sources) rows += source[0];
  return rows;
}

/// The largest number that the content holds.
std::int64_t LargestNumber(const BatchInput& input, std::span<const Shape> sources) {
  std::int64_t largest = 0;
  switch (input.kind) {
    case Kind::kElementCount:
      return LargestCount(sources);
    case Kind::kAccumulatedElementCount:
    case Kind::kAccumulatedElementCountWithZero:
      for (const Shape& source : sources) largest += source.elements();
      return largest;
    case Kind::kMaxElementCountAsShape:
      return 0;
    case Kind::kItemShape:
    case Kind::kItemShapeFlatten:
      for (const Shape& source : sources) {
        for (const std::int64_t dim : source.WithoutFirst()) largest = std::max(largest, dim);
      }
      return largest;
  }
  return largest;
}

}  // namespace

Shape BatchInputShape(const BatchInput& input, std::span<const Shape> sources) {
  const auto requests = static_cast<std::int64_t>(sources.size());
  switch (input.kind) {
    case Kind::kElementCount:
    case Kind::kAccumulatedElementCount:
      return {requests};
    case Kind::kAccumulatedElementCountWithZero:
      return {requests + 1};
    case Kind::kMaxElementCountAsShape:
      return {LargestCount(sources)};
    case Kind::kItemShape:
      return {Rows(sources), Rank(sources)};
    case Kind::kItemShapeFlatten:
      return {Rows(sources) * Rank(sources)};
  }
  return {};
}

base::Status CheckBatchInput(const BatchInput& input, std::span<const Shape> sources) {
  // Above 2^24 FP32 has no odd numbers: offsets would be wrong without a word.
  const bool real = input.type == tensor::DataType::kFp32;
  const std::int64_t most =
      real ? std::int64_t{1} << 24U : std::int64_t{std::numeric_limits<std::int32_t>::max()};
  const std::int64_t largest = LargestNumber(input, sources);
  if (largest <= most) return {};
  return base::InvalidArgument(fmt::format(
      "input '{}' is too large: a batch_input of type {} would have to hold the number {}, and "
      "{} is the largest that it holds exactly",
      base::EscapeControl(input.source), tensor::DataTypeName(input.type), largest, most));
}

base::IoBuf BatchInputContent(const BatchInput& input, std::span<const Shape> sources) {
  switch (input.kind) {
    case Kind::kElementCount:
    case Kind::kAccumulatedElementCount:
    case Kind::kAccumulatedElementCountWithZero:
      return Counts(input, sources);
    case Kind::kMaxElementCountAsShape: {
      Numbers zero(input.type);
      zero.Add(0);
      return Repeated(zero.Take(), LargestCount(sources));
    }
    case Kind::kItemShape:
    case Kind::kItemShapeFlatten:
      return ItemShapes(input, sources);
  }
  return {};
}

Shape ScatteredShape(const Shape& output, const Shape& source) {
  Shape part = output.WithFirst(source[0]);
  for (std::size_t axis = 1; axis < part.rank(); ++axis) {
    if (part[axis] >= 0) continue;
    HADRON_CHECK(axis < source.rank());  // the load has checked it
    part[axis] = source[axis];
  }
  return part;
}

}  // namespace hadron::config
