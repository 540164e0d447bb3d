// Copies between strided tensors of 4-byte elements: transpositions, slices, parts of a
// concatenation, layouts. Axes are numbered from the innermost of the target; mirrors Walk of
// opencl/movement.cc. A unit of work is `chunk` elements of the innermost axis, a work-item takes
// `block` neighbouring units: long ones on CPUs, single elements where neighbours are coalesced.
// -DGROUP=work-items of a group.
#define MOVE_KERNEL __kernel __attribute__((reqd_work_group_size(GROUP, 1, 1)))
#define MAX_RANK 8

typedef struct {
  int rank;
  uint units, chunk, block;
  uint size[MAX_RANK];
  int from[MAX_RANK], to[MAX_RANK];  // strides, in elements
} Walk;

void copy_unit(__global const uint* x, __global uint* y, uint unit, const Walk* w) {
  const uint chunks = (w->size[0] + w->chunk - 1) / w->chunk;
  const uint first = unit % chunks * w->chunk;
  const uint count = min(w->chunk, w->size[0] - first);
  uint rest = unit / chunks;
  x += (long)first * w->from[0];
  y += (long)first * w->to[0];
  for (int i = 1; i < w->rank; ++i) {
    const uint at = rest % w->size[i];
    rest /= w->size[i];
    x += (long)at * w->from[i];
    y += (long)at * w->to[i];
  }
  if (w->from[0] == 1 && w->to[0] == 1) {
    uint i = 0;
    for (; i + 16 <= count; i += 16) vstore16(vload16(0, x + i), 0, y + i);
    for (; i < count; ++i) y[i] = x[i];
    return;
  }
  for (uint i = 0; i < count; ++i) y[(long)i * w->to[0]] = x[(long)i * w->from[0]];
}

// `x_first` and `y_first` are where the walk starts in the tensors.
MOVE_KERNEL void copy(__global const uint* x, ulong x_at, __global uint* y, ulong y_at,
                      ulong x_first, ulong y_first, Walk w) {
  const uint first = get_global_id(0) * w.block;
  for (uint unit = first; unit < min(w.units, first + w.block); ++unit) {
    copy_unit(x + x_at + x_first, y + y_at + y_first, unit, &w);
  }
}

MOVE_KERNEL void fill(__global uint* y, ulong y_at, uint value, Walk w) {
  const uint first = get_global_id(0) * w.chunk;
  const uint end = min(w.units, first + w.chunk);
  for (uint i = first; i < end; ++i) y[y_at + i] = value;
}
