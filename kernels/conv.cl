// Direct convolution, channels-last: a product of pixels and packed weights with k = (taps, input
// channels). One launch is a convolution, or one phase of a transposed one.
#include "tile.clh"
#include "window.clh"

#ifdef HADRON_CPU
// First input of each pixel of a tile; the last pixel stands in for those behind the end.
typedef struct {
  int at[3][ROWS];
  int image[ROWS];
  uint to[ROWS];
} Pixels;

void find_pixels(Pixels* pixels, int first, const Window* w) {
  Place place = place_of(first, w);
  const int image = w->axis[0].in_size * w->axis[1].in_size * w->axis[2].in_size;
#pragma unroll
  for (int r = 0; r < ROWS; ++r) {
#pragma unroll
    for (int i = 0; i < 3; ++i) pixels->at[i][r] = input_of(&place, i, w);
    pixels->image[r] = place.image * image;
    pixels->to[r] = output_of(&place, w);
    if (first + r + 1 < w->rows) next_place(&place, w);
  }
}

// Group (pixel tile, panel of a group). In front of the weights lie zeros, read where a tap is
// outside.
TILE_KERNEL void convolution(__global const float* x, ulong x_at, __global const float* zeros,
                             ulong zeros_at, ulong weights_at, __global float* y, ulong y_at,
                             Window w POST_PARAMETERS) {
  const int first = get_group_id(0) * ROWS;
  const int group = get_group_id(1) / w.panels;
  const int column = get_group_id(1) % w.panels * PANEL;
  __global const float* panel =
      zeros + zeros_at + weights_at + (ulong)get_group_id(1) * w.panel_floats;
  zeros += zeros_at;
  x += x_at + group * w.depth;
  y += y_at;
  Pixels pixels;
  find_pixels(&pixels, first, &w);
  VEC sums[ROWS][VECTORS], done[ROWS * VECTORS];
  clear_sums(sums);
  bool whole = w.merged;  // every tap of the last axis is inside, for all pixels
#pragma unroll
  for (int r = 0; r < ROWS; ++r) {
    const int last = pixels.at[2][r] + (w.axis[2].taps - 1) * w.axis[2].tap_step;
    whole = whole && pixels.at[2][r] >= 0 && last < w.axis[2].in_size;
  }
  const int runs = whole ? min(1, w.axis[2].taps) : w.axis[2].taps;
  const uint run = whole ? w.depth * w.axis[2].taps : w.depth;
  for (int t0 = 0; t0 < w.axis[0].taps; ++t0) {
    for (int t1 = 0; t1 < w.axis[1].taps; ++t1, panel += w.axis[2].taps * w.depth * PANEL) {
      bool inside[ROWS];
      int pixel[ROWS];
      bool any = false;
#pragma unroll
      for (int r = 0; r < ROWS; ++r) {
        const int a = pixels.at[0][r] + t0 * w.axis[0].tap_step;
        const int b = pixels.at[1][r] + t1 * w.axis[1].tap_step;
        inside[r] = is_inside(a, &w.axis[0]) & is_inside(b, &w.axis[1]);
        pixel[r] = pixels.image[r] + (a * w.axis[1].in_size + b) * w.axis[2].in_size;
        any |= inside[r];
      }
      if (!any) continue;  // products of zeros, which change nothing
      for (int t2 = 0; t2 < runs; ++t2) {
        __global const float* line[ROWS];
#pragma unroll
        for (int r = 0; r < ROWS; ++r) {
          const int c = pixels.at[2][r] + t2 * w.axis[2].tap_step;
          const bool here = inside[r] & is_inside(c, &w.axis[2]);
          line[r] = here ? x + (pixel[r] + c) * w.in_pitch : zeros;
        }
        accumulate(sums, line, panel + t2 * run * PANEL, run);
      }
    }
  }
  const int channel = group * w.columns + column;
  copy_sums(sums, done);
#pragma nounroll
  for (int i = 0; i < ROWS * VECTORS; ++i) {
    const int r = i / VECTORS;
    const int c = i % VECTORS * SPAN;
    if (first + r < w.rows && column + c < w.columns) {
      finish_sums(done[i], y, pixels.to[r] + channel + c, channel + c,
                  w.columns - column - c POST_ARGUMENTS);
    }
  }
}

#else
// Group (pixel tile, BLOCKS panels of a group).
TILE_KERNEL void convolution(__global const float* x, ulong x_at, __global const float* zeros,
                             ulong zeros_at, ulong weights_at, __global float* y, ulong y_at,
                             Window w POST_PARAMETERS) {
  __local float a_tile[DEPTH_STEP * ROW_PITCH];
  __local float b_tile[DEPTH_STEP * COLUMNS];
  const int item = get_local_id(0);
  const int first = get_group_id(0) * ROWS;
  const int tiles = (w.panels + BLOCKS - 1) / BLOCKS;
  const int group = get_group_id(1) / tiles;
  const int first_panel = get_group_id(1) % tiles * BLOCKS;
  const int next_panel = first_panel + 1 < w.panels ? w.panel_floats : 0;
  __global const float* panel =
      zeros + zeros_at + weights_at + ((ulong)group * w.panels + first_panel) * w.panel_floats;
  x += x_at + group * w.depth;
  y += y_at;
  int from[A_LOADS][4];  // first input and image of the pixels this item loads
#pragma unroll
  for (int j = 0; j < A_LOADS; ++j) {
    const Place place = place_of(min(first + A_ROW(item, j), w.rows - 1), &w);
#pragma unroll
    for (int i = 0; i < 3; ++i) from[j][i] = input_of(&place, i, &w);
    from[j][3] = place.image * w.axis[0].in_size;
  }
  const int depth = w.axis[0].taps * w.axis[1].taps * w.axis[2].taps * w.depth;
  float4 sums[SUMS][BLOCKS], done[SUMS * BLOCKS];
  clear_sums(sums);
  for (int k = 0; k < depth; k += DEPTH_STEP) {
    float a_step[A_LOADS];
    float4 b_step[BLOCKS];
    const int at = k + A_DEPTH(item);
    const int tap = at / w.depth;
    const int line = tap / w.axis[2].taps;
    const int t2 = tap % w.axis[2].taps * w.axis[2].tap_step;
    const int t1 = line % w.axis[1].taps * w.axis[1].tap_step;
    const int t0 = line / w.axis[1].taps * w.axis[0].tap_step;
#pragma unroll
    for (int j = 0; j < A_LOADS; ++j) {
      const int a = from[j][0] + t0;
      const int b = from[j][1] + t1;
      const int c = from[j][2] + t2;
      const bool inside = at < depth && is_inside(a, &w.axis[0]) && is_inside(b, &w.axis[1]) &&
                          is_inside(c, &w.axis[2]);
      const int pixel = ((from[j][3] + a) * w.axis[1].in_size + b) * w.axis[2].in_size + c;
      a_step[j] = inside ? x[pixel * w.in_pitch + at % w.depth] : 0.0f;
    }
    load_b(b_step, panel, next_panel, k);
    barrier(CLK_LOCAL_MEM_FENCE);  // the loads are under way while others still multiply
    store_step(a_tile, b_tile, a_step, b_step);
    barrier(CLK_LOCAL_MEM_FENCE);
    multiply_step(sums, a_tile, b_tile);
  }
  copy_sums(sums, done);
#pragma nounroll
  for (int i = 0; i < SUMS * BLOCKS; ++i) {
    const int row = first + SUM_ROW(item, i / BLOCKS);
    const int c = first_panel * PANEL + SUM_COLUMN(item, i % BLOCKS);
    if (row >= w.rows || c >= w.columns) continue;
    const Place place = place_of(row, &w);
    const int channel = group * w.columns + c;
    finish(done[i], y, output_of(&place, &w) + channel, channel, w.columns - c POST_ARGUMENTS);
  }
}
#endif
