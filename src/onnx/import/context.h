#pragma once

#include "graph/graph.h"
#include "onnx/import/diagnostics.h"
#include "onnx/import/tensors.h"
#include "onnx/limits.h"

namespace hadron::onnx {

/// What every part of one import works with. Everything outlives the import.
struct ImportContext {
  const LoadLimits& limits;
  Diagnostics& diagnostics;
  TensorReader& tensors;
  graph::Graph& graph;
};

}  // namespace hadron::onnx
