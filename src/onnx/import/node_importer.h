#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "onnx/import/attributes.h"
#include "onnx/import/context.h"
#include "onnx/import/functions.h"
#include "onnx/import/opsets.h"

namespace hadron::onnx {

/// The names one body of nodes sees: the model's graph, or one call of a function. A function's
/// body is imported anew for each call, with its inputs bound to the caller's values, so inlining
/// needs no copy of the body and no renaming.
struct Scope {
  const OpsetTable* opsets = nullptr;
  const AttributeMap* call = nullptr;  ///< attributes of the call; null outside of functions
  std::string prefix;  ///< before names inside a function, so that they stay unique: "f#3/"
  /// kNoValue: an input that the call leaves out.
  std::unordered_map<std::string_view, graph::ValueId> values;
};

/// Adds nodes to the graph in the order of the file, resolving names, operators and attributes and
/// inlining functions (CheckExpansion has bounded them). One pass, linear; what is not supported is
/// listed and skipped over so that the rest is still checked. Externally synchronised; lives for
/// one load.
class NodeImporter {
 public:
  NodeImporter(ImportContext context, const FunctionTable& functions)
      : context_(context), functions_(functions) {}

  base::Status ImportGraph(::onnx_wire::GraphProto& graph, Scope& scope);

  /// Binds a name in a scope. INVALID_ARGUMENT when it is taken.
  static base::Status Define(Scope& scope, std::string_view name, graph::ValueId value);

 private:
  /// A node of the file with everything that its names stand for.
  struct Item {
    ::onnx_wire::NodeProto& proto;
    Scope& scope;
    std::string name;
    std::string label;
    AttributeMap attributes;
    std::vector<graph::ValueId> inputs;
  };

  template <typename Nodes>
  base::Status ImportNodes(Nodes& nodes, Scope& scope);
  template <typename Nodes>
  static base::Status UndefinedInput(const Nodes& nodes, std::string_view name);
  base::Status ImportNode(Item& item);
  base::Status ImportConstant(Item& item);
  base::Status ImportOperator(Item& item);
  base::Status ImportCall(Item& item, const Function& function);
  base::Status BindCall(const Item& item, const Function& function, Scope& inner,
                        AttributeMap& attributes);
  base::Status TakeOutputs(Item& item, const Function& function, const Scope& inner);
  base::StatusOr<std::vector<graph::ValueId>> DefineOutputs(Item& item);
  /// Bytes of names and attributes that the graph gets from a node.
  static std::uint64_t ItemBytes(const Item& item);
  base::Status Charge(const Item& item, std::uint64_t bytes);

  ImportContext context_;
  const FunctionTable& functions_;
  std::int64_t calls_ = 0;
  std::uint64_t expanded_bytes_ = 0;
};

}  // namespace hadron::onnx
