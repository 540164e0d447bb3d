#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/rest/infer_codec.h"
#include "protocol/status_map.h"
#include "unit/protocol/fake_models.h"

/// One row for each way to send a bad inference request: status and the fragment that clients
/// match.
namespace hadron::protocol {
namespace {

using tensor::DataType;
using testing::HasSubstr;

constexpr std::uint64_t kLimit = 4096;

struct Row {
  const char* what;
  std::string body;
  int status;
  const char* fragment;
  const char* header_length = nullptr;
  DataType type = DataType::kInt32;  ///< of the identity model
};

/// A request to the identity model with one input of these members.
std::string Input(const std::string& members) { return R"({"inputs":[{)" + members + "}]}"; }

std::string Good(const std::string& data) {
  return R"("name":"INPUT0","shape":[1,2],"datatype":"INT32","data":)" + data;
}

std::string WithOutputs(const std::string& outputs) {
  return R"({"inputs":[{)" + Good("[1,2]") + R"(}],"outputs":)" + outputs + "}";
}

std::string WithParameters(const std::string& parameters) {
  return R"({"inputs":[{)" + Good("[1,2]") + R"(}],"parameters":)" + parameters + "}";
}

std::string Shaped(const std::string& shape, const std::string& data = "[1,2]") {
  return Input(R"("name":"INPUT0","datatype":"INT32","shape":)" + shape + R"(,"data":)" + data);
}

std::string Binary(const std::string& size, const std::string& extra = "") {
  return Input(
      R"("name":"INPUT0","shape":[1,2],"datatype":"INT32","parameters":{"binary_data_size":)" +
      size + "}" + extra);
}

std::vector<Row> JsonRows() {
  return {
      {"empty body", "", 400, "failed to parse the request JSON buffer"},
      {"not JSON", "hello", 400, "failed to parse the request JSON buffer"},
      {"truncated", R"({"inputs":[{"name":"INPUT0")", 400,
       "failed to parse the request JSON buffer"},
      {"two documents", "{\"inputs\":[]}{}", 400, "failed to parse the request JSON buffer"},
      {"array", "[]", 400, "attempt to access JSON array as object"},
      {"string", "\"x\"", 400, "attempt to access JSON string as object"},
      {"deep", std::string(2000, '['), 400, "attempt to access JSON array as object"},
      {"deep unknown key", "{\"x\":" + std::string(2000, '['), 400, "nesting depth"},
      {"deep data", Input(Good(std::string(101, '[') + "1,2" + std::string(101, ']'))), 400,
       "JSON nesting depth exceeds maximum allowed limit (100)"},
      {"control character", "{\"a\x01\":1}", 400, "failed to parse the request JSON buffer"},
      {"bad escape", "{\"\\q\":1}", 400, "failed to parse the request JSON buffer"},
      {"JSON too large", "{\"pad\":\"" + std::string(5000, 'x') + "\"}", 400,
       "exceeds the maximum allowed input size of 4096 bytes"},
      {"no inputs", "{}", 400, "Unable to parse 'inputs'"},
      {"inputs null", R"({"inputs":null})", 400, "Unable to parse 'inputs'"},
      {"inputs object", R"({"inputs":{}})", 400, "attempt to access JSON object as array"},
      {"input is a number", R"({"inputs":[1]})", 400, "Unable to parse 'inputs'"},
      {"inputs twice", R"({"inputs":[],"inputs":[]})", 400, "Unable to parse 'inputs'"},
      {"id a number", R"({"id":1,"inputs":[]})", 400, "Unable to parse 'id'"},
      {"inputs empty", R"({"inputs":[]})", 400,
       "expected 1 inputs but got 0 inputs for model 'identity'. Got input(s) [], but missing "
       "required input(s) ['INPUT0']."},
  };
}

std::vector<Row> InputRows() {
  return {
      {"no name", Input(R"("shape":[1,2],"datatype":"INT32","data":[1,2])"), 400,
       "Unable to parse 'name'"},
      {"name a number", Input(R"("name":1,"shape":[1,2],"datatype":"INT32","data":[1,2])"), 400,
       "Unable to parse 'name'"},
      {"unknown name", Input(R"("name":"Z","shape":[1,2],"datatype":"INT32","data":[1,2])"), 400,
       "unexpected inference input 'Z' for model 'identity'"},
      {"input twice", R"({"inputs":[{)" + Good("[1,2]") + "},{" + Good("[1,2]") + "}]}", 400,
       "input 'INPUT0' already exists in request"},
      {"no datatype", Input(R"("name":"INPUT0","shape":[1,2],"data":[1,2])"), 400,
       "Unable to parse 'datatype'"},
      {"unknown datatype", Input(R"("name":"INPUT0","shape":[1,2],"datatype":"INT4","data":[1,2])"),
       400, "invalid datatype 'INT4'"},
      {"datatype a number", Input(R"("name":"INPUT0","shape":[1,2],"datatype":3,"data":[1,2])"),
       400, "Unable to parse 'datatype'"},
      {"other datatype", Input(R"("name":"INPUT0","shape":[1,2],"datatype":"FP32","data":[1,2])"),
       400, "inference input 'INPUT0' data-type is 'FP32', but model 'identity' expects 'INT32'"},
      {"no data", Input(R"("name":"INPUT0","shape":[1,2],"datatype":"INT32")"), 400,
       "Input must set only one of the following fields"},
      {"data and binary", Binary("8", R"(,"data":[1,2])"), 400,
       "Input must set only one of the following fields"},
      {"data twice", Input(Good("[1,2]") + R"(,"data":[1,2])"), 400, "Unable to parse 'data'"},
      {"data null", Input(Good("null")), 400, "attempt to access JSON null as array"},
      {"data a number", Input(Good("1")), 400, "attempt to access JSON number as array"},
      {"string element", Input(Good("[\"1\",2]")), 400, "attempt to access JSON string"},
      {"float element", Input(Good("[1.5,2]")), 400, "is not a INT32"},
      {"NaN element", Input(Good("[NaN,2]")), 400, "is not a INT32"},
      {"large element", Input(Good("[2147483648,2]")), 400, "is not a INT32"},
      {"too few", Input(Good("[1]")), 400, "shape does not match true shape"},
      {"too many", Input(Good("[1,2,3]")), 400, "shape does not match true shape"},
      {"FP16 as JSON", Input(R"("name":"INPUT0","shape":[1,2],"datatype":"FP16","data":[1,2])"),
       400, "receiving FP16 data via JSON is not supported", nullptr, DataType::kFp16},
      {"shared memory", Input(R"("name":"INPUT0","shape":[1,2],"datatype":"INT32",
           "parameters":{"shared_memory_region":"r","shared_memory_byte_size":8})"),
       501, "Client shared memory is disabled"},
      {"parameters an array",
       Input(R"("name":"INPUT0","shape":[1,2],"datatype":"INT32","parameters":[])"), 400,
       "Unable to parse 'parameters'"},
  };
}

std::vector<Row> ShapeRows() {
  return {
      {"no shape", Input(R"("name":"INPUT0","datatype":"INT32","data":[1,2])"), 400,
       "Unable to parse 'shape'"},
      {"shape a number", Shaped("2"), 400, "Unable to parse 'shape'"},
      {"shape of strings", Shaped("[\"1\",2]"), 400, "Unable to parse 'shape'"},
      {"shape of floats", Shaped("[1.0,2]"), 400, "Unable to parse 'shape'"},
      {"negative dim", Shaped("[1,-2]"), 400, "Unable to parse 'shape'"},
      {"huge dim", Shaped("[1,99999999999999999999]"), 400, "Unable to parse 'shape'"},
      {"count overflow", Shaped("[4294967296,4294967296]"), 400,
       "causes total element count to exceed maximum size of"},
      {"byte overflow", Shaped("[1,4611686018427387904]"), 400, "byte size overflow for input"},
      {"above the size limit", Shaped("[1,2000000]"), 400, "exceeds the maximum allowed value"},
      {"rank", Shaped("[1,2,1]"), 400,
       "unexpected shape for input 'INPUT0' for model 'identity'. Expected [-1,-1], got [1,2,1]"},
      {"scalar", Shaped("[]", "[1]"), 400, "batch size does not match other inputs"},
      {"large batch", Shaped("[9,1]", "[1,2,3,4,5,6,7,8,9]"), 400,
       "inference request batch-size must be <= 8 for 'identity'"},
      {"rank 65",
       Shaped("[1" +
              [] {
                std::string ones;
                for (int i = 0; i < 64; ++i) ones += ",1";
                return ones;
              }() +
              "]"),
       400, "Unable to parse 'shape'"},
  };
}

std::vector<Row> BinaryRows() {
  return {
      {"size a string", Binary("\"8\""), 400, "Unable to parse 'binary_data_size'"},
      {"size negative", Binary("-8"), 400, "Unable to parse 'binary_data_size'"},
      {"size huge", Binary("99999999999999999999"), 400, "Unable to parse 'binary_data_size'"},
      {"header absent", Binary("8"), 400,
       "unexpected size for input 'INPUT0', expecting 8 additional bytes"},
      {"header not a number", Binary("8"), 400, "Unable to parse Inference-Header-Content-Length",
       "abc"},
      {"header above int32", Binary("8"), 400, "Unable to parse Inference-Header-Content-Length",
       "2147483648"},
      {"header negative", Binary("8"), 400, "inference header size should be in range", "-1"},
      {"header above the body", Binary("8"), 400, "inference header size should be in range",
       "5000"},
      {"header too short", Binary("8"), 400, "failed to parse the request JSON buffer", "10"},
      {"leftover bytes", Input(Good("[1,2]")) + "tail", 400,
       "unexpected additional input data for model 'identity'", "AUTO4"},
      {"bytes of another size", Binary("7") + "1234567", 400,
       "input byte size mismatch for input 'INPUT0' for model 'identity'. Expected 8, got 7",
       "AUTO7"},
      {"size of a lie", Binary("18446744073709551615") + "12345678", 400,
       "unexpected size for input 'INPUT0'", "AUTO8"},
      {"raw of another size", "12345", 400, "input byte size mismatch", "0"},
      {"raw above the limit", std::string(5000, 'x'), 400, "exceeds the maximum allowed value",
       "0"},
      {"raw string, shape not [1]", "text", 400, "model must have input shape [1]", "0",
       DataType::kString},
  };
}

std::vector<Row> OutputRows() {
  return {
      {"outputs an object", WithOutputs("{}"), 400, "Unable to parse 'outputs'"},
      {"output a string", WithOutputs("[\"OUTPUT0\"]"), 400, "Unable to parse 'outputs'"},
      {"output without name", WithOutputs("[{}]"), 400, "Unable to parse 'name'"},
      {"unknown output", WithOutputs(R"([{"name":"Q"}])"), 400,
       "unexpected inference output 'Q' for model 'identity'"},
      {"output twice", WithOutputs(R"([{"name":"OUTPUT0"},{"name":"OUTPUT0"}])"), 400,
       "output 'OUTPUT0' already exists in request"},
      {"binary_data a number",
       WithOutputs(R"([{"name":"OUTPUT0","parameters":{"binary_data":1}}])"), 400,
       "Unable to parse 'binary_data'"},
      {"classification negative",
       WithOutputs(R"([{"name":"OUTPUT0","parameters":{"classification":-1}}])"), 400,
       "Unable to parse 'classification'"},
      {"classification and shared memory", WithOutputs(R"([{"name":"OUTPUT0","parameters":
           {"classification":1,"shared_memory_region":"r"}}])"),
       400, "Output can't set both"},
      {"binary and shared memory", WithOutputs(R"([{"name":"OUTPUT0","parameters":
           {"binary_data":true,"shared_memory_region":"r"}}])"),
       400, "Output can't set both"},
      {"output in shared memory",
       WithOutputs(R"([{"name":"OUTPUT0","parameters":{"shared_memory_region":"r"}}])"), 501,
       "Client shared memory is disabled"},
      {"FP16 result as JSON",
       Input(R"("name":"INPUT0","shape":[1,2],"datatype":"FP16",
             "parameters":{"binary_data_size":4})") +
           "1234",
       400, "sending FP16 data via JSON is not supported", "AUTO4", DataType::kFp16},
      {"classes of BOOL",
       R"({"inputs":[{"name":"INPUT0","shape":[1,1],"datatype":"BOOL","data":[true]}],
           "outputs":[{"name":"OUTPUT0","parameters":{"classification":1}}]})",
       400, "class result not available for output due to unsupported type", nullptr,
       DataType::kBool},
  };
}

std::vector<Row> ParameterRows() {
  return {
      {"parameters a string", WithParameters("\"x\""), 400, "Unable to parse 'parameters'"},
      {"nested parameter", WithParameters(R"({"a":{"b":1}})"), 400, "Unable to parse 'a'"},
      {"null parameter", WithParameters(R"({"a":null})"), 400, "Unable to parse 'a'"},
      {"priority a string", WithParameters(R"({"priority":"1"})"), 400,
       "Unable to parse 'priority'"},
      {"timeout negative", WithParameters(R"({"timeout":-1})"), 400, "Unable to parse 'timeout'"},
      {"sequence_start a number", WithParameters(R"({"sequence_start":1})"), 400,
       "Unable to parse 'sequence_start'"},
      {"binary_data_output a number", WithParameters(R"({"binary_data_output":1})"), 400,
       "Unable to parse 'binary_data_output'"},
      {"reserved key", WithParameters(R"({"triton_x":1})"), 400,
       "parameter keys starting with 'triton_' are reserved"},
  };
}

net::HttpRequest ToHttp(const Row& row) {
  net::HttpRequest http;
  http.method = "POST";
  http.body = base::IoBuf::FromString(row.body);
  http.cancelled = std::make_shared<std::atomic<bool>>(false);
  if (row.header_length == nullptr) return http;
  const std::string_view length = row.header_length;
  // "AUTO4": all but the last four bytes.
  const std::string value =
      length.starts_with("AUTO")
          ? std::to_string(row.body.size() - static_cast<std::size_t>(length[4] - '0'))
          : std::string(length);
  http.headers.Add("Inference-Header-Content-Length", value);
  return http;
}

std::size_t CheckRows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    auto decoded = DecodeInfer(ToHttp(row), IdentityModel(row.type), kLimit);
    EXPECT_FALSE(decoded.ok()) << row.what;
    if (decoded.ok()) continue;
    const net::HttpResponse response = FailureResponse(std::move(decoded).status());
    EXPECT_EQ(response.status, row.status) << row.what;
    const std::string body = response.body.ToString();
    EXPECT_TRUE(body.starts_with("{\"error\":\"")) << row.what;
    EXPECT_THAT(body, HasSubstr(row.fragment)) << row.what;
  }
  return rows.size();
}

TEST(BadRequests, EachIsAnsweredWithItsStatusAndText) {
  std::size_t rows = 0;
  for (const auto& table :
       {JsonRows(), InputRows(), ShapeRows(), BinaryRows(), OutputRows(), ParameterRows()}) {
    rows += CheckRows(table);
  }
  EXPECT_GE(rows, 60U);
}

TEST(BadRequests, TheGoodOnesTheyAreMadeOfPass) {
  for (const std::string& body :
       {Input(Good("[1,2]")), Input(Good("[[1],[2]]")), WithOutputs(R"([{"name":"OUTPUT0"}])"),
        WithParameters(R"({"a":1,"sequence_start":true})"), Shaped("[8,0]", "[]")}) {
    const Row row{"good", body, 200, ""};
    auto decoded = DecodeInfer(ToHttp(row), IdentityModel(DataType::kInt32), kLimit);
    EXPECT_TRUE(decoded.ok()) << body << ": " << decoded.message();
  }
}

TEST(BadRequests, RawNeedsAModelOfOneInput) {
  const Row raw{"raw", "12345678", 400, "Raw request must only have 1 input", "0"};
  auto decoded = DecodeInfer(ToHttp(raw), SimpleModel(), kLimit);
  ASSERT_FALSE(decoded.ok());
  EXPECT_THAT(decoded.message(), HasSubstr(raw.fragment));
  auto two = DecodeInfer(ToHttp(raw), IdentityModel(DataType::kInt32, {-1, -1}), kLimit);
  ASSERT_FALSE(two.ok());
  EXPECT_THAT(two.message(), HasSubstr("more than one variable-sized dimension"));
}

}  // namespace
}  // namespace hadron::protocol
