#pragma once

#include <climits>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/attributes.h"
#include "graph/graph.h"

namespace hadron::graph {

class InferContext;

inline constexpr int kVariadic = INT_MAX;
/// Newest operator sets whose versions the schemas know (domains ai.onnx and ai.onnx.ml).
inline constexpr int kNewestOpset = 28;
inline constexpr int kNewestMlOpset = 5;
/// Oldest ai.onnx operator set that is accepted.
inline constexpr int kOldestOpset = 7;
inline constexpr std::string_view kMlDomain = "ai.onnx.ml";

/// One attribute of an operator. `since`..`until` are the operator versions that have it.
struct AttributeSpec {
  std::string_view name;
  AttributeType type;
  bool required = false;
  int since = 1;
  int until = INT_MAX;
};

/// What the loader and shape inference know of an operator: its versions, arity, attributes.
/// One row a family file registers; immutable afterwards.
struct OpSchema {
  /// Types, shapes and small values of the outputs; checks every attribute and input that is
  /// static. Runs on the canonical form. INVALID_ARGUMENT for a wrong model, UNIMPLEMENTED for a
  /// legal one that Hadron cannot run.
  using Infer = base::Status (*)(InferContext&);
  /// Rewrites a node of version `node.since_version` into the newest form: attributes that became
  /// inputs, defaults that changed. May add constants to the graph, never nodes before it.
  using Legalise = base::Status (*)(Graph&, Node&);

  std::string_view domain = {};  ///< "" = ai.onnx
  std::string_view name = {};
  /// Ascending since-versions of the ONNX operator that are accepted; the last is canonical.
  std::vector<int> versions = {};
  int min_inputs = 1;
  int max_inputs = 1;
  int min_outputs = 1;
  int max_outputs = 1;
  std::vector<AttributeSpec> attributes = {};
  Infer infer = nullptr;
  Legalise legalise = nullptr;  ///< null: all versions are spelled alike
  bool pure = true;             ///< equal inputs give equal outputs: may be folded and merged
};

/// All operators Hadron knows, built once from `ops/ops.inc`. Immutable, thread-safe.
class OpRegistry {
 public:
  static const OpRegistry& Get();

  /// Null when unknown. "ai.onnx" and "" are one domain.
  const OpSchema* Find(std::string_view domain, std::string_view op_type) const;
  const std::vector<OpSchema>& all() const { return schemas_; }
  void Add(OpSchema schema);

 private:
  OpRegistry();
  std::vector<OpSchema> schemas_;
};

/// The since-version that a node of this operator binds to under `opset`, 0 when there is none.
int BindVersion(const OpSchema& schema, int opset);

}  // namespace hadron::graph
