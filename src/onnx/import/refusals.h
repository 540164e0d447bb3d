#pragma once

#include "graph/graph.h"
#include "onnx/import/diagnostics.h"

namespace hadron::onnx {

/// Lists every node whose types or attribute values its operator does not support. Shape inference
/// stops at the first; after it has failed this goes on, past the nodes that depend on a refused
/// one, so that the error tells them all.
void ListRefusals(graph::Graph& graph, Diagnostics& diagnostics);

}  // namespace hadron::onnx
