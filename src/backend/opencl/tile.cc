#include "backend/opencl/tile.h"

#include <fmt/format.h>

#include <algorithm>

namespace hadron::backend::opencl {
namespace {

constexpr std::int64_t kSharedTile = 64;  // ROWS and PANEL of kernels/tile.clh
constexpr std::int64_t kSharedDepth = 16;

constexpr std::int64_t kMostDotColumns = 8;

/// Vectors over few columns waste lanes; vectors over k cost a load for each product and an
/// addition of lanes at the end. Estimated cycles of a row, from sizes that do not depend on the
/// batch.
bool PrefersDot(const TileProblem& p, std::int64_t vector) {
  if (p.packed_on_device || p.columns > kMostDotColumns || p.depth % vector != 0) return false;
  const auto products = p.runs * p.depth;
  return products / vector * (3 * p.columns + 1) / 2 + 8 * p.columns < products;
}

/// One row less where that leaves less of the last tile empty; only where it shows, for each number
/// of rows is a program of its own.
std::int64_t RowsFor(std::int64_t rows, std::int64_t most) {
  constexpr std::int64_t kFewRows = 64;
  constexpr std::int64_t kManyRegisters = 6;
  if (rows == 1) return 1;
  const bool shows = most >= kManyRegisters && rows > most && rows <= kFewRows;
  return shows && RoundUp(rows, most - 1) < RoundUp(rows, most) ? most - 1 : most;
}

/// A tile of so many rows; 0 = as many as fill the registers: 16 accumulators of 32 registers with
/// AVX-512, 12 of 16 with narrower vectors.
Tile RegisterTile(std::uint32_t vector_floats, const TileProblem& p, std::int64_t rows = 0) {
  const std::int64_t vector = vector_floats >= 16 ? 16 : 8;
  const bool dot = PrefersDot(p, vector);
  const std::int64_t vectors = dot ? p.columns : p.columns <= vector ? 1 : 2;
  const std::int64_t most_rows = dot ? (p.columns <= 4 ? 4 : 2) : vector == 16 ? 8 : 6;
  Tile tile;
  tile.rows = rows != 0 ? rows : RowsFor(p.rows, most_rows);
  tile.panel = dot ? p.columns : vector * vectors;
  tile.dot_vector = dot ? vector : 1;
  tile.options = fmt::format("-DHADRON_CPU -DVECTOR={} -DVECTORS={} -DROWS={}{}", vector, vectors,
                             tile.rows, dot ? " -DHADRON_DOT" : "");
  return tile;
}

Tile SharedTile(std::int64_t row_blocks, std::int64_t blocks) {
  return {.rows = row_blocks * kSharedTile,
          .panel = kSharedTile,
          .depth_step = kSharedDepth,
          .items = kGroupItems,
          .blocks = blocks,
          .dot_vector = 1,
          .options = fmt::format("-DVECTOR=4 -DROW_BLOCKS={} -DBLOCKS={}", row_blocks, blocks)};
}

/// Large tiles reuse what they load more often, where there are enough of them to fill the device.
Tile BuiltInSharedTile(std::uint32_t compute_units, const TileProblem& p) {
  constexpr std::int64_t kWaves = 2;
  Tile tile = SharedTile(2, 2);
  const std::int64_t tiles = CeilDivide(p.rows, tile.rows) * tile.groups(p.columns);
  if (p.columns > kSharedTile && tiles >= kWaves * compute_units) return tile;
  return SharedTile(1, 1);
}

/// Keeps the first of equal ones.
void AddTile(std::vector<Tile>& tiles, Tile tile) {
  const std::string name = tile.name();
  if (std::ranges::find(tiles, name, &Tile::name) == tiles.end()) tiles.push_back(std::move(tile));
}

}  // namespace

std::string Tile::key() const {
  if (dot_vector > 1) return fmt::format("opencl:dot:{}x{}", panel, dot_vector);
  return fmt::format("opencl:{}:{}", items == 1 ? "cpu" : "gpu", panel);
}

std::string Tile::name() const { return fmt::format("{}x{}", rows, blocks * panel); }

std::vector<Tile> TileCandidates(const device::DeviceInfo& device, bool cpu_family,
                                 const TileProblem& problem) {
  std::vector<Tile> tiles;
  if (cpu_family) {
    tiles.push_back(RegisterTile(device.vector_floats, problem));
    if (problem.rows == 1) return tiles;
    for (const std::int64_t rows : {8, 6, 4, 2, 7, 5, 10, 12, 3, 9, 14, 16, 1}) {
      AddTile(tiles, RegisterTile(device.vector_floats, problem, rows));
    }
    return tiles;
  }
  tiles.push_back(BuiltInSharedTile(device.compute_units, problem));
  for (const std::int64_t row_blocks : {1, 2}) {
    for (const std::int64_t blocks : {1, 2}) {
      const bool fits = (row_blocks == 1 || problem.rows > kSharedTile) &&
                        (blocks == 1 || problem.columns > kSharedTile);
      if (fits) AddTile(tiles, SharedTile(row_blocks, blocks));
    }
  }
  return tiles;
}

float* PackPanel(const Tile& tile, const MatrixStrides& strides, std::int64_t depth,
                 std::int64_t columns, const float* from, float* to) {
  const std::int64_t vector = tile.dot_vector;
  for (std::int64_t k = 0; k < depth; ++k) {
    float* line = to + k / vector * tile.panel * vector + k % vector;
    for (std::int64_t c = 0; c < tile.panel; ++c) {
      const bool inside = c < columns;
      line[c * vector] = inside ? from[k * strides.depth + c * strides.column] * strides.scale : 0;
    }
  }
  return to + depth * tile.panel;
}

void PackMatrix(const Tile& tile, const MatrixStrides& strides, std::int64_t depth,
                std::int64_t columns, const float* from, std::span<float> to) {
  float* at = to.data();
  for (std::int64_t first = 0; first < columns; first += tile.panel) {
    float* const end = at + tile.panel_floats(depth);
    at = PackPanel(tile, strides, depth, std::min(tile.panel, columns - first),
                   from + first * strides.column, at);
    std::fill(at, end, 0.0F);
    at = end;
  }
}

}  // namespace hadron::backend::opencl
