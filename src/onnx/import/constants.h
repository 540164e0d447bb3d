#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "graph/constant.h"
#include "onnx/import/attributes.h"
#include "onnx/import/tensors.h"

namespace hadron::onnx {

/// The tensor of a `Constant` node from whichever of its attributes holds it. UNIMPLEMENTED for
/// sparse values and unknown attributes.
base::StatusOr<graph::ConstantRef> ReadConstantNode(const AttributeMap& attributes,
                                                    TensorReader& tensors, std::string name,
                                                    std::string_view label);

}  // namespace hadron::onnx
