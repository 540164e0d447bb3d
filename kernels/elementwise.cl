// Element-wise operators on fp32. One row an operator at the end of the file; each row makes
//   NAME            operands and result of one shape: four elements a step, any order of elements
//   NAME_broadcast  (two operands) every operand read through strides
// Tensors are (buffer, offset in elements); element counts fit 31 bits. No 'restrict': a result may
// lie where an operand lay. Comparisons are written so that NaN passes through.

// float and float4 versions of an expression over x (and y), with T as its type.
#define UNARY_FUNCTION(T, name, expression) \
  T name##_##T(T x, float alpha) { return expression; }
#define BINARY_FUNCTION(T, name, expression) \
  T name##_##T(T x, T y) { return expression; }

#define UNARY(name, float_expression, float4_expression)                                         \
  UNARY_FUNCTION(float, name, float_expression)                                                  \
  UNARY_FUNCTION(float4, name, float4_expression)                                                \
  HADRON_KERNEL void name(__global const float* x, ulong x_at, __global float* out,              \
                          ulong out_at, uint count, float alpha) {                               \
    x += x_at;                                                                                   \
    out += out_at;                                                                               \
    const uint step = get_global_size(0);                                                        \
    const uint first = get_global_id(0);                                                         \
    const uint quads = count / 4;                                                                \
    for (uint i = first; i < quads; i += step) vstore4(name##_float4(vload4(i, x), alpha), i, out); \
    for (uint i = 4 * quads + first; i < count; i += step) out[i] = name##_float(x[i], alpha);   \
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

#define BINARY(name, expression)                                                                 \
  BINARY_FUNCTION(float, name, expression)                                                       \
  BINARY_FUNCTION(float4, name, expression)                                                      \
  HADRON_KERNEL void name(__global const float* x, ulong x_at, __global const float* y,          \
                          ulong y_at, __global float* out, ulong out_at, uint count) {           \
    x += x_at;                                                                                   \
    y += y_at;                                                                                   \
    out += out_at;                                                                               \
    const uint step = get_global_size(0);                                                        \
    const uint first = get_global_id(0);                                                         \
    const uint quads = count / 4;                                                                \
    for (uint i = first; i < quads; i += step)                                                   \
      vstore4(name##_float4(vload4(i, x), vload4(i, y)), i, out);                                \
    for (uint i = 4 * quads + first; i < count; i += step) out[i] = name##_float(x[i], y[i]);    \
  }                                                                                              \
  HADRON_KERNEL void name##_broadcast(__global const float* x, ulong x_at,                       \
                                      __global const float* y, ulong y_at, __global float* out,  \
                                      ulong out_at, uint count, uint rank, uint8 shape,          \
                                      uint8 x_strides, uint8 y_strides) {                        \
    x += x_at;                                                                                   \
    y += y_at;                                                                                   \
    out += out_at;                                                                               \
    const uint step = get_global_size(0);                                                        \
    for (uint i = get_global_id(0); i < count; i += step) {                                      \
      uint rest = i, xi = 0, yi = 0;                                                             \
      AXIS(0) AXIS(1) AXIS(2) AXIS(3) AXIS(4) AXIS(5) AXIS(6) AXIS(7)                            \
      out[i] = name##_float(x[xi], y[yi]);                                                       \
    }                                                                                            \
  }

#define SAME(name, expression) UNARY(name, expression, expression)

SAME(identity, x)
SAME(neg, -x)
SAME(exponential, exp(x))
SAME(hyperbolic_tangent, tanh(x))
SAME(sigmoid, 1.0f / (1.0f + exp(-x)))
UNARY(relu, x < 0.0f ? 0.0f : x, x < 0.0f ? (float4)(0.0f) : x)
SAME(leaky_relu, x < 0.0f ? alpha * x : x)
// log(1 + e^x) without overflow: the larger of x and 0 is split off.
UNARY(softplus, (x < 0.0f ? 0.0f : x) + log1p(exp(-fabs(x))),
      (x < 0.0f ? (float4)(0.0f) : x) + log1p(exp(-fabs(x))))

BINARY(add, x + y)
BINARY(sub, x - y)
BINARY(mul, x * y)
BINARY(div, x / y)
