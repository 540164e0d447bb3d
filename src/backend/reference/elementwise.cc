#include <cmath>

#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

using base::Status;

double Attribute(const graph::Node& node, std::string_view name, float missing) {
  return static_cast<double>(node.attributes.Float(name, missing));
}

/// Floats go through double; integers keep their own arithmetic (they wrap, double would not).
template <double (*F)(double, const graph::Node&)>
Status FloatUnary(const RefCall& call) {
  std::vector<double> values = ToDoubles(call.in(0));
  for (double& v : values) v = F(v, call.node);
  FromDoubles(values, call.out());
  return {};
}

/// A function of the C library.
template <double (*F)(double)>
double Plain(double x, const graph::Node&) {
  return F(x);
}

double Sigmoid(double x, const graph::Node&) { return 1.0 / (1.0 + std::exp(-x)); }
double Reciprocal(double x, const graph::Node&) { return 1.0 / x; }
double Softplus(double x, const graph::Node&) {
  return std::fmax(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
}
double Softsign(double x, const graph::Node&) { return x / (1 + std::fabs(x)); }
double LeakyRelu(double x, const graph::Node& node) {
  return x < 0 ? Attribute(node, "alpha", 0.01F) * x : x;
}
double ThresholdedRelu(double x, const graph::Node& node) {
  return x <= Attribute(node, "alpha", 1) ? 0 : x;
}
double Elu(double x, const graph::Node& node) {
  return x < 0 ? Attribute(node, "alpha", 1) * std::expm1(x) : x;
}
double Selu(double x, const graph::Node& node) {
  const double gamma = Attribute(node, "gamma", 1.05070102214813232421875F);
  const double alpha = Attribute(node, "alpha", 1.67326319217681884765625F);
  return gamma * (x <= 0 ? alpha * std::expm1(x) : x);
}
double Celu(double x, const graph::Node& node) {
  const double alpha = Attribute(node, "alpha", 1);
  return x < 0 ? alpha * std::expm1(x / alpha) : x;
}
double HardSigmoidOf(double x, double alpha, double beta) {
  const double y = alpha * x + beta;
  return y < 0 ? 0 : y > 1 ? 1 : y;
}
double HardSigmoid(double x, const graph::Node& node) {
  return HardSigmoidOf(x, Attribute(node, "alpha", 0.2F), Attribute(node, "beta", 0.5F));
}
double HardSwish(double x, const graph::Node&) { return x * HardSigmoidOf(x, 1.0 / 6, 0.5); }
double Mish(double x, const graph::Node& node) { return x * std::tanh(Softplus(x, node)); }
double Swish(double x, const graph::Node& node) {
  return x * Sigmoid(Attribute(node, "alpha", 1) * x, node);
}
double Gelu(double x, const graph::Node& node) {
  if (node.attributes.String("approximate", "none") == "none") {
    return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
  }
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
double Shrink(double x, const graph::Node& node) {
  const double limit = Attribute(node, "lambd", 0.5F);
  const double bias = Attribute(node, "bias", 0);
  return x < -limit ? x + bias : x > limit ? x - bias : std::isnan(x) ? x : 0;
}
double Sign(double x, const graph::Node&) {
  return std::isnan(x) ? x : static_cast<double>((x > 0) - (x < 0));
}

struct Relu {
  template <typename T>
  T operator()(T x) const {
    return x < T{0} ? T{0} : x;  // NaN is not below zero and stays
  }
};
struct Neg {
  template <typename T>
  T operator()(T x) const {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(std::uint64_t{0} - static_cast<std::uint64_t>(x));
    } else {
      return -x;
    }
  }
};
struct Abs {
  template <typename T>
  T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>) {
      return std::fabs(x);
    } else {
      return x < T{0} ? Neg{}(x) : x;
    }
  }
};

/// Applies F in the tensor's own type; 16-bit floats through double.
template <typename F>
Status TypedUnary(const RefCall& call) {
  const RefTensor& x = call.in(0);
  const bool numeric = DispatchNumeric(x.type, [&](auto zero) {
    using T = decltype(zero);
    const auto in = x.as<T>();
    const auto out = call.out().as<T>();
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = F{}(in[i]);
  });
  if (numeric) return {};
  if (!tensor::IsFloating(x.type)) return UnsupportedType(call, x.type);
  std::vector<double> values = ToDoubles(x);
  for (double& v : values) v = F{}(v);
  FromDoubles(values, call.out());
  return {};
}

Status Identity(const RefCall& call) {
  CopyAll(call.in(0), call.out());
  return {};
}

/// Integer arithmetic wraps; division truncates, by zero gives 0, INT_MIN / -1 wraps.
template <typename T>
T Wrap(std::uint64_t v) {
  return static_cast<T>(v);
}
struct Add {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return Wrap<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
    } else {
      return a + b;
    }
  }
};
struct Sub {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return Wrap<T>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
    } else {
      return a - b;
    }
  }
};
struct Mul {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return Wrap<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    } else {
      return a * b;
    }
  }
};
struct Div {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      if (b == T{0}) return T{0};
      if constexpr (std::is_signed_v<T>) {
        if (b == T{-1}) return Neg{}(a);
      }
      return static_cast<T>(a / b);
    } else {
      return a / b;
    }
  }
};
/// Remainder with the sign of the dividend (C), or of the divisor (Python).
template <bool kSignOfDividend>
struct Mod {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_floating_point_v<T>) {
      return std::fmod(a, b);
    } else {
      if (b == T{0}) return T{0};
      if constexpr (std::is_signed_v<T>) {
        if (b == T{-1}) return T{0};  // INT_MIN % -1 would trap
      }
      const T rest = static_cast<T>(a % b);
      const bool fix = !kSignOfDividend && rest != T{0} && (rest < T{0}) != (b < T{0});
      return fix ? static_cast<T>(rest + b) : rest;
    }
  }
};
struct PRelu {
  template <typename T>
  T operator()(T x, T slope) const {
    return x < T{0} ? Mul{}(x, slope) : x;
  }
};

template <typename F>
Status Binary(const RefCall& call) {
  const RefTensor& a = call.in(0);
  const RefTensor& b = call.in(1);
  RefTensor& y = call.out();
  const BroadcastIndex ia(a.shape, y.shape);
  const BroadcastIndex ib(b.shape, y.shape);
  const auto count = static_cast<std::size_t>(y.elements());
  const bool numeric = DispatchNumeric(a.type, [&](auto zero) {
    using T = decltype(zero);
    const auto va = a.as<T>();
    const auto vb = b.as<T>();
    const auto vy = y.as<T>();
    for (std::size_t i = 0; i < count; ++i) vy[i] = F{}(va[ia(i)], vb[ib(i)]);
  });
  if (numeric) return {};
  if (!tensor::IsFloating(a.type)) return UnsupportedType(call, a.type);
  const auto va = ToDoubles(a);
  const auto vb = ToDoubles(b);
  std::vector<double> vy(count);
  for (std::size_t i = 0; i < count; ++i) vy[i] = F{}(va[ia(i)], vb[ib(i)]);
  FromDoubles(vy, y);
  return {};
}

Status ModOf(const RefCall& call) {
  return call.node.attributes.Int("fmod", 0) != 0 ? Binary<Mod<true>>(call)
                                                  : Binary<Mod<false>>(call);
}

/// In double whatever the types, as they may differ.
Status Pow(const RefCall& call) {
  RefTensor& y = call.out();
  const BroadcastIndex ia(call.in(0).shape, y.shape);
  const BroadcastIndex ib(call.in(1).shape, y.shape);
  const auto a = ToDoubles(call.in(0));
  const auto b = ToDoubles(call.in(1));
  std::vector<double> out(static_cast<std::size_t>(y.elements()));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::pow(a[ia(i)], b[ib(i)]);
  FromDoubles(out, y);
  return {};
}

void RegisterFunctions(RefRegistry& registry) {
  registry.Add("", "Ceil", FloatUnary<Plain<std::ceil>>);
  registry.Add("", "Floor", FloatUnary<Plain<std::floor>>);
  registry.Add("", "Round", FloatUnary<Plain<std::nearbyint>>);  // half to even
  registry.Add("", "Sqrt", FloatUnary<Plain<std::sqrt>>);
  registry.Add("", "Exp", FloatUnary<Plain<std::exp>>);
  registry.Add("", "Log", FloatUnary<Plain<std::log>>);
  registry.Add("", "Reciprocal", FloatUnary<Reciprocal>);
  registry.Add("", "Erf", FloatUnary<Plain<std::erf>>);
  registry.Add("", "Sin", FloatUnary<Plain<std::sin>>);
  registry.Add("", "Cos", FloatUnary<Plain<std::cos>>);
  registry.Add("", "Tan", FloatUnary<Plain<std::tan>>);
  registry.Add("", "Asin", FloatUnary<Plain<std::asin>>);
  registry.Add("", "Acos", FloatUnary<Plain<std::acos>>);
  registry.Add("", "Atan", FloatUnary<Plain<std::atan>>);
  registry.Add("", "Sinh", FloatUnary<Plain<std::sinh>>);
  registry.Add("", "Cosh", FloatUnary<Plain<std::cosh>>);
  registry.Add("", "Tanh", FloatUnary<Plain<std::tanh>>);
  registry.Add("", "Asinh", FloatUnary<Plain<std::asinh>>);
  registry.Add("", "Acosh", FloatUnary<Plain<std::acosh>>);
  registry.Add("", "Atanh", FloatUnary<Plain<std::atanh>>);
  registry.Add("", "Abs", TypedUnary<Abs>);
  registry.Add("", "Neg", TypedUnary<Neg>);
  registry.Add("", "Sign", FloatUnary<Sign>);
}

void RegisterActivations(RefRegistry& registry) {
  registry.Add("", "Relu", TypedUnary<Relu>);
  registry.Add("", "LeakyRelu", FloatUnary<LeakyRelu>);
  registry.Add("", "ThresholdedRelu", FloatUnary<ThresholdedRelu>);
  registry.Add("", "Elu", FloatUnary<Elu>);
  registry.Add("", "Selu", FloatUnary<Selu>);
  registry.Add("", "Celu", FloatUnary<Celu>);
  registry.Add("", "Sigmoid", FloatUnary<Sigmoid>);
  registry.Add("", "Softplus", FloatUnary<Softplus>);
  registry.Add("", "Softsign", FloatUnary<Softsign>);
  registry.Add("", "HardSigmoid", FloatUnary<HardSigmoid>);
  registry.Add("", "HardSwish", FloatUnary<HardSwish>);
  registry.Add("", "Mish", FloatUnary<Mish>);
  registry.Add("", "Swish", FloatUnary<Swish>);
  registry.Add("", "Gelu", FloatUnary<Gelu>);
  registry.Add("", "Shrink", FloatUnary<Shrink>);
  registry.Add("", "PRelu", Binary<PRelu>);
}

}  // namespace

void RegisterReferenceElementwise(RefRegistry& registry) {
  registry.Add("", "Identity", Identity);
  RegisterFunctions(registry);
  RegisterActivations(registry);
  registry.Add("", "Add", Binary<Add>);
  registry.Add("", "Sub", Binary<Sub>);
  registry.Add("", "Mul", Binary<Mul>);
  registry.Add("", "Div", Binary<Div>);
  registry.Add("", "Mod", ModOf);
  registry.Add("", "Pow", Pow);
}

}  // namespace hadron::backend::reference
