#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backend/kernel.h"
#include "graph/graph.h"

namespace hadron::plan {

/// What a node takes of its first input when each output is a part of it that lies in one piece,
/// in order: Slice, Split and Gather of neighbours along the outermost axis of more than one
/// element, and Transpose that moves only axes of one element. Such outputs need no copy.
///
/// `inputs` and `outputs` are the node's, row-major; `constants` what is known of the inputs, by
/// input. Returns where each output starts in input 0, in bytes; nothing when one of them is not
/// such a part. Pure.
///
///     // Split of 3x8x64 along axis 0: {0, 2048, 4096}
std::optional<std::vector<std::uint64_t>> RangesOf(const graph::Node& node,
                                                   std::span<const backend::TensorSpec> inputs,
                                                   std::span<const backend::TensorSpec> outputs,
                                                   std::span<const graph::ConstantRef> constants);

}  // namespace hadron::plan
