// Operators on rows of adjacent floats. A sum is added up in an order that the length of the row
// alone decides: its bytes do not depend on the other rows.
//
//   HADRON_CPU   a work-item takes `share` rows one after the other; sixteen chains a row
//   otherwise    `share` work-items (a power of two) take a row, 256 / share rows a group; a chain
//                each, then a tree in local memory
//
// A result may lie where its row lay.
#define ROW_PARAMETERS                                                                       \
  __global const float *x, ulong x_at, __global float *y, ulong y_at, uint rows, uint count, \
      uint share

// Pieces of a row: an expression over AT(pointer) is compiled for one element and for a vector.
#define AT_ONE(from) ((from)[i])
#define AT_VECTOR(from) vload16(0, (from) + i)

#define ADDED(a, b) ((a) + (b))
#define LARGER(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))

#ifdef HADRON_CPU
#define ROW_KERNEL __kernel __attribute__((reqd_work_group_size(1, 1, 1)))
#define EACH_ROW                               \
  const uint first = get_global_id(0) * share; \
  for (uint row = first; row < min(rows, first + share); ++row)

// float `name` = all `element`s of the row combined.
#define REDUCE(name, start, combine, element)                                              \
  float name;                                                                              \
  {                                                                                        \
    float16 all = (float16)(start);                                                        \
    uint i = 0;                                                                            \
    for (; i + 16 <= count; i += 16) all = combine(all, element(AT_VECTOR));               \
    float chains[16];                                                                      \
    vstore16(all, 0, chains);                                                              \
    for (uint k = 0; i < count; ++k, ++i) chains[k] = combine(chains[k], element(AT_ONE)); \
    all = vload16(0, chains);                                                              \
    const float8 eight = combine(all.lo, all.hi);                                          \
    const float4 four = combine(eight.lo, eight.hi);                                       \
    const float2 two = combine(four.lo, four.hi);                                          \
    name = combine(two.x, two.y);                                                          \
  }

// to[i] = element, for the whole row.
#define MAP(to, element)                                                        \
  {                                                                             \
    uint i = 0;                                                                 \
    for (; i + 16 <= count; i += 16) vstore16(element(AT_VECTOR), 0, (to) + i); \
    for (; i < count; ++i) (to)[i] = element(AT_ONE);                           \
  }

#define PUT(to, value) *(to) = value;

#else
#define ROW_KERNEL HADRON_KERNEL
// Items without a row keep the others company at the barriers.
#define EACH_ROW                                                                       \
  __local float shared[HADRON_GROUP];                                                  \
  const uint lane = get_local_id(0) % share;                                           \
  const uint row = get_group_id(0) * (HADRON_GROUP / share) + get_local_id(0) / share; \
  const uint end = row < rows ? count : 0;

#define REDUCE(name, start, combine, element)                                     \
  float name = start;                                                             \
  for (uint i = lane; i < end; i += share) name = combine(name, element(AT_ONE)); \
  barrier(CLK_LOCAL_MEM_FENCE);                                                   \
  shared[get_local_id(0)] = name;                                                 \
  for (uint step = share / 2; step > 0; step /= 2) {                              \
    barrier(CLK_LOCAL_MEM_FENCE);                                                 \
    __local float* mine = shared + get_local_id(0);                               \
    if (lane < step) mine[0] = combine(mine[0], mine[step]);                      \
  }                                                                               \
  barrier(CLK_LOCAL_MEM_FENCE);                                                   \
  name = shared[get_local_id(0) - lane];

#define MAP(to, element) \
  for (uint i = lane; i < end; i += share) (to)[i] = element(AT_ONE);

#define PUT(to, value) \
  if (lane == 0 && end > 0) *(to) = value;
#endif

#define VALUE(AT) AT(from)
#define EXPONENTIAL(AT) exp(AT(from) - largest)
#define RESULT(AT) AT(to)
#define SCALED(AT) AT(to) * inverse
#define LESS_LOGARITHM(AT) AT(from) - largest - log_sum
#define SQUARED_DISTANCE(AT) (AT(from) - mean) * (AT(from) - mean)
#define NORMALISED(AT) (AT(from) - mean) * inverse * AT(scale) + AT(bias)

ROW_KERNEL void softmax(ROW_PARAMETERS) {
  EACH_ROW {
    __global const float* from = x + x_at + row * count;
    __global float* to = y + y_at + row * count;
    REDUCE(largest, -INFINITY, LARGER, VALUE)
    MAP(to, EXPONENTIAL)
    REDUCE(sum, 0.0f, ADDED, RESULT)
    const float inverse = 1.0f / sum;
    MAP(to, SCALED)
  }
}

ROW_KERNEL void log_softmax(ROW_PARAMETERS) {
  EACH_ROW {
    __global const float* from = x + x_at + row * count;
    __global float* to = y + y_at + row * count;
    REDUCE(largest, -INFINITY, LARGER, VALUE)
    REDUCE(sum, 0.0f, ADDED, EXPONENTIAL)
    const float log_sum = log(sum);
    MAP(to, LESS_LOGARITHM)
  }
}

ROW_KERNEL void layer_normalization(ROW_PARAMETERS, __global const float* scale, ulong scale_at,
                                    __global const float* bias, ulong bias_at, float epsilon) {
  scale += scale_at;
  bias += bias_at;
  EACH_ROW {
    __global const float* from = x + x_at + row * count;
    __global float* to = y + y_at + row * count;
    REDUCE(sum, 0.0f, ADDED, VALUE)
    const float mean = sum / count;
    REDUCE(distances, 0.0f, ADDED, SQUARED_DISTANCE)
    const float inverse = 1.0f / sqrt(distances / count + epsilon);
    MAP(to, NORMALISED)
  }
}

ROW_KERNEL void reduce_sum(ROW_PARAMETERS, float divisor) {
  EACH_ROW {
    __global const float* from = x + x_at + row * count;
    REDUCE(sum, 0.0f, ADDED, VALUE)
    PUT(y + y_at + row, sum / divisor)
  }
}

ROW_KERNEL void reduce_max(ROW_PARAMETERS, float divisor) {
  EACH_ROW {
    __global const float* from = x + x_at + row * count;
    REDUCE(largest, -INFINITY, LARGER, VALUE)
    PUT(y + y_at + row, largest / divisor)
  }
}
