#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "tensor/host_tensor.h"

/// Operator cases as tables: one node, its inputs, what must come out. The tables are data; any
/// backend can run them: build the graph, feed Inputs(), pass the result to Difference().
///
///     for (const OpCase& c : AllOpCases()) {
///       auto graph = BuildGraph(c);
///       auto outputs = RunSomehow(*graph, Inputs(c));
///       EXPECT_EQ(Difference(c, *outputs), "");
///     }
namespace hadron::ops_test {

/// A tensor written down as numbers (or strings); exact for integers below 2^53.
struct TestTensor {
  tensor::DataType type = tensor::DataType::kInvalid;  ///< kInvalid: an input left out
  tensor::Shape shape;
  std::vector<double> values;
  std::vector<std::string> strings;
  bool constant = false;  ///< an input known at load, as sizes and axes usually are
};

TestTensor Of(tensor::DataType type, tensor::Shape shape, std::vector<double> values);
TestTensor F32(tensor::Shape shape, std::vector<double> values);
TestTensor I64(tensor::Shape shape, std::vector<double> values);
TestTensor I32(tensor::Shape shape, std::vector<double> values);
TestTensor U8(tensor::Shape shape, std::vector<double> values);
TestTensor Bool(tensor::Shape shape, std::vector<double> values);
TestTensor Text(tensor::Shape shape, std::vector<std::string> values);
/// `first`, `first + step`, ... in FP32.
TestTensor Ramp(tensor::Shape shape, double first = 0, double step = 1);
TestTensor Fill(tensor::Shape shape, double value);
/// The tensor as a constant of the model; Ints: a constant INT64 vector.
TestTensor Const(TestTensor tensor);
TestTensor Ints(std::vector<double> values);
TestTensor None();

using AttributeList = std::initializer_list<std::pair<std::string, graph::AttributeValue>>;
using IntList = std::vector<std::int64_t>;
using FloatList = std::vector<float>;
using TextList = std::vector<std::string>;

struct OpCase {
  std::string op;
  std::string name;  ///< what is special about it
  std::vector<std::pair<std::string, graph::AttributeValue>> attributes = {};
  std::vector<TestTensor> inputs = {};
  std::vector<TestTensor> outputs = {};  ///< type kInvalid: output left out
  std::string error = {};                ///< not empty: part of the message of the refusal
  int opset = 25;                        ///< of `domain`
  std::string domain = {};
  double tolerance = 1e-5;  ///< allowed |got - want| <= tolerance * (1 + |want|)
};

/// One node, legalised, named "node". Refusals of schema, legalisation and inference are statuses.
/// With `symbolic`, no dimension of a non-constant input is known.
base::StatusOr<graph::Graph> BuildGraph(const OpCase& c, bool symbolic = false);
/// The tensors for the graph's inputs (constants and absent ones are not among them).
std::vector<tensor::HostTensor> Inputs(const OpCase& c);
/// "" when the results are as expected, else what differs first.
std::string Difference(const OpCase& c, std::span<const tensor::HostTensor> results);

/// All tables of this folder.
std::vector<OpCase> AllOpCases();

}  // namespace hadron::ops_test
