#include "onnx/import/model.h"

#include <fmt/format.h>

#include <utility>

#include "graph/infer.h"
#include "graph/op_schema.h"
#include "onnx.pb.h"
#include "onnx/import/context.h"
#include "onnx/import/expansion.h"
#include "onnx/import/functions.h"
#include "onnx/import/interface.h"
#include "onnx/import/node_importer.h"
#include "onnx/import/opsets.h"
#include "onnx/import/refusals.h"
#include "onnx/wire/quote.h"

namespace hadron::onnx {
namespace {

using base::Status;
using base::StatusOr;

/// Metadata leaves through JSON and gRPC, so only UTF-8 is kept.
void ReadMetadata(const ::onnx_wire::ModelProto& model, Diagnostics& diagnostics,
                  LoadedModel& loaded) {
  for (const auto& entry : model.metadata_props()) {
    if (!IsUtf8(entry.key()) || !IsUtf8(entry.value())) {
      diagnostics.Warn(fmt::format("metadata {} is not UTF-8 and is ignored", Quote(entry.key())));
    } else if (!loaded.metadata.emplace(entry.key(), entry.value()).second) {
      diagnostics.Warn(
          fmt::format("metadata {} appears twice; the first is kept", Quote(entry.key())));
    }
  }
  loaded.producer = Printable(model.producer_name());
  if (!model.producer_version().empty()) {
    loaded.producer += " " + Printable(model.producer_version());
  }
}

void WarnOfModel(const ::onnx_wire::ModelProto& model, Diagnostics& diagnostics) {
  if (model.training_info_size() > 0) {
    diagnostics.Warn("training_info is ignored: only the inference graph is used");
  }
  if (model.ir_version() > kNewestIrVersion) {
    diagnostics.Warn(fmt::format("ir_version {} is newer than {}, the newest known",
                                 model.ir_version(), kNewestIrVersion));
  }
}

/// Brings every node to the newest form of its operator. By index: a legalise function may add
/// values, and nodes after its own.
Status Legalise(graph::Graph& graph) {
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const graph::OpSchema& schema = *graph.nodes()[i].schema;
    if (schema.legalise != nullptr) {
      HADRON_RETURN_IF_ERROR(schema.legalise(graph, graph.nodes()[i]));
    }
    graph.nodes()[i].since_version = graph.nodes()[i].schema->versions.back();
  }
  return {};
}

Status InferTypes(graph::Graph& graph, Diagnostics& diagnostics) {
  Status status = diagnostics.Collect(graph::InferShapes(graph));
  if (!status.ok()) return status;
  if (diagnostics.Unsupported().ok()) return {};
  ListRefusals(graph, diagnostics);
  return diagnostics.Unsupported();
}

}  // namespace

StatusOr<LoadedModel> ImportModel(::onnx_wire::ModelProto& model, const ModelFiles& files,
                                  const LoadLimits& limits,
                                  const std::set<std::string>& optional_inputs) {
  LoadedModel loaded;
  Diagnostics diagnostics;
  HADRON_RETURN_IF_ERROR(CheckIrVersion(model, limits.allow_newer_ir));
  HADRON_ASSIGN_OR_RETURN(const OpsetTable opsets, OpsetTable::FromModel(model));
  WarnOfModel(model, diagnostics);
  ReadMetadata(model, diagnostics, loaded);
  HADRON_ASSIGN_OR_RETURN(const FunctionTable functions, FunctionTable::Create(model));

  HADRON_RETURN_IF_ERROR(CheckExpansion(model.graph(), functions, limits));

  TensorReader tensors(limits, files, diagnostics);
  const ImportContext context{limits, diagnostics, tensors, loaded.graph};
  Scope scope;
  scope.opsets = &opsets;
  ::onnx_wire::GraphProto& graph = *model.mutable_graph();
  InterfaceImporter interface(context);
  HADRON_ASSIGN_OR_RETURN(loaded.defaults, interface.ImportInputs(graph, optional_inputs, scope));
  HADRON_RETURN_IF_ERROR(NodeImporter(context, functions).ImportGraph(graph, scope));
  HADRON_RETURN_IF_ERROR(interface.ImportOutputs(graph, scope));
  HADRON_RETURN_IF_ERROR(diagnostics.Unsupported());

  HADRON_RETURN_IF_ERROR(Legalise(loaded.graph));
  HADRON_RETURN_IF_ERROR(InferTypes(loaded.graph, diagnostics));
  HADRON_RETURN_IF_ERROR(CheckDeclarations(graph, scope, context));
  loaded.ir_version = model.ir_version();
  loaded.opsets = {opsets.all().begin(), opsets.all().end()};
  loaded.warnings = diagnostics.TakeWarnings();
  loaded.files = tensors.TakeUsedFiles();
  loaded.largest_stored = tensors.largest_stored();
  return loaded;
}

}  // namespace hadron::onnx
