#pragma once

#include "base/status.h"
#include "onnx/import/functions.h"
#include "onnx/limits.h"
#include "onnx/wire/messages.h"

namespace hadron::onnx {

/// Counts what inlining the functions would make of the graph, without inlining anything: each
/// function is looked at once, so that forty functions which each call the next twice are refused
/// in microseconds. INVALID_ARGUMENT for recursion, RESOURCE_EXHAUSTED for too many nodes or calls
/// nested too deep.
base::Status CheckExpansion(const ::onnx_wire::GraphProto& graph, const FunctionTable& functions,
                            const LoadLimits& limits);

}  // namespace hadron::onnx
