#pragma once

#include <span>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "tensor/host_tensor.h"

namespace hadron::backend {

/// Runs one node on host tensors with the reference implementation. `outputs` are the descriptions
/// of the node's outputs, shapes fully known. UNIMPLEMENTED when the operator has none; post-ops
/// are applied. Thread-safe.
base::StatusOr<std::vector<tensor::HostTensor>> RunReference(
    const graph::Node& node, std::span<const tensor::HostTensor> inputs,
    std::span<const tensor::TensorDesc> outputs);

/// Runs a whole graph node by node: the oracle of plans and passes. One tensor per graph input, in
/// order; gives one per graph output. Thread-safe.
base::StatusOr<std::vector<tensor::HostTensor>> ExecuteReference(
    const graph::Graph& graph, std::span<const tensor::HostTensor> inputs);

}  // namespace hadron::backend
