#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "bench/origin.h"

namespace hadron::bench {

struct FetchCost {
  double wall_s = 0;
  double cpu_s = 0;  ///< of the threads that receive
};

/// The least that fetching can cost: unsigned ranged GETs of every object over plain sockets,
/// `connections` at a time, into buffers that are there already.
base::StatusOr<FetchCost> FetchByFloor(const Origin& origin, std::size_t connections,
                                       std::uint64_t part_bytes);

/// Ranges that the objects have.
std::uint64_t PartsOf(const std::vector<Origin::Listed>& objects, std::uint64_t part_bytes);

}  // namespace hadron::bench
