#include "ops/op_case.h"

#include <fmt/format.h>

#include <cmath>

#include "backend/reference/op.h"
#include "base/check.h"
#include "graph/infer.h"
#include "graph/op_schema.h"
#include "ops/tables.h"
#include "tensor/string_tensor.h"

namespace hadron::ops_test {
namespace {

using backend::reference::FromDoubles;
using backend::reference::RefTensor;
using backend::reference::ToDoubles;
using base::IoBuf;
using base::Status;
using base::StatusOr;
using tensor::DataType;
using tensor::HostTensor;
using tensor::Shape;

HostTensor ToHost(const TestTensor& t, std::string name) {
  HostTensor host{{std::move(name), t.type, t.shape}, {}};
  if (t.type == DataType::kString) {
    host.bytes = tensor::EncodeStrings(t.strings);
    return host;
  }
  HADRON_CHECK(t.shape.elements() == static_cast<std::int64_t>(t.values.size()));
  RefTensor ref{t.type, t.shape, {}, {}};
  ref.bytes.resize(*t.shape.CheckedBytes(t.type));
  FromDoubles(t.values, ref);
  host.bytes = IoBuf::FromVector(std::move(ref.bytes));
  return host;
}

std::string InputName(std::size_t i) { return fmt::format("x{}", i); }

graph::ValueId AddInput(graph::Graph& graph, const TestTensor& t, std::size_t i, bool symbolic) {
  if (t.type == DataType::kInvalid) return graph::kNoValue;
  if (t.constant) {
    return graph.AddConstant(InputName(i), graph::Constant::FromTensor(ToHost(t, InputName(i))));
  }
  graph::SymbolicShape shape = graph::ToSymbolic(t.shape);
  if (symbolic) {
    for (graph::Dim& dim : shape) dim = graph.FreshSymbol();
  }
  return graph.AddInput(InputName(i), t.type, std::move(shape));
}

bool Near(double got, double want, double tolerance) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got);
  if (std::isinf(want)) return got == want;
  return std::fabs(got - want) <= tolerance * (1 + std::fabs(want));
}

std::string DifferentValues(const TestTensor& want, const HostTensor& got, double tolerance) {
  if (want.type == DataType::kString) {
    const auto strings = tensor::DecodeStrings(got.bytes, got.desc.shape.elements());
    if (!strings.ok()) return strings.message();
    for (std::size_t i = 0; i < want.strings.size(); ++i) {
      if (strings.value()[i] != want.strings[i]) {
        return fmt::format("element {}: '{}' instead of '{}'", i, strings.value()[i],
                           want.strings[i]);
      }
    }
    return "";
  }
  RefTensor ref{got.desc.type, got.desc.shape, {}, {}};
  ref.bytes.resize(got.bytes.size());
  got.bytes.CopyTo(ref.bytes);
  const std::vector<double> values = ToDoubles(ref);
  if (values.size() != want.values.size()) {
    return fmt::format("{} elements instead of {}", values.size(), want.values.size());
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!Near(values[i], want.values[i], tolerance)) {
      return fmt::format("element {}: {} instead of {}", i, values[i], want.values[i]);
    }
  }
  return "";
}

}  // namespace

TestTensor Of(DataType type, Shape shape, std::vector<double> values) {
  return {type, std::move(shape), std::move(values), {}, false};
}
TestTensor F32(Shape shape, std::vector<double> values) {
  return Of(DataType::kFp32, std::move(shape), std::move(values));
}
TestTensor I64(Shape shape, std::vector<double> values) {
  return Of(DataType::kInt64, std::move(shape), std::move(values));
}
TestTensor I32(Shape shape, std::vector<double> values) {
  return Of(DataType::kInt32, std::move(shape), std::move(values));
}
TestTensor U8(Shape shape, std::vector<double> values) {
  return Of(DataType::kUint8, std::move(shape), std::move(values));
}
TestTensor Bool(Shape shape, std::vector<double> values) {
  return Of(DataType::kBool, std::move(shape), std::move(values));
}
TestTensor Text(Shape shape, std::vector<std::string> values) {
  return {DataType::kString, std::move(shape), {}, std::move(values), false};
}
TestTensor Ramp(Shape shape, double first, double step) {
  std::vector<double> values(static_cast<std::size_t>(shape.elements()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = first + step * static_cast<double>(i);
  return F32(std::move(shape), std::move(values));
}
TestTensor Fill(Shape shape, double value) { return Ramp(std::move(shape), value, 0); }
TestTensor Const(TestTensor tensor) {
  tensor.constant = true;
  return tensor;
}
TestTensor Ints(std::vector<double> values) {
  const auto size = static_cast<std::int64_t>(values.size());
  return Const(I64({size}, std::move(values)));
}
TestTensor None() { return {}; }

StatusOr<graph::Graph> BuildGraph(const OpCase& c, bool symbolic) {
  graph::Graph graph;
  graph::Node node;
  node.name = "node";
  node.domain = c.domain;
  node.op_type = c.op;
  node.schema = graph::OpRegistry::Get().Find(c.domain, c.op);
  if (node.schema == nullptr) return base::Unimplemented("unknown operator " + c.op);
  node.since_version = graph::BindVersion(*node.schema, c.opset);
  if (node.since_version == 0) return base::Unimplemented("no version for this opset");
  for (const auto& [name, value] : c.attributes) node.attributes.Set(name, value);
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    node.inputs.push_back(AddInput(graph, c.inputs[i], i, symbolic));
  }
  const std::size_t outputs = std::max<std::size_t>(c.outputs.size(), 1);
  for (std::size_t i = 0; i < outputs; ++i) {
    const bool wanted = i >= c.outputs.size() || c.outputs[i].type != DataType::kInvalid;
    node.outputs.push_back(wanted ? graph.AddValue(fmt::format("y{}", i)) : graph::kNoValue);
    if (wanted) graph.AddOutput(fmt::format("y{}", i), node.outputs.back());
  }
  if (node.schema->legalise != nullptr) {
    HADRON_RETURN_IF_ERROR(node.schema->legalise(graph, node));
  }
  node.since_version = node.schema->versions.back();
  graph.nodes().push_back(std::move(node));
  HADRON_RETURN_IF_ERROR(graph::InferShapes(graph));
  return graph;
}

std::vector<HostTensor> Inputs(const OpCase& c) {
  std::vector<HostTensor> out;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const TestTensor& t = c.inputs[i];
    if (t.type != DataType::kInvalid && !t.constant) out.push_back(ToHost(t, InputName(i)));
  }
  return out;
}

std::string Difference(const OpCase& c, std::span<const HostTensor> results) {
  std::size_t at = 0;
  for (const TestTensor& want : c.outputs) {
    if (want.type == DataType::kInvalid) continue;
    if (at == results.size()) return "an output is missing";
    const HostTensor& got = results[at++];
    if (got.desc.type != want.type) {
      return fmt::format("type {} instead of {}", tensor::DataTypeName(got.desc.type),
                         tensor::DataTypeName(want.type));
    }
    if (got.desc.shape != want.shape) {
      return fmt::format("shape {} instead of {}", got.desc.shape.ToString(),
                         want.shape.ToString());
    }
    const std::string different = DifferentValues(want, got, c.tolerance);
    if (!different.empty()) return fmt::format("{}, {}", got.desc.name, different);
  }
  return at == results.size() ? "" : "too many outputs";
}

std::vector<OpCase> AllOpCases() {
  std::vector<OpCase> all;
  const auto append = [&all](std::vector<OpCase> table) {
    all.insert(all.end(), std::make_move_iterator(table.begin()),
               std::make_move_iterator(table.end()));
  };
#define HADRON_OP_FAMILY(Name) append(Name##Cases());
#include "graph/ops/ops.inc"
#undef HADRON_OP_FAMILY
  return all;
}

}  // namespace hadron::ops_test
