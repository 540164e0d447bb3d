// Element-wise operators on fp32. One row an operator at the end of the file; each row makes a
// kernel that computes an expression over x (and y, which is read through strides), a vector at a
// time. A work-item takes `chunk` neighbours of the result. Vectors that are not full are computed
// like full ones: the bytes of an element do not depend on where it lies.
// -DVECTOR=n -DGROUP=work-items of a group.
//
// Tensors are (buffer, offset in elements); element counts fit 31 bits. No 'restrict': a result may
// lie where an operand lay. Comparisons are written so that NaN passes through.

#include "activation.clh"

#define PASTE_TOKENS(a, b) a##b
#define PASTE(a, b) PASTE_TOKENS(a, b)
#define VEC PASTE(float, VECTOR)
#define ELEMENT_KERNEL __kernel __attribute__((reqd_work_group_size(GROUP, 1, 1)))

ACTIVATIONS(VEC)  // relu_VEC and so on

// `count` elements, `stride` apart; what is beyond them is 1.
VEC load_part(__global const float* from, uint stride, uint count) {
  if (stride == 0) return (VEC)(*from);
  if (stride == 1 && count >= VECTOR) return PASTE(vload, VECTOR)(0, from);
  float lanes[VECTOR];
  for (uint i = 0; i < VECTOR; ++i) lanes[i] = i < count ? from[i * stride] : 1.0f;
  return PASTE(vload, VECTOR)(0, lanes);
}

void store_part(VEC value, __global float* to, uint count) {
  if (count >= VECTOR) {
    PASTE(vstore, VECTOR)(value, 0, to);
    return;
  }
  float lanes[VECTOR];
  PASTE(vstore, VECTOR)(value, 0, lanes);
  for (uint i = 0; i < count; ++i) to[i] = lanes[i];
}

#define UNARY(name, expression)                                                             \
  VEC name##_of(VEC x, float alpha, float beta) { return expression; }                      \
  ELEMENT_KERNEL void name(__global const float* x, ulong x_at, __global float* out,        \
                           ulong out_at, uint count, uint chunk, float alpha, float beta) { \
    const uint first = get_global_id(0) * chunk;                                            \
    const uint end = min(count, first + chunk);                                             \
    x += x_at;                                                                              \
    out += out_at;                                                                          \
    for (uint i = first; i < end; i += VECTOR) {                                            \
      store_part(name##_of(load_part(x + i, 1, end - i), alpha, beta), out + i, end - i);   \
    }                                                                                       \
  }

// Adds the operand's part of one axis; axes are numbered from the innermost. The branch is the same
// for all items.
#define AXIS(k)                                   \
  if (rank > 0x##k) {                             \
    const uint outer = rest / shape.s##k;         \
    const uint index = rest - outer * shape.s##k; \
    xi += index * x_strides.s##k;                 \
    yi += index * y_strides.s##k;                 \
    rest = outer;                                 \
  }

// Runs along the innermost axis, one after the other.
#define BINARY(name, expression)                                                         \
  VEC name##_of(VEC x, VEC y) { return expression; }                                     \
  ELEMENT_KERNEL void name(__global const float* x, ulong x_at, __global const float* y, \
                           ulong y_at, __global float* out, ulong out_at, uint count,    \
                           uint chunk, uint rank, uint8 shape, uint8 x_strides,          \
                           uint8 y_strides) {                                            \
    const uint first = get_global_id(0) * chunk;                                         \
    const uint end = min(count, first + chunk);                                          \
    x += x_at;                                                                           \
    y += y_at;                                                                           \
    out += out_at;                                                                       \
    for (uint at = first; at < end;) {                                                   \
      uint rest = at, xi = 0, yi = 0;                                                    \
      AXIS(0) AXIS(1) AXIS(2) AXIS(3) AXIS(4) AXIS(5) AXIS(6) AXIS(7)                    \
      const uint run = min(shape.s0 - at % shape.s0, end - at);                          \
      for (uint i = 0; i < run; i += VECTOR) {                                           \
        const VEC left = load_part(x + xi + i * x_strides.s0, x_strides.s0, run - i);    \
        const VEC right = load_part(y + yi + i * y_strides.s0, y_strides.s0, run - i);   \
        store_part(name##_of(left, right), out + at + i, run - i);                       \
      }                                                                                  \
      at += run;                                                                         \
    }                                                                                    \
  }

UNARY(identity, x)
UNARY(neg, -x)
UNARY(absolute, fabs(x))
UNARY(round_down, floor(x))
UNARY(round_up, ceil(x))
UNARY(square, x * x)
UNARY(square_root, sqrt(x))
UNARY(reciprocal, 1.0f / x)
UNARY(exponential, exp(x))
UNARY(logarithm, log(x))
UNARY(hyperbolic_tangent, tanh(x))
UNARY(sigmoid, sigmoid_VEC(x))
UNARY(relu, relu_VEC(x))
UNARY(leaky_relu, leaky_relu_VEC(x, alpha))
UNARY(elu, elu_VEC(x, alpha))
UNARY(clip, clip_VEC(x, alpha, beta))
UNARY(softplus, softplus_VEC(x))
UNARY(error, error_function_VEC(x))
UNARY(gelu, gelu_VEC(x))
UNARY(gelu_tanh, gelu_tanh_VEC(x))
UNARY(swish, swish_VEC(x, alpha))
UNARY(hard_sigmoid, hard_sigmoid_VEC(x, alpha, beta))
UNARY(hard_swish, x * hard_sigmoid_VEC(x, alpha, beta))

BINARY(add, x + y)
BINARY(sub, x - y)
BINARY(mul, x * y)
BINARY(div, x / y)
BINARY(larger, x > y || x != x ? x : y)
BINARY(smaller, x < y || x != x ? x : y)
BINARY(leaky_by, x < 0.0f ? x * y : x)
BINARY(power, pow(x, y))
