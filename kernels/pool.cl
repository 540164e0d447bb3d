// Max and average pools, channels-last, both families: -DVECTOR=n -DGROUP=work-items of a group. A
// unit of work is a vector of channels of one pixel; a work-item takes `block` neighbours. Taps are
// combined in their order, whatever the vector.
#include "window.clh"

#define PASTE_TOKENS(a, b) a##b
#define PASTE(a, b) PASTE_TOKENS(a, b)
#define VEC PASTE(float, VECTOR)
#define LOAD_ONE(from) (*(from))
#define LOAD_VECTOR(from) PASTE(vload, VECTOR)(0, from)
#define STORE_VECTOR(value, to) PASTE(vstore, VECTOR)(value, 0, to)

#define ADDED(a, b) ((a) + (b))
#define LARGER(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))

// Combines what the window of `place` covers; `x` points at its first channel.
#define WINDOW(T, name, LOAD, start, combine)                                                  \
  T name(__global const float* x, const Place* place, const Window* w) {                       \
    const int from[3] = {input_of(place, 0, w), input_of(place, 1, w), input_of(place, 2, w)}; \
    T all = (T)(start);                                                                        \
    for (int t0 = 0; t0 < w->axis[0].taps; ++t0) {                                             \
      const int a = from[0] + t0 * w->axis[0].tap_step;                                        \
      if (!is_inside(a, &w->axis[0])) continue;                                                \
      for (int t1 = 0; t1 < w->axis[1].taps; ++t1) {                                           \
        const int b = from[1] + t1 * w->axis[1].tap_step;                                      \
        if (!is_inside(b, &w->axis[1])) continue;                                              \
        const int line = (place->image * w->axis[0].in_size + a) * w->axis[1].in_size + b;     \
        for (int t2 = 0; t2 < w->axis[2].taps; ++t2) {                                         \
          const int c = from[2] + t2 * w->axis[2].tap_step;                                    \
          if (!is_inside(c, &w->axis[2])) continue;                                            \
          const int pixel = line * w->axis[2].in_size + c;                                     \
          const T value = LOAD(x + (ulong)pixel * w->in_pitch);                                \
          all = combine(all, value);                                                           \
        }                                                                                      \
      }                                                                                        \
    }                                                                                          \
    return all;                                                                                \
  }

WINDOW(float, largest_one, LOAD_ONE, -INFINITY, LARGER)
WINDOW(VEC, largest_vector, LOAD_VECTOR, -INFINITY, LARGER)
WINDOW(float, sum_one, LOAD_ONE, 0.0f, ADDED)
WINDOW(VEC, sum_vector, LOAD_VECTOR, 0.0f, ADDED)

// Taps of `place` that lie in [lowest, in_size + pad_end): what a mean is divided by.
float taps_inside(const Place* place, const Window* w, bool padding, const int* pad_ends) {
  int all = 1;
  for (int i = 0; i < 3; ++i) {
    const Axis* axis = &w->axis[i];
    const int end = axis->in_size + (padding ? pad_ends[i] : 0);
    int count = 0;
    for (int t = 0; t < axis->taps; ++t) {
      const int at = input_of(place, i, w) + t * axis->tap_step;
      count += (padding || at >= 0) && at < end;
    }
    all *= count;
  }
  return all > 0 ? all : 1;
}

#define POOL(name, window, divisor_of_place)                                                    \
  __kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void name(                        \
      __global const float* x, ulong x_at, __global float* y, ulong y_at, Window w, uint block, \
      int padding, int pad_end0, int pad_end1, int pad_end2) {                                  \
    const int pad_ends[3] = {pad_end0, pad_end1, pad_end2};                                     \
    const uint first = get_global_id(0) * block;                                                \
    const uint end = min((uint)w.rows * w.panels, first + block);                               \
    if (first >= end) return;                                                                   \
    x += x_at;                                                                                  \
    y += y_at;                                                                                  \
    Place place = place_of(first / w.panels, &w);                                               \
    int channel = first % w.panels * VECTOR;                                                    \
    float divisor = divisor_of_place;                                                           \
    for (uint unit = first; unit < end; ++unit) {                                               \
      if (channel >= w.out_pitch) {                                                             \
        channel = 0;                                                                            \
        next_place(&place, &w);                                                                 \
        divisor = divisor_of_place;                                                             \
      }                                                                                         \
      __global float* to = y + (ulong)output_of(&place, &w);                                    \
      if (w.out_pitch - channel >= VECTOR) {                                                    \
        STORE_VECTOR(window##_vector(x + channel, &place, &w) / divisor, to + channel);         \
      } else {                                                                                  \
        for (int i = channel; i < w.out_pitch; ++i) {                                           \
          to[i] = window##_one(x + i, &place, &w) / divisor;                                    \
        }                                                                                       \
      }                                                                                         \
      channel += VECTOR;                                                                        \
    }                                                                                           \
  }

POOL(max_pool, largest, 1.0f)
POOL(average_pool, sum, taps_inside(&place, &w, padding != 0, pad_ends))
