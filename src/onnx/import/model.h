#pragma once

#include <set>
#include <string>

#include "base/status.h"
#include "onnx/import/tensors.h"
#include "onnx/limits.h"
#include "onnx/loaded_model.h"
#include "onnx/wire/messages.h"

namespace hadron::onnx {

/// Messages to graph: the checks of the file as a whole, then its ends, its nodes, legalisation,
/// shape inference and the comparison with what the file declares. Takes tensors out of `model`.
base::StatusOr<LoadedModel> ImportModel(::onnx_wire::ModelProto& model, const ModelFiles& files,
                                        const LoadLimits& limits,
                                        const std::set<std::string>& optional_inputs);

}  // namespace hadron::onnx
