#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "graph/op_schema.h"
#include "onnx/import/attributes.h"
#include "onnx/import/diagnostics.h"
#include "onnx/import/functions.h"
#include "onnx/import/opsets.h"
#include "onnx/wire/messages.h"

namespace hadron::onnx {

/// An operator that a node names, bound to the version its operator set means.
struct BoundOperator {
  const graph::OpSchema* schema = nullptr;  ///< null: not supported, and listed as such
  int version = 0;
};

/// Whether operators of the domain can be used under the imported version; lists the operator set
/// as unsupported when not.
bool OpsetSupported(std::string_view domain, int opset, std::string_view label,
                    Diagnostics& diagnostics);

/// Finds the operator of a node. What is missing goes into the diagnostics; INVALID_ARGUMENT when
/// the model does not import the operator's domain.
base::StatusOr<BoundOperator> BindOperator(const ::onnx_wire::NodeProto& node,
                                           const OpsetTable& opsets, std::string_view label,
                                           Diagnostics& diagnostics);

/// Lists the operators inside a node's sub-graphs that are not supported: a model with an If is
/// refused for the If, and its author wants to know of the rest too.
void ListSubgraphs(const ::onnx_wire::NodeProto& node, const OpsetTable& opsets,
                   const FunctionTable& functions, Diagnostics& diagnostics);

/// Number of inputs and outputs, none of the needed ones left out.
base::Status CheckArity(const graph::OpSchema& schema, const ::onnx_wire::NodeProto& node,
                        const std::vector<graph::ValueId>& inputs);

/// The attributes as the graph holds them, checked against the operator's version. Unknown ones go
/// into the diagnostics.
base::StatusOr<graph::Attributes> BindAttributes(const BoundOperator& op,
                                                 const AttributeMap& attributes,
                                                 std::string_view label, TensorReader& tensors,
                                                 Diagnostics& diagnostics);

/// "node 'conv1' (Conv)".
std::string NodeLabel(std::string_view name, std::string_view op_type);

}  // namespace hadron::onnx
