#include "protocol/validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tensor/string_tensor.h"
#include "unit/protocol/fake_models.h"

namespace hadron::protocol {
namespace {

using serving::InferenceRequest;
using tensor::DataType;
using tensor::HostTensor;
using tensor::Shape;
using testing::HasSubstr;
using testing::StartsWith;

HostTensor Tensor(std::string name, DataType type, Shape shape, std::size_t bytes) {
  return {{std::move(name), type, std::move(shape)},
          base::IoBuf::FromString(std::string(bytes, '\0'))};
}

InferenceRequest Request(model::ModelHandle model, std::vector<HostTensor> inputs) {
  InferenceRequest request;
  request.id = "7";
  request.model = std::move(model);
  request.inputs = std::move(inputs);
  return request;
}

TEST(ValidateRequest, OrdersInputsAndOutputsAndFindsTheBatch) {
  InferenceRequest request =
      Request(SimpleModel(), {Tensor("INPUT1", DataType::kInt32, {3, 16}, 192),
                              Tensor("INPUT0", DataType::kInt32, {3, 16}, 192)});
  request.requested_outputs = {"OUTPUT1", "OUTPUT0"};
  ASSERT_TRUE(ValidateRequest(request).ok());
  EXPECT_EQ(request.inputs[0].desc.name, "INPUT0");
  EXPECT_EQ(request.requested_outputs, (std::vector<std::string>{"OUTPUT0", "OUTPUT1"}));
  EXPECT_EQ(request.rows, 3);
}

TEST(ValidateRequest, TakesChainsAndEmptyTensors) {
  InferenceRequest request =
      Request(IdentityModel(DataType::kFp32), {Tensor("INPUT0", DataType::kFp32, {1, 2}, 4)});
  request.inputs[0].bytes.Append(base::IoBuf::FromString("abcd"));
  EXPECT_TRUE(ValidateRequest(request).ok());
  request.inputs = {Tensor("INPUT0", DataType::kFp32, {2, 0}, 0)};
  EXPECT_TRUE(ValidateRequest(request).ok());
  request.inputs = {Tensor("INPUT0", DataType::kFp32, {0, 5}, 0)};
  EXPECT_TRUE(ValidateRequest(request).ok());
  EXPECT_EQ(request.rows, 0);
}

TEST(ValidateRequest, ModelsWithoutBatchHaveOneRow) {
  InferenceRequest request =
      Request(IdentityModel(DataType::kFp32, {4}, 0), {Tensor("INPUT0", DataType::kFp32, {4}, 16)});
  ASSERT_TRUE(ValidateRequest(request).ok());
  EXPECT_EQ(request.rows, 1);
}

TEST(ValidateRequest, OptionalInputsMayBeAbsent) {
  config::ModelConfig::Fields fields;
  fields.name = "opt";
  fields.inputs = {Io("A", DataType::kFp32, {1}), Io("B", DataType::kFp32, {1})};
  fields.inputs[1].optional = true;
  const model::ModelHandle model = MakeModel(std::move(fields));
  InferenceRequest request = Request(model, {Tensor("A", DataType::kFp32, {1}, 4)});
  EXPECT_TRUE(ValidateRequest(request).ok());
  request.inputs = {Tensor("B", DataType::kFp32, {1}, 4)};
  EXPECT_THAT(ValidateRequest(request).message(), HasSubstr("missing required input(s) ['A']"));
  request.inputs = {};
  EXPECT_THAT(ValidateRequest(request).message(),
              HasSubstr("expected number of inputs between 1 and 2 but got 0 inputs for model "
                        "'opt'. Got input(s) [], but missing required input(s) ['A']."));
}

struct Bad {
  const char* what;
  std::vector<HostTensor> inputs;
  std::vector<std::string> outputs;
  std::string message;
};

std::vector<Bad> BadRequests() {
  const auto good0 = Tensor("INPUT0", DataType::kInt32, {1, 16}, 64);
  const auto good1 = Tensor("INPUT1", DataType::kInt32, {1, 16}, 64);
  return {
      {"input twice", {good0, good0}, {}, "input 'INPUT0' already exists in request"},
      {"output twice",
       {good0, good1},
       {"OUTPUT0", "OUTPUT0"},
       "output 'OUTPUT0' already exists in request"},
      {"unknown output",
       {good0, good1},
       {"X"},
       "unexpected inference output 'X' for model 'simple'"},
      {"one input",
       {good0},
       {},
       "expected 2 inputs but got 1 inputs for model 'simple'. Got input(s) ['INPUT0'], but "
       "missing "
       "required input(s) ['INPUT1']. Please provide all required input(s)."},
      {"no input",
       {},
       {},
       "expected 2 inputs but got 0 inputs for model 'simple'. Got input(s) [], but missing "
       "required "
       "input(s) ['INPUT0','INPUT1']. Please provide all required input(s)."},
      {"three inputs",
       {good0, good1, Tensor("Z", DataType::kInt32, {1, 16}, 64)},
       {},
       "expected 2 inputs but got 3 inputs"},
      {"unknown input",
       {good0, Tensor("Z", DataType::kInt32, {1, 16}, 64)},
       {},
       "unexpected inference input 'Z' for model 'simple'"},
      {"no rank",
       {Tensor("INPUT0", DataType::kInt32, {}, 4), good1},
       {},
       "input 'INPUT0' batch size does not match other inputs for 'simple'"},
      {"other batch",
       {good0, Tensor("INPUT1", DataType::kInt32, {2, 16}, 128)},
       {},
       "input 'INPUT1' batch size does not match other inputs for 'simple'"},
      {"large batch",
       {Tensor("INPUT0", DataType::kInt32, {9, 16}, 576),
        Tensor("INPUT1", DataType::kInt32, {9, 16}, 576)},
       {},
       "inference request batch-size must be <= 8 for 'simple'"},
      {"type",
       {Tensor("INPUT0", DataType::kFp32, {1, 16}, 64), good1},
       {},
       "inference input 'INPUT0' data-type is 'FP32', but model 'simple' expects 'INT32'"},
      {"shape",
       {Tensor("INPUT0", DataType::kInt32, {1, 15}, 60), good1},
       {},
       "unexpected shape for input 'INPUT0' for model 'simple'. Expected [-1,16], got [1,15]"},
      {"rank",
       {Tensor("INPUT0", DataType::kInt32, {1, 16, 1}, 64), good1},
       {},
       "unexpected shape for input 'INPUT0' for model 'simple'. Expected [-1,16], got [1,16,1]"},
      {"bytes",
       {Tensor("INPUT0", DataType::kInt32, {1, 16}, 63), good1},
       {},
       "input byte size mismatch for input 'INPUT0' for model 'simple'. Expected 64, got 63"},
  };
}

TEST(ValidateRequest, SaysWhatIsWrongInTheOrderOfTheReference) {
  for (const Bad& bad : BadRequests()) {
    InferenceRequest request = Request(SimpleModel(), bad.inputs);
    request.requested_outputs = bad.outputs;
    const base::Status status = ValidateRequest(request);
    EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument) << bad.what;
    EXPECT_THAT(status.message(), StartsWith("[request id: 7] " + bad.message)) << bad.what;
  }
}

TEST(ValidateRequest, WalksStringPrefixes) {
  const auto with = [](base::IoBuf bytes) {
    InferenceRequest request = Request(IdentityModel(DataType::kString), {});
    request.inputs.push_back({{"INPUT0", DataType::kString, {1, 2}}, std::move(bytes)});
    return ValidateRequest(request);
  };
  const std::vector<std::string> two = {"a", "bcd"};
  const std::vector<std::string> three = {"a", "b", "c"};
  EXPECT_TRUE(with(tensor::EncodeStrings(two)).ok());
  EXPECT_THAT(with(tensor::EncodeStrings(three)).message(),
              HasSubstr("unexpected number of string elements"));
  EXPECT_THAT(with(base::IoBuf::FromString(std::string("\1\0\0\0a", 5))).message(),
              HasSubstr("expected 2 string elements for inference input"));
  EXPECT_THAT(with(base::IoBuf::FromString(std::string("\1\0\0\0a\1\0", 7))).message(),
              HasSubstr("incomplete string length indicator"));
  EXPECT_FALSE(with(base::IoBuf::FromString(std::string("\1\0\0\0a\xFF\xFF\xFF\xFFz", 10))).ok());
}

TEST(InputByteSize, RefusesWhatOverflows) {
  EXPECT_EQ(*InputByteSize({"x", DataType::kFp64, {3, 5}}), 120U);
  EXPECT_EQ(*InputByteSize({"x", DataType::kString, {3, 5}}), 0U);
  constexpr std::int64_t kBig = std::int64_t{1} << 40;
  EXPECT_THAT(InputByteSize({"x", DataType::kFp64, {kBig, kBig}}).message(),
              HasSubstr("causes total element count to exceed maximum size of"));
  EXPECT_THAT(InputByteSize({"x", DataType::kFp64, {kBig, 1 << 22}}).message(),
              HasSubstr("byte size overflow for input 'x'"));
  EXPECT_THAT(InputByteSize({"x", DataType::kFp64, {-1}}).message(),
              HasSubstr("negative dimension"));
  EXPECT_EQ(*InputByteSize({"x", DataType::kFp64, {0, kBig}}), 0U);
}

TEST(RequestPrefix, EscapesAndNamesTheUnknown) {
  EXPECT_EQ(RequestPrefix(""), "[request id: <id_unknown>] ");
  EXPECT_THAT(RequestPrefix("a\nb"), testing::Not(HasSubstr("\n")));
}

TEST(SetParameter, PutsValuesWhereTheyBelong) {
  InferenceRequest request;
  ASSERT_TRUE(SetParameter(request, "priority", std::int64_t{2}, "wrong").ok());
  ASSERT_TRUE(SetParameter(request, "timeout", std::uint64_t{500}, "wrong").ok());
  ASSERT_TRUE(SetParameter(request, "sequence_id", std::string("s"), "wrong").ok());
  ASSERT_TRUE(SetParameter(request, "mine", 1.5, "wrong").ok());
  EXPECT_EQ(request.priority, 2U);
  EXPECT_EQ(request.timeout_us, 500U);
  EXPECT_EQ(request.parameters.size(), 2U);
  EXPECT_EQ(std::get<double>(request.parameters["mine"]), 1.5);
}

TEST(SetParameter, RefusesWrongKindsAndReservedKeys) {
  InferenceRequest request;
  for (const char* key : {"priority", "timeout", "sequence_id"}) {
    EXPECT_EQ(SetParameter(request, key, std::int64_t{-1}, "wrong").message(), "wrong") << key;
    EXPECT_EQ(SetParameter(request, key, true, "wrong").message(), "wrong") << key;
  }
  EXPECT_EQ(SetParameter(request, "sequence_start", std::int64_t{1}, "wrong").message(), "wrong");
  EXPECT_THAT(SetParameter(request, "triton_x", true, "wrong").message(),
              HasSubstr("parameter keys starting with 'triton_' are reserved"));
  EXPECT_TRUE(IsReservedParameter("headers"));
  EXPECT_FALSE(IsReservedParameter("mine"));
}

}  // namespace
}  // namespace hadron::protocol
