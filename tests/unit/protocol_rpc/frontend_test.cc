#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "local_server.h"

namespace hadron::protocol::rpc {
namespace {

using ::inference::ModelInferRequest;
using ::inference::ModelInferResponse;

/// One server for all tests of this file.
class RpcInference : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<LocalServer>(SharedEngine()); }
  static void TearDownTestSuite() { server_.reset(); }

  static grpc::Status Infer(const ModelInferRequest& request, ModelInferResponse& response) {
    grpc::ClientContext context;
    return server_->stub().ModelInfer(&context, request, &response);
  }
  static ::inference::GRPCInferenceService::Stub& stub() { return server_->stub(); }

  static std::unique_ptr<LocalServer> server_;
};

std::unique_ptr<LocalServer> RpcInference::server_;

ModelInferRequest::InferInputTensor& AddInput(ModelInferRequest& request, const char* name,
                                              const char* datatype,
                                              const std::vector<std::int64_t>& shape) {
  auto& input = *request.add_inputs();
  input.set_name(name);
  input.set_datatype(datatype);
  for (const std::int64_t dim : shape) input.add_shape(dim);
  return input;
}

TEST_F(RpcInference, AnswersRawContents) {
  ModelInferRequest request = Fp32Request("identity_fp32", {1.5F, -2.0F, 3e30F});
  request.set_id("seven");
  ModelInferResponse response;
  const grpc::Status status = Infer(request, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.model_name(), "identity_fp32");
  EXPECT_EQ(response.model_version(), "1");
  EXPECT_EQ(response.id(), "seven");
  ASSERT_EQ(response.outputs_size(), 1);
  EXPECT_EQ(response.outputs(0).name(), "OUTPUT0");
  EXPECT_EQ(response.outputs(0).datatype(), "FP32");
  EXPECT_EQ(response.outputs(0).shape_size(), 2);
  EXPECT_EQ(response.outputs(0).shape(1), 3);
  EXPECT_FALSE(response.outputs(0).has_contents());
  ASSERT_EQ(response.raw_output_contents_size(), 1);
  EXPECT_EQ(response.raw_output_contents(0), request.raw_input_contents(0));
}

TEST_F(RpcInference, CarriesLargeTensors) {
  std::vector<float> values(300'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  ModelInferResponse response;
  const grpc::Status status = Infer(Fp32Request("identity_fp32", values), response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Floats(response.raw_output_contents(0)), values);
}

TEST_F(RpcInference, AnswersTypedContents) {
  ModelInferRequest request;
  request.set_model_name("simple");
  auto& first = AddInput(request, "INPUT0", "INT32", {1, 16});
  auto& second = AddInput(request, "INPUT1", "INT32", {1, 16});
  for (int i = 0; i < 16; ++i) {
    first.mutable_contents()->add_int_contents(i);
    second.mutable_contents()->add_int_contents(-1);
  }
  ModelInferResponse response;
  const grpc::Status status = Infer(request, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.raw_output_contents_size(), 2);
  std::int32_t sum = 0;
  std::memcpy(&sum, response.raw_output_contents(0).data() + 60, sizeof(sum));
  EXPECT_EQ(sum, 14);
}

TEST_F(RpcInference, AnswersInputsInAnyOrder) {
  ModelInferRequest request;
  request.set_model_name("simple");
  AddInput(request, "INPUT1", "INT32", {1, 16});
  AddInput(request, "INPUT0", "INT32", {1, 16});
  request.add_raw_input_contents(std::string(64, '\x01'));
  request.add_raw_input_contents(std::string(64, '\x03'));
  request.add_outputs()->set_name("OUTPUT1");
  ModelInferResponse response;
  const grpc::Status status = Infer(request, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.outputs_size(), 1);
  EXPECT_EQ(response.outputs(0).name(), "OUTPUT1");
  EXPECT_EQ(response.raw_output_contents(0), std::string(64, '\x02'));  // INPUT0 - INPUT1
}

TEST_F(RpcInference, AnswersStringsRawAndTyped) {
  ModelInferRequest typed;
  typed.set_model_name("simple_string");
  auto& first = AddInput(typed, "INPUT0", "BYTES", {1, 16});
  auto& second = AddInput(typed, "INPUT1", "BYTES", {1, 16});
  ModelInferRequest raw = typed;
  std::string first_raw;
  for (int i = 0; i < 16; ++i) {
    first.mutable_contents()->add_bytes_contents("8");
    second.mutable_contents()->add_bytes_contents("1");
    first_raw += std::string("\x01\x00\x00\x00", 4) + "8";
  }
  std::string second_raw = first_raw;
  for (char& c : second_raw) c = c == '8' ? '1' : c;
  raw.add_raw_input_contents(first_raw);
  raw.add_raw_input_contents(second_raw);
  ModelInferResponse from_typed;
  ModelInferResponse from_raw;
  grpc::Status status = Infer(typed, from_typed);
  ASSERT_TRUE(status.ok()) << status.error_message();
  status = Infer(raw, from_raw);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(from_typed.outputs(0).datatype(), "BYTES");
  EXPECT_EQ(from_typed.raw_output_contents(0), from_raw.raw_output_contents(0));
  EXPECT_EQ(from_typed.raw_output_contents(0).substr(0, 5),
            std::string("\x01\x00\x00\x00", 4) + "9");
}

TEST_F(RpcInference, CarriesEveryWidth) {
  const std::vector<std::tuple<const char*, const char*, std::size_t>> cases = {
      {"identity_fp16", "FP16", 2},
      {"identity_bf16", "BF16", 2},
      {"identity_bool", "BOOL", 1},
      {"identity_int64", "INT64", 8},
  };
  for (const auto& [model, datatype, width] : cases) {
    ModelInferRequest request;
    request.set_model_name(model);
    AddInput(request, "INPUT0", datatype, {2, 3});
    std::string raw(6 * width, '\0');
    for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<char>(i % 2);
    request.add_raw_input_contents(raw);
    ModelInferResponse response;
    const grpc::Status status = Infer(request, response);
    ASSERT_TRUE(status.ok()) << model << ": " << status.error_message();
    EXPECT_EQ(response.raw_output_contents(0), raw) << model;
    EXPECT_EQ(response.outputs(0).datatype(), datatype);
  }
}

TEST_F(RpcInference, ServesSeveralVersions) {
  ModelInferRequest request = Fp32Request("scale", {1, 2, 3, 4});
  for (const auto& [version, factor] :
       std::vector<std::pair<std::string, float>>{{"", 3.0F}, {"1", 1.0F}, {"2", 2.0F}}) {
    request.set_model_version(version);
    ModelInferResponse response;
    const grpc::Status status = Infer(request, response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.model_version(), version.empty() ? "3" : version);
    EXPECT_EQ(Floats(response.raw_output_contents(0))[3], 4 * factor);
  }
}

TEST_F(RpcInference, Classifies) {
  ModelInferRequest request = Fp32Request("jet_bdt", {80, 0, 80, 0.2F, 0.5F, 20, 0.1F, 0.3F});
  request.mutable_inputs(0)->set_name("features");
  auto& output = *request.add_outputs();
  output.set_name("probabilities");
  (*output.mutable_parameters())["classification"].set_int64_param(5);
  ModelInferResponse response;
  const grpc::Status status = Infer(request, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.outputs(0).datatype(), "BYTES");
  ASSERT_EQ(response.outputs(0).shape_size(), 2);
  EXPECT_EQ(response.outputs(0).shape(1), 2);
  EXPECT_NE(response.raw_output_contents(0).find(":w_boson"), std::string::npos);
  EXPECT_NE(response.raw_output_contents(0).find(":qcd"), std::string::npos);
}

TEST_F(RpcInference, TakesCustomParametersOfEveryKind) {
  ModelInferRequest request = Fp32Request("scale", {1, 2, 3, 4});
  auto& parameters = *request.mutable_parameters();
  parameters["a"].set_bool_param(true);
  parameters["b"].set_int64_param(-1);
  parameters["c"].set_string_param("text");
  parameters["d"].set_double_param(0.5);
  parameters["e"].set_uint64_param(7);
  parameters["priority"].set_uint64_param(0);
  parameters["timeout"].set_int64_param(1'000'000);
  parameters["sequence_id"].set_uint64_param(0);
  parameters["sequence_start"].set_bool_param(false);
  parameters["triton_enable_empty_final_response"].set_bool_param(true);
  ModelInferResponse response;
  const grpc::Status status = Infer(request, response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.parameters_size(), 0);
}

TEST_F(RpcInference, CopiesNothingThatCameRaw) {
  telemetry::ServerMetrics& metrics = SharedEngine().metrics().server();
  const std::uint64_t before = metrics.copied_in_bytes.value();
  ModelInferResponse response;
  ASSERT_TRUE(Infer(Fp32Request("scale", {1, 2, 3, 4}), response).ok());
  const std::uint64_t raw = metrics.copied_in_bytes.value() - before;
  ModelInferRequest typed = Fp32Request("scale", {1, 2, 3, 4});
  typed.clear_raw_input_contents();
  for (int i = 0; i < 4; ++i) typed.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
  ASSERT_TRUE(Infer(typed, response).ok());
  EXPECT_EQ(metrics.copied_in_bytes.value() - before, 2 * raw + 16);
}

TEST_F(RpcInference, CountsRequestsAtTheDoor) {
  const auto model = SharedEngine().metrics().FindModel("scale", 3);
  ASSERT_NE(model, nullptr);
  const auto count = [&model](base::StatusCode code) {
    const auto latencies = model->ReadLatencies();
    const auto at = latencies.find({telemetry::Protocol::kGrpc, code});
    return at == latencies.end() ? 0 : at->second.count;
  };
  const auto good = count(base::StatusCode::kOk);
  const auto bad = count(base::StatusCode::kInvalidArgument);
  ModelInferResponse response;
  ASSERT_TRUE(Infer(Fp32Request("scale", {1, 2, 3, 4}), response).ok());
  ASSERT_FALSE(Infer(Fp32Request("scale", {1, 2, 3}), response).ok());
  EXPECT_EQ(count(base::StatusCode::kOk), good + 1);
  EXPECT_EQ(count(base::StatusCode::kInvalidArgument), bad + 1);
}

// ---- what is refused -------------------------------------------------------------------------

struct Refusal {
  const char* what;
  std::function<void(ModelInferRequest&)> change;
  grpc::StatusCode code;
  const char* text;
};

constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;

std::vector<Refusal> ModelRefusals() {
  return {
      {"unknown model", [](auto& r) { r.set_model_name("nope"); }, grpc::StatusCode::NOT_FOUND,
       "Request for unknown model: 'nope' is not found"},
      {"unknown version", [](auto& r) { r.set_model_version("9"); }, grpc::StatusCode::NOT_FOUND,
       "Request for unknown model: 'scale' version 9 is not found"},
      {"version is no number", [](auto& r) { r.set_model_version("latest"); }, kInvalid,
       "failed to get model version from specified version string"},
      {"negative version", [](auto& r) { r.set_model_version("-1"); }, kInvalid,
       "failed to get model version from specified version string"},
      {"version too large", [](auto& r) { r.set_model_version("9223372036854775808"); }, kInvalid,
       "failed to get model version from specified version string"},
  };
}

std::vector<Refusal> InputRefusals() {
  return {
      {"no inputs",
       [](auto& r) {
         r.clear_inputs();
         r.clear_raw_input_contents();
       },
       kInvalid, "expected 1 inputs but got 0 inputs for model 'scale'"},
      {"unknown input", [](auto& r) { r.mutable_inputs(0)->set_name("X"); }, kInvalid,
       "unexpected inference input 'X' for model 'scale'"},
      {"input twice",
       [](auto& r) {
         *r.add_inputs() = r.inputs(0);
         r.add_raw_input_contents(r.raw_input_contents(0));
       },
       kInvalid, "input 'INPUT0' already exists in request"},
      {"wrong type", [](auto& r) { r.mutable_inputs(0)->set_datatype("INT32"); }, kInvalid,
       "inference input 'INPUT0' data-type is 'INT32', but model 'scale' expects 'FP32'"},
      {"no such type", [](auto& r) { r.mutable_inputs(0)->set_datatype("FP4"); }, kInvalid,
       "datatype 'FP4'"},
      {"wrong shape", [](auto& r) { r.mutable_inputs(0)->set_shape(1, 5); }, kInvalid,
       "unexpected shape for input 'INPUT0' for model 'scale'. Expected [-1,4], got [1,5]"},
      {"wrong rank", [](auto& r) { r.mutable_inputs(0)->add_shape(1); }, kInvalid,
       "unexpected shape for input 'INPUT0'"},
      {"no shape", [](auto& r) { r.mutable_inputs(0)->clear_shape(); }, kInvalid,
       "batch size does not match"},
      {"huge batch", [](auto& r) { r.mutable_inputs(0)->set_shape(0, INT64_MAX); }, kInvalid,
       "batch-size must be <= 16"},
      {"negative dimension", [](auto& r) { r.mutable_inputs(0)->set_shape(0, -1); }, kInvalid,
       "negative dimension"},
      {"too few bytes", [](auto& r) { r.mutable_raw_input_contents(0)->resize(15); }, kInvalid,
       "input byte size mismatch for input 'INPUT0' for model 'scale'. Expected 16, got 15"},
      {"the id is named",
       [](auto& r) {
         r.set_id("my-id");
         r.mutable_raw_input_contents(0)->resize(15);
       },
       kInvalid, "[request id: my-id] input byte size mismatch"},
      {"no data", [](auto& r) { r.clear_raw_input_contents(); }, kInvalid,
       "unable to find data for input tensor 'INPUT0'"},
      {"too many raw contents", [](auto& r) { r.add_raw_input_contents("x"); }, kInvalid,
       "2 raw_input_contents"},
      {"raw and typed",
       [](auto& r) { r.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1); }, kInvalid,
       "contents field must not be specified when using raw_input_contents"},
      {"typed in the wrong field",
       [](auto& r) {
         r.clear_raw_input_contents();
         r.mutable_inputs(0)->mutable_contents()->add_int_contents(1);
       },
       kInvalid, "unexpected explicit tensor data for input tensor 'INPUT0'"},
      {"typed, too few",
       [](auto& r) {
         r.clear_raw_input_contents();
         r.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
       },
       kInvalid, "Expected 16, got 4"},
  };
}

std::vector<Refusal> ParameterRefusals() {
  const auto parameter = [](const char* key, auto set) {
    return [key, set](ModelInferRequest& r) { set((*r.mutable_parameters())[key]); };
  };
  const auto input = [](const char* key, auto set) {
    return [key, set](ModelInferRequest& r) {
      set((*r.mutable_inputs(0)->mutable_parameters())[key]);
    };
  };
  const auto text = [](auto& p) { p.set_string_param("x"); };
  const auto one = [](auto& p) { p.set_int64_param(1); };
  const auto minus = [](auto& p) { p.set_int64_param(-1); };
  const auto unset = [](auto&) {};
  return {
      {"reserved key", parameter("triton_secret", one), kInvalid,
       "parameter keys starting with 'triton_' are reserved"},
      {"empty final response of another kind", parameter("triton_enable_empty_final_response", one),
       kInvalid, "invalid value type for 'triton_enable_empty_final_response' parameter"},
      {"priority as text", parameter("priority", text), kInvalid,
       "invalid value type for 'priority' parameter"},
      {"negative priority", parameter("priority", minus), kInvalid,
       "invalid value type for 'priority' parameter"},
      {"timeout as text", parameter("timeout", text), kInvalid,
       "invalid value type for 'timeout' parameter"},
      {"sequence_start as number", parameter("sequence_start", one), kInvalid,
       "invalid value type for 'sequence_start' parameter"},
      {"no value", parameter("custom", unset), kInvalid,
       "invalid value type for 'custom' parameter"},
      {"offset without region", input("shared_memory_offset", one), kInvalid,
       "can not be specified without 'shared_memory_region'"},
      {"size without region", input("shared_memory_byte_size", one), kInvalid,
       "can not be specified without 'shared_memory_region'"},
      {"region without size", input("shared_memory_region", text), kInvalid,
       "must be specified along with"},
      {"region",
       [](auto& r) {
         auto& p = *r.mutable_inputs(0)->mutable_parameters();
         p["shared_memory_region"].set_string_param("x");
         p["shared_memory_byte_size"].set_int64_param(16);
       },
       grpc::StatusCode::UNIMPLEMENTED, "Client shared memory is disabled"},
      {"negative region size",
       [](auto& r) {
         auto& p = *r.mutable_inputs(0)->mutable_parameters();
         p["shared_memory_region"].set_string_param("x");
         p["shared_memory_byte_size"].set_int64_param(-16);
       },
       kInvalid, "shared_memory_byte_size"},
  };
}

std::vector<Refusal> OutputRefusals() {
  const auto output = [](const char* key, auto set) {
    return [key, set](ModelInferRequest& r) {
      auto& out = *r.add_outputs();
      out.set_name("OUTPUT0");
      set((*out.mutable_parameters())[key]);
    };
  };
  return {
      {"unknown output", [](auto& r) { r.add_outputs()->set_name("X"); }, kInvalid,
       "unexpected inference output 'X' for model 'scale'"},
      {"output twice",
       [](auto& r) {
         r.add_outputs()->set_name("OUTPUT0");
         r.add_outputs()->set_name("OUTPUT0");
       },
       kInvalid, "output 'OUTPUT0' already exists in request"},
      {"classification 0", output("classification", [](auto& p) { p.set_int64_param(0); }),
       kInvalid, "classification"},
      {"classification as text", output("classification", [](auto& p) { p.set_string_param("1"); }),
       kInvalid, "invalid value type for 'classification' parameter"},
      {"classification into a region",
       [](auto& r) {
         auto& out = *r.add_outputs();
         out.set_name("OUTPUT0");
         (*out.mutable_parameters())["classification"].set_int64_param(1);
         (*out.mutable_parameters())["shared_memory_region"].set_string_param("x");
       },
       kInvalid, "output can't set both 'shared_memory_region' and 'classification'"},
  };
}

TEST_F(RpcInference, RefusesBadRequestsAndServesOn) {
  std::vector<Refusal> cases;
  for (auto table : {ModelRefusals, InputRefusals, ParameterRefusals, OutputRefusals}) {
    for (Refusal& refusal : table()) cases.push_back(std::move(refusal));
  }
  for (const Refusal& c : cases) {
    ModelInferRequest request = Fp32Request("scale", {1, 2, 3, 4});
    c.change(request);
    ModelInferResponse response;
    const grpc::Status status = Infer(request, response);
    EXPECT_EQ(status.error_code(), c.code) << c.what << ": " << status.error_message();
    EXPECT_NE(status.error_message().find(c.text), std::string::npos)
        << c.what << ": " << status.error_message();
    ASSERT_TRUE(Infer(Fp32Request("scale", {1, 2, 3, 4}), response).ok()) << c.what;
  }
}

TEST_F(RpcInference, RefusesClassesOfTypesWithoutOrder) {
  ModelInferRequest request;
  request.set_model_name("identity_bool");
  AddInput(request, "INPUT0", "BOOL", {1, 2});
  request.add_raw_input_contents(std::string(2, '\x01'));
  auto& output = *request.add_outputs();
  output.set_name("OUTPUT0");
  (*output.mutable_parameters())["classification"].set_int64_param(1);
  ModelInferResponse response;
  const grpc::Status status = Infer(request, response);
  EXPECT_EQ(status.error_code(), kInvalid);
  EXPECT_NE(status.error_message().find("class result not available for output due to unsupported"),
            std::string::npos);
}

TEST_F(RpcInference, KeepsMessagesShortEnoughForATrailer) {
  ModelInferRequest request = Fp32Request("scale", {1, 2, 3, 4});
  for (int i = 0; i < 9000; ++i) request.mutable_inputs(0)->add_shape(1234567);
  ModelInferResponse response;
  const grpc::Status status = Infer(request, response);
  EXPECT_EQ(status.error_code(), kInvalid) << status.error_message();
  EXPECT_LT(status.error_message().size(), 3000U);
}

// ---- everything else -------------------------------------------------------------------------

TEST_F(RpcInference, DescribesServerAndModels) {
  grpc::ClientContext live_context, ready_context, server_context, model_context, config_context;
  ::inference::ServerLiveResponse live;
  ASSERT_TRUE(stub().ServerLive(&live_context, {}, &live).ok());
  EXPECT_TRUE(live.live());
  ::inference::ServerReadyResponse ready;
  ASSERT_TRUE(stub().ServerReady(&ready_context, {}, &ready).ok());
  EXPECT_TRUE(ready.ready());
  ::inference::ServerMetadataResponse server;
  ASSERT_TRUE(stub().ServerMetadata(&server_context, {}, &server).ok());
  EXPECT_EQ(server.name(), "hadron");
  EXPECT_EQ(server.version(), "1.2.3");
  EXPECT_GT(server.extensions_size(), 3);

  ::inference::ModelMetadataRequest request;
  request.set_name("scale");
  ::inference::ModelMetadataResponse model;
  ASSERT_TRUE(stub().ModelMetadata(&model_context, request, &model).ok());
  EXPECT_EQ(model.versions_size(), 3);
  EXPECT_FALSE(model.platform().empty());
  ASSERT_EQ(model.inputs_size(), 1);
  EXPECT_EQ(model.inputs(0).datatype(), "FP32");
  EXPECT_EQ(model.inputs(0).shape(0), -1);
  EXPECT_EQ(model.inputs(0).shape(1), 4);

  ::inference::ModelConfigRequest config_request;
  config_request.set_name("scale");
  ::inference::ModelConfigResponse config;
  ASSERT_TRUE(stub().ModelConfig(&config_context, config_request, &config).ok());
  EXPECT_EQ(config.config().name(), "scale");
  EXPECT_EQ(config.config().max_batch_size(), 16);
  EXPECT_TRUE(config.config().version_policy().has_all());
}

TEST_F(RpcInference, NamesWhatModelCallsLack) {
  ::inference::ModelReadyRequest request;
  ::inference::ModelReadyResponse response;
  const auto ask = [&](const char* name, const char* version) {
    request.set_name(name);
    request.set_version(version);
    grpc::ClientContext context;
    return stub().ModelReady(&context, request, &response);
  };
  EXPECT_TRUE(ask("scale", "").ok());
  EXPECT_TRUE(response.ready());
  EXPECT_TRUE(ask("scale", "2").ok());
  EXPECT_EQ(ask("scale", "4").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ask("nope", "").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ask("scale", "x").error_code(), kInvalid);
}

TEST_F(RpcInference, ReportsStatistics) {
  ModelInferResponse answer;
  ASSERT_TRUE(Infer(Fp32Request("scale", {1, 2, 3, 4}), answer).ok());
  grpc::ClientContext context;
  ::inference::ModelStatisticsRequest request;
  request.set_name("scale");
  request.set_version("3");
  ::inference::ModelStatisticsResponse response;
  ASSERT_TRUE(stub().ModelStatistics(&context, request, &response).ok());
  ASSERT_EQ(response.model_stats_size(), 1);
  const ::inference::ModelStatistics& stats = response.model_stats(0);
  EXPECT_EQ(stats.version(), "3");
  EXPECT_GE(stats.inference_count(), 1U);
  EXPECT_GE(stats.inference_stats().success().count(), 1U);
  EXPECT_TRUE(stats.inference_stats().has_cache_hit());
  EXPECT_GE(stats.batch_stats_size(), 1);
  EXPECT_EQ(stats.memory_usage_size(), 1);

  grpc::ClientContext all_context, unknown_context;
  request.Clear();
  ASSERT_TRUE(stub().ModelStatistics(&all_context, request, &response).ok());
  EXPECT_GE(response.model_stats_size(), 10);
  request.set_name("nope");
  const grpc::Status status = stub().ModelStatistics(&unknown_context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(RpcInference, ListsTheRepository) {
  grpc::ClientContext context, named_context;
  ::inference::RepositoryIndexRequest request;
  ::inference::RepositoryIndexResponse response;
  ASSERT_TRUE(stub().RepositoryIndex(&context, request, &response).ok());
  ASSERT_EQ(response.models_size(), 12);
  EXPECT_EQ(response.models(0).name(), "identity_bf16");
  EXPECT_EQ(response.models(0).state(), "READY");
  request.set_repository_name("other");
  EXPECT_EQ(stub().RepositoryIndex(&named_context, request, &response).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(RpcInference, RefusesToLoadAndUnload) {
  grpc::ClientContext load_context, unload_context, named_context;
  ::inference::RepositoryModelLoadRequest load;
  load.set_model_name("scale");
  ::inference::RepositoryModelLoadResponse loaded;
  grpc::Status status = stub().RepositoryModelLoad(&load_context, load, &loaded);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(status.error_message().find(
                "explicit model load / unload is not allowed if polling is enabled"),
            std::string::npos);
  ::inference::RepositoryModelUnloadRequest unload;
  ::inference::RepositoryModelUnloadResponse unloaded;
  EXPECT_EQ(stub().RepositoryModelUnload(&unload_context, unload, &unloaded).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  load.set_repository_name("other");
  status = stub().RepositoryModelLoad(&named_context, load, &loaded);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_NE(status.error_message().find("'repository_name' specification is not supported"),
            std::string::npos);
}

TEST_F(RpcInference, HasNoSharedMemoryNorSettings) {
  grpc::ClientContext contexts[6];
  ::inference::SystemSharedMemoryStatusResponse system;
  EXPECT_TRUE(stub().SystemSharedMemoryStatus(&contexts[0], {}, &system).ok());
  EXPECT_EQ(system.regions_size(), 0);
  ::inference::CudaSharedMemoryStatusResponse cuda;
  EXPECT_TRUE(stub().CudaSharedMemoryStatus(&contexts[1], {}, &cuda).ok());
  EXPECT_EQ(cuda.regions_size(), 0);
  ::inference::SystemSharedMemoryRegisterResponse registered;
  const grpc::Status status = stub().SystemSharedMemoryRegister(&contexts[2], {}, &registered);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(), "Client shared memory is disabled");
  ::inference::CudaSharedMemoryUnregisterResponse unregistered;
  EXPECT_EQ(stub().CudaSharedMemoryUnregister(&contexts[3], {}, &unregistered).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  ::inference::TraceSettingResponse trace;
  EXPECT_EQ(stub().TraceSetting(&contexts[4], {}, &trace).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  ::inference::LogSettingsResponse log;
  EXPECT_EQ(stub().LogSettings(&contexts[5], {}, &log).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace hadron::protocol::rpc
