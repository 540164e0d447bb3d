// Vectors of the instruction set that the including source is compiled for, and the elementary
// functions on them. Included by the isa_*.cc files only, inside their own anonymous namespace.
// Accuracy: exp within 2 ulp; tanh, erf within 2e-7; the others follow from them.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace hadron::backend::native {
namespace {

#if defined(__AVX512F__)
constexpr int kWidth = 16;
#elif defined(__AVX2__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif

typedef float V __attribute__((vector_size(kWidth * 4)));
typedef std::int32_t I __attribute__((vector_size(kWidth * 4)));
typedef float UnalignedV __attribute__((vector_size(kWidth * 4), aligned(4), may_alias));

#define HADRON_INLINE inline __attribute__((always_inline))
/// Hides where a value comes from, so that the compiler cannot simplify what follows.
#if defined(__x86_64__)
#define HADRON_OPAQUE(value) asm("" : "+v"(value))
#else
#define HADRON_OPAQUE(value) asm("" : "+w"(value))
#endif

#define HADRON_OPAQUE_POINTER(value) asm("" : "+r"(value))

HADRON_INLINE V Set(float value) { return value - V{}; }
HADRON_INLINE I SetInt(std::int32_t value) { return I{} + value; }
HADRON_INLINE V Load(const float* p) { return *reinterpret_cast<const UnalignedV*>(p); }
HADRON_INLINE void Store(float* p, V v) { *reinterpret_cast<UnalignedV*>(p) = v; }

#if defined(__AVX2__) && !defined(__AVX512F__)
/// All bits of the first `count` lanes.
HADRON_INLINE I FirstLanes(std::size_t count) {
  const I index = {0, 1, 2, 3, 4, 5, 6, 7};
  return index < SetInt(static_cast<std::int32_t>(count));
}
#endif

/// The first `count` lanes (at most kWidth); the others are zero and their memory is not touched.
HADRON_INLINE V LoadPart(const float* p, std::size_t count) {
  if (count >= kWidth) return Load(p);
#if defined(__AVX512F__)
  return V(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << count) - 1), p));
#elif defined(__AVX2__)
  return V(_mm256_maskload_ps(p, __m256i(FirstLanes(count))));
#else
  V v = {};
  for (std::size_t i = 0; i < count; ++i) v[i] = p[i];
  return v;
#endif
}

/// Some adjacent lanes, in the form that loads want.
#if defined(__AVX512F__)
using Lanes = std::uint16_t;
HADRON_INLINE Lanes MakeLanes(int first, int last) {
  return static_cast<Lanes>(((1U << last) - 1) & ~((1U << first) - 1));
}
HADRON_INLINE V LoadLanes(const float* p, Lanes lanes) {
  return V(_mm512_maskz_loadu_ps(lanes, p));
}
#else
struct Lanes {
  std::int32_t first;
  std::int32_t last;
};
HADRON_INLINE Lanes MakeLanes(int first, int last) { return {first, last}; }
/// The lanes' elements, zeros elsewhere; memory of other lanes is not touched.
HADRON_INLINE V LoadLanes(const float* p, Lanes lanes) {
  if (lanes.last - lanes.first == kWidth) return Load(p);
#if defined(__AVX2__)
  const I below_last = FirstLanes(static_cast<std::size_t>(lanes.last));
  const I below_first = FirstLanes(static_cast<std::size_t>(lanes.first));
  return V(_mm256_maskload_ps(p, __m256i(below_last & ~below_first)));
#else
  V v = {};
  for (int i = lanes.first; i < lanes.last; ++i) v[i] = p[i];
  return v;
#endif
}
#endif

HADRON_INLINE void StorePart(float* p, V v, std::size_t count) {
  if (count >= kWidth) {
    Store(p, v);
    return;
  }
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1U << count) - 1), __m512(v));
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, __m256i(FirstLanes(count)), __m256(v));
#else
  for (std::size_t i = 0; i < count; ++i) p[i] = v[i];
#endif
}

HADRON_INLINE I Bits(V v) { return reinterpret_cast<I>(v); }
HADRON_INLINE V FromBits(I v) { return reinterpret_cast<V>(v); }
HADRON_INLINE V Abs(V x) { return FromBits(Bits(x) & SetInt(0x7fffffff)); }
HADRON_INLINE V CopySign(V magnitude, V sign) {
  return FromBits((Bits(magnitude) & SetInt(0x7fffffff)) | (Bits(sign) & SetInt(INT32_MIN)));
}
/// NaN in `x` stays, and so does the sign of zero: x86's max and min answer their second operand
/// unless the first is truly greater or less. (GCC 12 makes a comparison and a masked move of the
/// conditional, which costs short sums a tenth of their time; the masked forms, with all lanes,
/// are those whose header it does not warn about.)
#if defined(__AVX512F__)
HADRON_INLINE V AtLeast(V x, V low) {
  return V(_mm512_maskz_max_ps(0xffff, __m512(low), __m512(x)));
}
HADRON_INLINE V AtMost(V x, V high) {
  return V(_mm512_maskz_min_ps(0xffff, __m512(high), __m512(x)));
}
#elif defined(__AVX2__)
HADRON_INLINE V AtLeast(V x, V low) { return V(_mm256_max_ps(__m256(low), __m256(x))); }
HADRON_INLINE V AtMost(V x, V high) { return V(_mm256_min_ps(__m256(high), __m256(x))); }
#else
HADRON_INLINE V AtLeast(V x, V low) { return x < low ? low : x; }
HADRON_INLINE V AtMost(V x, V high) { return x > high ? high : x; }
#endif
HADRON_INLINE V Max(V a, V b) { return a > b || a != a ? a : b; }

HADRON_INLINE V Sqrt(V x) {
  V y = x;
#pragma GCC unroll 1
  for (int i = 0; i < kWidth; ++i) y[i] = __builtin_sqrtf(x[i]);
  return y;
}

/// Adds the lanes pairwise, in an order fixed by the width.
HADRON_INLINE float SumLanes(V v) {
#if defined(__AVX512F__)
  constexpr I kLane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif defined(__AVX2__)
  constexpr I kLane = {0, 1, 2, 3, 4, 5, 6, 7};
#else
  constexpr I kLane = {0, 1, 2, 3};
#endif
#pragma GCC unroll 4
  for (int half = kWidth / 2; half > 0; half /= 2) v += __builtin_shuffle(v, kLane ^ half);
  return v[0];
}

/// Nearest integer of |x| < 2^22.
HADRON_INLINE V RoundSmall(V x) {
  const V magic = Set(12582912.0F);
  V sum = x + magic;
  HADRON_OPAQUE(sum);  // keeps the compiler from cancelling the sum
  return sum - magic;
}

HADRON_INLINE V Floor(V x) {
  const V truncated = __builtin_convertvector(__builtin_convertvector(x, I), V);
  const V floor = truncated > x ? truncated - 1.0F : truncated;
  const V signed_floor = CopySign(floor, x);
  return Abs(x) < 8388608.0F ? signed_floor : x;  // larger ones are integers; NaN stays
}

HADRON_INLINE V Exp(V x) {
  const V high = Set(88.72284F);
  const V low = Set(-103.98F);
  const V bounded = AtMost(AtLeast(x, low), high);
  const V n = RoundSmall(bounded * 1.44269504F);
  V r = bounded - n * 0.693359375F;
  r = r + n * 2.12194440e-4F;
  V p = Set(1.9875691500e-4F);
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  // Two factors: 2^n alone leaves the range of normal numbers at both ends.
  const I exponent = __builtin_convertvector(n, I);
  const I half = exponent >> 1;
  const V first = FromBits((half + 127) << 23);
  const V second = FromBits((exponent - half + 127) << 23);
  V y = p * first * second;
  y = x > high ? Set(__builtin_inff()) : y;
  y = x < low ? Set(0.0F) : y;
  return x != x ? x : y;
}

HADRON_INLINE V Log(V x) {
  const auto tiny = x < 1.17549435e-38F;
  const V scaled = tiny ? x * 8388608.0F : x;
  I bits = Bits(scaled);
  I e = ((bits >> 23) & SetInt(0xff)) - 126;
  V m = FromBits((bits & SetInt(0x007fffff)) | SetInt(0x3f000000));
  const auto small = m < 0.707106781F;
  e = small ? e - 1 : e;
  m = (small ? m + m : m) - 1.0F;
  const V exponent = __builtin_convertvector(tiny ? e - 23 : e, V);
  V p = Set(7.0376836292e-2F);
  p = p * m - 1.1514610310e-1F;
  p = p * m + 1.1676998740e-1F;
  p = p * m - 1.2420140846e-1F;
  p = p * m + 1.4249322787e-1F;
  p = p * m - 1.6668057665e-1F;
  p = p * m + 2.0000714765e-1F;
  p = p * m - 2.4999993993e-1F;
  p = p * m + 3.3333331174e-1F;
  const V square = m * m;
  V y = p * m * square - exponent * 2.12194440e-4F - 0.5F * square;
  y = (m + y) + exponent * 0.693359375F;
  y = x == __builtin_inff() ? x : y;
  y = x == 0.0F ? Set(-__builtin_inff()) : y;
  y = x < 0.0F ? Set(__builtin_nanf("")) : y;
  return x != x ? x : y;
}

/// log(1 + t) for t >= 0.
HADRON_INLINE V Log1p(V t) {
  const V u = t + 1.0F;
  V back = u - 1.0F;
  HADRON_OPAQUE(back);  // the rounding error of u is the point
  return Log(u) + (t - back) / u;
}

HADRON_INLINE V Sigmoid(V x) { return 1.0F / (1.0F + Exp(-x)); }

HADRON_INLINE V Tanh(V x) {
  const V s = x * x;
  V p = Set(-5.70498872745e-3F);
  p = p * s + 2.06390887954e-2F;
  p = p * s - 5.37397155531e-2F;
  p = p * s + 1.33314422036e-1F;
  p = p * s - 3.33332819422e-1F;
  const V small = p * s * x + x;
  const V e = Exp(AtMost(Abs(x), Set(20.0F)) * 2.0F);
  const V large = CopySign(1.0F - 2.0F / (e + 1.0F), x);
  const V y = Abs(x) < 0.625F ? small : large;
  return x != x ? x : y;
}

HADRON_INLINE V Softplus(V x) { return AtLeast(x, Set(0.0F)) + Log1p(Exp(-Abs(x))); }

/// exp(x) - 1 without cancellation near zero.
HADRON_INLINE V Expm1(V x) {
  V p = Set(1.9841270e-4F);
  p = p * x + 1.3888889e-3F;
  p = p * x + 8.3333333e-3F;
  p = p * x + 4.1666667e-2F;
  p = p * x + 1.6666667e-1F;
  p = p * x + 0.5F;
  const V small = p * x * x + x;
  return Abs(x) < 0.35F ? small : Exp(x) - 1.0F;
}

HADRON_INLINE V Erf(V x) {
  const V t = Abs(x);
  const V s = x * x;
  V large = t * -1.72853470e-5F + 3.83197126e-4F;
  const V u = t * -3.88396438e-3F + 2.42546219e-2F;
  large = large * s + u;
  large = large * t - 1.06777877e-1F;
  large = large * t - 6.34846687e-1F;
  large = large * t - 1.28717512e-1F;
  large = large * t - t;
  large = CopySign(1.0F - Exp(large), x);
  V small = Set(-5.96761703e-4F);
  small = small * s + 4.99119423e-3F;
  small = small * s - 2.67681349e-2F;
  small = small * s + 1.12819925e-1F;
  small = small * s - 3.76125336e-1F;
  small = small * s + 1.28379166e-1F;
  small = small * x + x;
  const V y = t > 0.927734375F ? large : small;
  return x != x ? x : y;
}

/// x / (1 + exp(-2 u)) with u = sqrt(2 / pi) (x + 0.044715 x^3), which is x (1 + tanh u) / 2.
HADRON_INLINE V GeluTanh(V x) {
  const V u = x * 0.044715F * x * x + x;
  return x * Sigmoid(u * 1.59576912F);
}

HADRON_INLINE V Gelu(V x) { return 0.5F * x * (1.0F + Erf(x * 0.70710678F)); }

}  // namespace
}  // namespace hadron::backend::native
