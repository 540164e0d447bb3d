#include "graph/op_schema.h"

#include <algorithm>

namespace hadron::graph {

#define HADRON_OP_FAMILY(Name) void Register##Name(OpRegistry&);
#include "graph/ops/ops.inc"
#undef HADRON_OP_FAMILY

OpRegistry::OpRegistry() {
#define HADRON_OP_FAMILY(Name) Register##Name(*this);
#include "graph/ops/ops.inc"
#undef HADRON_OP_FAMILY
  std::ranges::sort(schemas_, [](const OpSchema& a, const OpSchema& b) {
    return std::tie(a.name, a.domain) < std::tie(b.name, b.domain);
  });
}

const OpRegistry& OpRegistry::Get() {
  static const OpRegistry registry;
  return registry;
}

void OpRegistry::Add(OpSchema schema) { schemas_.push_back(std::move(schema)); }

const OpSchema* OpRegistry::Find(std::string_view domain, std::string_view op_type) const {
  if (domain == "ai.onnx") domain = "";
  const auto key = std::tie(op_type, domain);
  const auto it = std::ranges::lower_bound(
      schemas_, key, {}, [](const OpSchema& s) { return std::tie(s.name, s.domain); });
  if (it == schemas_.end() || it->name != op_type || it->domain != domain) return nullptr;
  return &*it;
}

int BindVersion(const OpSchema& schema, int opset) {
  int bound = 0;
  for (const int version : schema.versions) {
    if (version <= opset) bound = version;
  }
  return bound;
}

}  // namespace hadron::graph
