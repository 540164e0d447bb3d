#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/status.h"
#include "graph/constant.h"
#include "graph/dim.h"
#include "onnx/import/context.h"
#include "onnx/import/node_importer.h"
#include "onnx/wire/messages.h"

namespace hadron::onnx {

/// The ends of the model's graph: inputs, initializers and outputs. The real inputs are those of
/// the file without its initializers, unless they are optional. Externally synchronised; lives for
/// one load.
class InterfaceImporter {
 public:
  explicit InterfaceImporter(ImportContext context) : context_(context) {}

  using Defaults = std::map<std::string, graph::ConstantRef>;
  /// Before the nodes. What the inputs have that are `optional`.
  base::StatusOr<Defaults> ImportInputs(::onnx_wire::GraphProto& graph,
                                        const std::set<std::string>& optional, Scope& scope);
  /// After the nodes.
  base::Status ImportOutputs(const ::onnx_wire::GraphProto& graph, const Scope& scope);

 private:
  base::StatusOr<Defaults> ImportInitializers(::onnx_wire::GraphProto& graph,
                                              const std::set<std::string>& optional, Scope& scope);
  base::Status ImportInput(const ::onnx_wire::ValueInfoProto& info, Scope& scope);
  base::StatusOr<graph::SymbolicShape> ReadInputShape(const ::onnx_wire::ValueInfoProto& info);
  base::StatusOr<graph::Dim> FreeDim(const std::string& symbol);

  ImportContext context_;
  std::int64_t free_dims_ = 0;
  std::unordered_map<std::string, graph::Dim> symbols_;
};

/// After shape inference: declared element types of outputs and intermediate values must be the
/// inferred ones; declared dimensions that differ are warned of, since exporters get them wrong.
base::Status CheckDeclarations(const ::onnx_wire::GraphProto& graph, const Scope& scope,
                               ImportContext context);

}  // namespace hadron::onnx
