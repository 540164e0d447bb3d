#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "backend/reference/op.h"
#include "backend/reference_executor.h"
#include "graph/infer.h"
#include "graph/op_schema.h"
#include "ops/op_case.h"

namespace hadron::ops_test {
namespace {

std::string Label(const OpCase& c) { return c.op + ": " + c.name; }

void ExpectRefusal(const OpCase& c) {
  auto graph = BuildGraph(c);
  std::string message = graph.ok() ? "" : graph.message();
  if (graph.ok()) {
    const auto results = backend::ExecuteReference(*graph, Inputs(c));
    message = results.ok() ? "" : results.message();
  }
  EXPECT_NE(message.find(c.error), std::string::npos)
      << "the message is '" << message << "', it should contain '" << c.error << "'";
  EXPECT_FALSE(message.empty());
}

TEST(ReferenceOperators, GiveTheExpectedResults) {
  for (const OpCase& c : AllOpCases()) {
    SCOPED_TRACE(Label(c));
    if (!c.error.empty()) {
      ExpectRefusal(c);
      continue;
    }
    auto graph = BuildGraph(c);
    ASSERT_TRUE(graph.ok()) << graph.message();
    const auto results = backend::ExecuteReference(*graph, Inputs(c));
    ASSERT_TRUE(results.ok()) << results.message();
    EXPECT_EQ(Difference(c, *results), "");
  }
}

// What inference says before the sizes are known must hold for every size.
TEST(ShapeInference, OfUnknownSizesAgreesWithTheResult) {
  for (const OpCase& c : AllOpCases()) {
    if (!c.error.empty()) continue;
    SCOPED_TRACE(Label(c));
    const auto graph = BuildGraph(c, true);
    if (!graph.ok()) {
      EXPECT_NE(graph.message().find("node"), std::string::npos) << graph.message();
      EXPECT_EQ(graph.code(), base::StatusCode::kUnimplemented) << graph.message();
      continue;
    }
    std::size_t at = 0;
    for (const TestTensor& want : c.outputs) {
      if (want.type == tensor::DataType::kInvalid) continue;
      const graph::Value& got = graph->value(graph->outputs()[at++].value);
      EXPECT_EQ(got.type, want.type);
      ASSERT_EQ(got.shape.size(), want.shape.rank());
      for (std::size_t i = 0; i < want.shape.rank(); ++i) {
        if (got.shape[i].known()) {
          EXPECT_EQ(got.shape[i].value(), want.shape[i]);
        }
      }
    }
  }
}

TEST(OpRegistry, EveryOperatorHasAReferenceACaseAndARowInTheManual) {
  std::ifstream file(HADRON_SOURCE_DIR "/docs/operators.md");
  std::stringstream manual;
  manual << file.rdbuf();
  std::set<std::string> tested;
  for (const OpCase& c : AllOpCases()) tested.insert(c.domain + "." + c.op);
  for (const graph::OpSchema& schema : graph::OpRegistry::Get().all()) {
    SCOPED_TRACE(schema.name);
    // Operators without inference are old names: legalisation leaves none of them.
    const bool runs = schema.infer != nullptr;
    EXPECT_EQ(backend::reference::RefRegistry::Get().Find(schema.domain, schema.name) != nullptr,
              runs);
    EXPECT_TRUE(tested.contains(std::string(schema.domain) + "." + std::string(schema.name)));
    const std::string row = "| " + std::string(schema.name) + " | " +
                            std::string(schema.domain.empty() ? "ai.onnx" : schema.domain) + " |";
    EXPECT_NE(manual.str().find(row), std::string::npos) << row;
  }
}

}  // namespace
}  // namespace hadron::ops_test
