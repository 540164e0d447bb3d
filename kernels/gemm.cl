// Matrix products y = post(a * b) of stacks of row-major matrices with packed right sides, and the
// packing of right sides that are computed. Tiles: tile.clh.
#include "tile.clh"

// Which matrices meet: axes of the stack from the innermost, strides in matrices.
typedef struct {
  uint4 shape, a_strides, b_strides;
} Stack;

uint2 operands_of(uint index, Stack stack) {
  uint2 found = (uint2)(0);
#define STACK_AXIS(k)                                                \
  {                                                                  \
    const uint outer = index / stack.shape.s##k;                     \
    const uint at = index - outer * stack.shape.s##k;                \
    found += at * (uint2)(stack.a_strides.s##k, stack.b_strides.s##k); \
    index = outer;                                                   \
  }
  if (index == 0) return found;
  STACK_AXIS(0) STACK_AXIS(1) STACK_AXIS(2) STACK_AXIS(3)
  return found;
}

// Group (row tile, BLOCKS panels, matrix). `panel_floats`: of one packed panel. `row_floats`: from
// a right matrix's operands per channel to the next one's.
TILE_KERNEL void product(__global const float* a, ulong a_at, __global const float* b, ulong b_at,
                         __global float* y, ulong y_at, uint rows, uint columns, uint depth,
                         uint panel_floats, uint row_floats, Stack stack POST_PARAMETERS) {
  const uint first = get_group_id(0) * ROWS;
  const uint column = get_group_id(1) * BLOCKS * PANEL;
  const uint2 operand = operands_of(get_group_id(2), stack);
  const uint panels = (columns + PANEL - 1) / PANEL;
  a += a_at + operand.s0 * rows * depth;
  b += b_at + ((ulong)operand.s1 * panels + get_group_id(1) * BLOCKS) * panel_floats;
  y += y_at;
  const uint channel = operand.s1 * row_floats;
  const uint matrix = get_group_id(2) * rows * columns;
#ifdef HADRON_CPU
  __global const float* line[ROWS];
#pragma unroll
  for (uint r = 0; r < ROWS; ++r) line[r] = a + min(first + r, rows - 1) * depth;
  VEC sums[ROWS][VECTORS], done[ROWS * VECTORS];
  clear_sums(sums);
  accumulate(sums, line, b, depth);
  copy_sums(sums, done);
#pragma nounroll
  for (uint i = 0; i < ROWS * VECTORS; ++i) {
    const uint row = first + i / VECTORS;
    const uint c = column + i % VECTORS * SPAN;
    if (row < rows && c < columns) {
      finish_sums(done[i], y, matrix + row * columns + c, channel + c, columns - c POST_ARGUMENTS);
    }
  }
#else
  __local float a_tile[DEPTH_STEP * ROW_PITCH];
  __local float b_tile[DEPTH_STEP * COLUMNS];
  const uint item = get_local_id(0);
  const uint next_panel = column + PANEL < columns ? panel_floats : 0;
  float4 sums[SUMS][BLOCKS], done[SUMS * BLOCKS];
  clear_sums(sums);
  for (uint k = 0; k < depth; k += DEPTH_STEP) {
    float a_step[A_LOADS];
    float4 b_step[BLOCKS];
    const uint at = k + A_DEPTH(item);
#pragma unroll
    for (uint j = 0; j < A_LOADS; ++j) {
      const uint row = first + A_ROW(item, j);
      a_step[j] = row < rows && at < depth ? a[row * depth + at] : 0.0f;
    }
    load_b(b_step, b, next_panel, k);
    barrier(CLK_LOCAL_MEM_FENCE);  // the loads are under way while others still multiply
    store_step(a_tile, b_tile, a_step, b_step);
    barrier(CLK_LOCAL_MEM_FENCE);
    multiply_step(sums, a_tile, b_tile);
  }
  copy_sums(sums, done);
#pragma nounroll
  for (uint i = 0; i < SUMS * BLOCKS; ++i) {
    const uint row = first + SUM_ROW(item, i / BLOCKS);
    const uint c = column + SUM_COLUMN(item, i % BLOCKS);
    if (row < rows && c < columns) {
      finish(done[i], y, matrix + row * columns + c, channel + c, columns - c POST_ARGUMENTS);
    }
  }
#endif
}

// Packs right sides: group (part of a panel, panel, matrix). Element (k, column) of a matrix of
// `depth` x `columns` floats lies at k * strides.s0 + column * strides.s1.
#ifdef HADRON_CPU
#define PACK_LINES 16  // of an item; opencl/product.cc counts on it
TILE_KERNEL void pack(__global const float* b, ulong b_at, __global float* packed, ulong packed_at,
                      uint columns, uint depth, uint panel_floats, uint2 strides, float scale) {
  const ulong panel = (ulong)get_group_id(2) * get_num_groups(1) + get_group_id(1);
  const uint first = get_group_id(1) * PANEL;
  const uint end = min((uint)PANEL, columns - first);
  uint k = get_group_id(0) * PACK_LINES;
  b += b_at + get_group_id(2) * columns * depth + first * strides.s1;
  packed += packed_at + panel * panel_floats;
  for (const uint last = min(k + PACK_LINES, depth); k < last; ++k) {
    if (end == PANEL && strides.s1 == 1) {
#pragma unroll
      for (uint c = 0; c < PANEL; c += VECTOR) {
        STORE_VECTOR(scale * LOAD_VECTOR(b + k * strides.s0 + c), packed + k * PANEL + c);
      }
    } else {
      for (uint c = 0; c < PANEL; ++c) {
        packed[k * PANEL + c] = c < end ? scale * b[k * strides.s0 + c * strides.s1] : 0.0f;
      }
    }
  }
}
#else
HADRON_KERNEL void pack(__global const float* b, ulong b_at, __global float* packed,
                        ulong packed_at, uint columns, uint depth, uint panel_floats,
                        uint2 strides, float scale) {
  const uint at = get_global_id(0);
  const uint k = at / PANEL;
  const uint column = get_group_id(1) * PANEL + at % PANEL;
  if (at >= panel_floats) return;
  const ulong panel = (ulong)get_group_id(2) * get_num_groups(1) + get_group_id(1);
  b += b_at + get_group_id(2) * columns * depth;
  const bool inside = k < depth && column < columns;
  packed[packed_at + panel * panel_floats + at] =
      inside ? b[k * strides.s0 + column * strides.s1] * scale : 0.0f;
}
#endif
