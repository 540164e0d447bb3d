#include <cmath>
#include <limits>
#include <optional>

#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

using base::Status;
using tensor::DataType;

/// Which elements of the input go into each element of the output: base(i) + offsets[k].
class Groups {
 public:
  explicit Groups(const RefCall& call) {
    const tensor::Shape& x = call.in(0).shape;
    const auto strides = x.Strides();
    const std::vector<bool> reduced = Reduced(call);
    std::vector<std::int64_t> kept_dims;
    std::vector<std::int64_t> kept_strides;
    std::vector<std::int64_t> dims;
    std::vector<std::int64_t> dim_strides;
    for (std::size_t i = 0; i < reduced.size(); ++i) {
      (reduced[i] ? dims : kept_dims).push_back(x[i]);
      (reduced[i] ? dim_strides : kept_strides).push_back(strides[i]);
    }
    const tensor::Shape inner(std::move(dims));
    const StridedIndex index(inner, std::move(dim_strides));
    for (std::size_t k = 0; k < static_cast<std::size_t>(inner.elements()); ++k) {
      offsets_.push_back(index(k));
    }
    outer_.emplace(tensor::Shape(std::move(kept_dims)), std::move(kept_strides));
  }

  /// The values of group `i`, in `values`.
  template <typename T, typename Sequence>
  void Collect(const Sequence& x, std::size_t i, std::vector<T>& values) const {
    values.clear();
    const std::size_t start = (*outer_)(i);
    for (const std::size_t offset : offsets_) values.push_back(static_cast<T>(x[start + offset]));
  }

 private:
  static std::vector<bool> Reduced(const RefCall& call) {
    const tensor::Shape& x = call.in(0).shape;
    const auto axes = call.has(1) ? ToInts(call.in(1)) : std::vector<std::int64_t>();
    const bool all = axes.empty() && call.node.attributes.Int("noop_with_empty_axes", 0) == 0;
    std::vector<bool> reduced(x.rank(), all);
    for (const std::int64_t axis : axes) reduced[AxisIndex(axis, x)] = true;
    return reduced;
  }

  std::vector<std::size_t> offsets_;
  std::optional<StridedIndex> outer_;
};

/// Floats: F over doubles.
template <double (*F)(std::span<const double>)>
Status ReduceDoubles(const RefCall& call) {
  const Groups groups(call);
  const std::vector<double> x = ToDoubles(call.in(0));
  std::vector<double> y(static_cast<std::size_t>(call.out().elements()));
  std::vector<double> values;
  for (std::size_t i = 0; i < y.size(); ++i) {
    groups.Collect(x, i, values);
    y[i] = F(values);
  }
  FromDoubles(y, call.out());
  return {};
}

double SumOf(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum;
}
double MeanOf(std::span<const double> values) {
  return SumOf(values) / static_cast<double>(values.size());
}
double ProductOf(std::span<const double> values) {
  double product = 1;
  for (const double v : values) product *= v;
  return product;
}
double L1(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += std::fabs(v);
  return sum;
}
double SumSquare(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return sum;
}
double L2(std::span<const double> values) { return std::sqrt(SumSquare(values)); }
double LogSum(std::span<const double> values) { return std::log(SumOf(values)); }
double MaxOf(std::span<const double> values) {
  double most = -std::numeric_limits<double>::infinity();
  for (const double v : values) most = v > most || std::isnan(v) ? v : most;
  return most;
}
double MinOf(std::span<const double> values) {
  double least = std::numeric_limits<double>::infinity();
  for (const double v : values) least = v < least || std::isnan(v) ? v : least;
  return least;
}
double LogSumExp(std::span<const double> values) {
  const double most = MaxOf(values);
  if (std::isinf(most)) return most;
  double sum = 0;
  for (const double v : values) sum += std::exp(v - most);
  return most + std::log(sum);
}

/// Integers: a fold in the tensor's own type, starting from F's identity.
template <typename F>
Status ReduceIntegers(const RefCall& call) {
  const Groups groups(call);
  DispatchNumeric(call.in(0).type, [&](auto zero) {
    using T = decltype(zero);
    const auto x = call.in(0).as<T>();
    const auto y = call.out().as<T>();
    std::vector<T> values;
    for (std::size_t i = 0; i < y.size(); ++i) {
      groups.Collect(x, i, values);
      T result = F::template Identity<T>();
      for (const T v : values) result = F{}(result, v);
      y[i] = result;
    }
  });
  // The largest of the bytes that BOOL uses is 1.
  if (call.out().type == DataType::kBool) {
    for (std::uint8_t& v : call.out().as<std::uint8_t>()) v = v != 0 ? 1 : 0;
  }
  return {};
}

struct Add {
  template <typename T>
  static T Identity() {
    return T{0};
  }
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  }
};
struct Multiply {
  template <typename T>
  static T Identity() {
    return T{1};
  }
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
  }
};
struct Larger {
  template <typename T>
  static T Identity() {
    return std::numeric_limits<T>::lowest();
  }
  template <typename T>
  T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};
struct Smaller {
  template <typename T>
  static T Identity() {
    return std::numeric_limits<T>::max();
  }
  template <typename T>
  T operator()(T a, T b) const {
    return a < b ? a : b;
  }
};

template <double (*kFloats)(std::span<const double>), typename Integers>
Status Reduce(const RefCall& call) {
  return tensor::IsFloating(call.in(0).type) ? ReduceDoubles<kFloats>(call)
                                             : ReduceIntegers<Integers>(call);
}

/// Position of the extreme along an axis; a NaN is one, and the first of equals wins.
template <bool kMax>
Status Arg(const RefCall& call) {
  const tensor::Shape& shape = call.in(0).shape;
  const std::size_t axis = AxisIndex(call.node.attributes.Int("axis", 0), shape);
  const bool last = call.node.attributes.Int("select_last_index", 0) != 0;
  const auto stride = static_cast<std::size_t>(shape.Strides()[axis]);
  const auto size = static_cast<std::size_t>(shape[axis]);
  const std::vector<double> x = ToDoubles(call.in(0));
  const auto out = call.out().as<std::int64_t>();
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double* row = x.data() + i / stride * stride * size + i % stride;
    std::size_t best = 0;
    for (std::size_t k = 1; k < size; ++k) {
      const double v = row[k * stride];
      const double top = row[best * stride];
      const bool beats = std::isnan(v) ? !std::isnan(top) : kMax ? v > top : v < top;
      const bool equals = v == top || (std::isnan(v) && std::isnan(top));
      if (beats || (last && equals)) best = k;
    }
    out[i] = static_cast<std::int64_t>(best);
  }
  return {};
}

}  // namespace

void RegisterReferenceReduce(RefRegistry& registry) {
  registry.Add("", "ReduceSum", Reduce<SumOf, Add>);
  registry.Add("", "ReduceProd", Reduce<ProductOf, Multiply>);
  registry.Add("", "ReduceMax", Reduce<MaxOf, Larger>);
  registry.Add("", "ReduceMin", Reduce<MinOf, Smaller>);
  registry.Add("", "ReduceMean", ReduceDoubles<MeanOf>);
  registry.Add("", "ReduceL1", ReduceDoubles<L1>);
  registry.Add("", "ReduceL2", ReduceDoubles<L2>);
  registry.Add("", "ReduceSumSquare", ReduceDoubles<SumSquare>);
  registry.Add("", "ReduceLogSum", ReduceDoubles<LogSum>);
  registry.Add("", "ReduceLogSumExp", ReduceDoubles<LogSumExp>);
  registry.Add("", "ArgMax", Arg<true>);
  registry.Add("", "ArgMin", Arg<false>);
}

}  // namespace hadron::backend::reference
