// Depthwise convolution, channels-last: one input and one output channel a group. A work-item
// computes ROWS pixels of VECTOR channels; weights lie [vector of channels][tap][VECTOR]. Both
// families: -DVECTOR=n -DROWS=n -DGROUP=work-items of a group.
#define HADRON_CPU
#define VECTORS 1
#include "tile.clh"
#include "window.clh"

VEC load_part(__global const float* from, int columns) {
  if (columns >= VECTOR) return LOAD_VECTOR(from);
  float lanes[VECTOR];
  for (int i = 0; i < VECTOR; ++i) lanes[i] = i < columns ? from[i] : 0.0f;
  return LOAD_VECTOR(lanes);
}

// Sums of ROWS neighbours of a line whose taps are all inside; `from` is the first input. Additions
// in the order of the taps, as in one_pixel.
void row_of_pixels(VEC sums[ROWS][1], __global const float* from, __global const float* weight,
                   const Window* w) {
  const int step = w->axis[2].in_step * w->in_pitch;
  for (int t0 = 0; t0 < w->axis[0].taps; ++t0) {
    for (int t1 = 0; t1 < w->axis[1].taps; ++t1) {
      const int line = (t0 * w->axis[0].tap_step * w->axis[1].in_size + t1 * w->axis[1].tap_step) *
                       w->axis[2].in_size;
      for (int t2 = 0; t2 < w->axis[2].taps; ++t2, weight += VECTOR) {
        __global const float* tap = from + (line + t2 * w->axis[2].tap_step) * w->in_pitch;
        const VEC factor = LOAD_VECTOR(weight);
#pragma unroll
        for (int r = 0; r < ROWS; ++r) {
          sums[r][0] = fma(LOAD_VECTOR(tap + r * step), factor, sums[r][0]);
        }
      }
    }
  }
}

// Sum of a pixel whose taps may lie outside and whose vector may have only `columns` channels.
VEC one_pixel(__global const float* x, __global const float* weight, const Place* place,
              int columns, const Window* w) {
  const int from[3] = {input_of(place, 0, w), input_of(place, 1, w), input_of(place, 2, w)};
  VEC sum = (VEC)(0.0f);
  for (int t0 = 0; t0 < w->axis[0].taps; ++t0) {
    const int a = from[0] + t0 * w->axis[0].tap_step;
    for (int t1 = 0; t1 < w->axis[1].taps; ++t1) {
      const int b = from[1] + t1 * w->axis[1].tap_step;
      const bool inside = is_inside(a, &w->axis[0]) && is_inside(b, &w->axis[1]);
      const int line = (place->image * w->axis[0].in_size + a) * w->axis[1].in_size + b;
      for (int t2 = 0; t2 < w->axis[2].taps; ++t2, weight += VECTOR) {
        const int c = from[2] + t2 * w->axis[2].tap_step;
        if (!inside || !is_inside(c, &w->axis[2])) continue;
        const int pixel = line * w->axis[2].in_size + c;
        sum = fma(load_part(x + pixel * w->in_pitch, columns), LOAD_VECTOR(weight), sum);
      }
    }
  }
  return sum;
}

// True when ROWS pixels from `place` on are one line and every tap is inside.
bool is_open(const Place* place, const Window* w) {
  bool inside = place->q[2] + ROWS <= w->axis[2].count;
  for (int i = 0; i < 3; ++i) {
    const int from = input_of(place, i, w);
    const int last = from + (w->axis[i].taps - 1) * w->axis[i].tap_step +
                     (i == 2 ? (ROWS - 1) * w->axis[2].in_step : 0);
    inside = inside && from >= 0 && last < w->axis[i].in_size;
  }
  return inside;
}

// Work-items: vectors of channels, then tiles of pixels.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void depthwise(
    __global const float* x, ulong x_at, __global const float* weights, ulong weights_at,
    ulong phase_at, __global float* y, ulong y_at, Window w POST_PARAMETERS) {
  const int first = get_global_id(0) / w.panels * ROWS;
  const int vector = get_global_id(0) % w.panels;
  const int channel = vector * VECTOR;
  const int columns = w.out_pitch - channel;
  if (first >= w.rows) return;
  x += x_at + channel;
  y += y_at;
  weights += weights_at + phase_at + (ulong)vector * w.panel_floats;
  Place place = place_of(first, &w);
  if (columns >= VECTOR && is_open(&place, &w)) {
    VEC sums[ROWS][1], done[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; ++r) sums[r][0] = (VEC)(0.0f);
    const int line = (place.image * w.axis[0].in_size + input_of(&place, 0, &w)) *
                         w.axis[1].in_size + input_of(&place, 1, &w);
    const int pixel = line * w.axis[2].in_size + input_of(&place, 2, &w);
    row_of_pixels(sums, x + pixel * w.in_pitch, weights, &w);
    copy_sums(sums, done);
    const uint to = output_of(&place, &w) + channel;
    const uint step = w.axis[2].out_step * w.out_pitch;
#pragma nounroll
    for (int r = 0; r < ROWS; ++r) {
      finish(done[r], y, to + r * step, channel, columns POST_ARGUMENTS);
    }
    return;
  }
  for (int r = 0; r < ROWS && first + r < w.rows; ++r, next_place(&place, &w)) {
    const VEC sum = one_pixel(x, weights, &place, columns, &w);
    finish(sum, y, output_of(&place, &w) + channel, channel, columns POST_ARGUMENTS);
  }
}
