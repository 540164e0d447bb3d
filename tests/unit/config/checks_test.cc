// What a configuration may not say: one row a rule, on a configuration that is otherwise good.
#include <gtest/gtest.h>

#include <string>

#include "unit/config/test_config.h"

namespace hadron::config {
namespace {

using test::kTensors;
using test::LoadError;

struct Bad {
  std::string text;
  std::string error;  ///< part of "CODE: message"
};

void ExpectErrors(const std::vector<Bad>& table, const std::string& base) {
  ASSERT_EQ(LoadError(base), "");
  for (const Bad& row : table) {
    const std::string error = LoadError(base + row.text);
    EXPECT_NE(error.find(row.error), std::string::npos) << row.text << "\ngives: " << error;
    EXPECT_FALSE(error.empty()) << row.text;
  }
}

/// The rows' configurations are complete by themselves.
void ExpectErrorsAlone(const std::vector<Bad>& table) {
  for (const Bad& row : table) {
    const std::string error = LoadError(row.text);
    EXPECT_NE(error.find(row.error), std::string::npos) << row.text << "\ngives: " << error;
    EXPECT_FALSE(error.empty()) << row.text;
  }
}

TEST(Checks, OfTheModel) {
  ExpectErrors(
      {
          {"name: 'other'", "INVALID_ARGUMENT: unexpected directory name 'm' for model 'other'"},
          {"platform: 'tensorrt_plan'", "INVALID_ARGUMENT: platform 'tensorrt_plan'"},
          {"platform: 'pytorch_libtorch'", "platform 'pytorch_libtorch'"},
          {"platform: 'tensorflow_savedmodel'", "platform 'tensorflow_savedmodel'"},
          {"backend: 'python'", "INVALID_ARGUMENT: backend 'python'"},
          {"backend: 'open\\nvino'", "backend 'open\\x0avino'"},
          {"max_batch_size: -1", "'max_batch_size' must not be negative"},
          {"default_model_filename: '../x.onnx'", "default_model_filename '../x.onnx' must be"},
          {"default_model_filename: '/x.onnx'", "default_model_filename"},
          {"default_model_filename: 'a//x.onnx'", "default_model_filename"},
          {"default_model_filename: 'a\\\\x.onnx'", "default_model_filename"},
          {"default_model_filename: 'a\\000x'", "default_model_filename"},
          {"model_operations { op_library_filename: 'x.so' }", "model_operations"},
          {"model_transaction_policy { decoupled: true }", "decoupled must be false"},
          {"parameters { key: 'TRITON_BATCH_STRATEGY_PATH' value { } }",
           "TRITON_BATCH_STRATEGY_PATH"},
          {"parameters { key: 'hadron.idle_evict_secs' value { string_value: '-1' } }",
           "hadron.idle_evict_secs: '-1' is not a number of seconds from 0 (never) to 31536000"},
          {"parameters { key: 'hadron.idle_evict_secs' value { string_value: '31536001' } }",
           "hadron.idle_evict_secs: '31536001'"},
          {"parameters { key: 'hadron.idle_evict_secs' value { } }", "hadron.idle_evict_secs: ''"},
          {"model_repository_agents { agents { name: 'relocate' } }",
           "INVALID_ARGUMENT: model_repository_agents: agent 'relocate'"},
          {"parameters { key: 'hadron.warmup_on_restore' value { string_value: 'yes' } }",
           "INVALID_ARGUMENT: parameters: hadron.warmup_on_restore: 'yes' is neither"},
          {"response_cache { enable: true } sequence_batching { }",
           "INVALID_ARGUMENT: response_cache"},
      },
      std::string(kTensors));
}

TEST(Checks, OfChecksums) {
  const auto agent = [](const std::string& key, const std::string& value) {
    return "model_repository_agents { agents { name: 'checksum' parameters { key: '" + key +
           "' value: '" + value + "' } } }";
  };
  const std::string md5(32, 'a');
  const std::string sha256(64, 'F');
  ExpectErrors(
      {
          {agent("SHA1:1/model.onnx", md5),
           "INVALID_ARGUMENT: model_repository_agents: agent 'checksum': parameter "
           "'SHA1:1/model.onnx': it must be 'MD5:<path>' or 'SHA256:<path>'"},
          {agent("1/model.onnx", md5), "it must be 'MD5:<path>'"},
          {agent("md5:1/model.onnx", md5), "it must be 'MD5:<path>'"},
          {agent("MD5:", md5), "parameter 'MD5:'"},
          {agent("MD5:../other/1/model.onnx", md5), "must be a relative path"},
          {agent("MD5:/etc/passwd", md5), "must be a relative path"},
          {agent("MD5:x", sha256), "is not 32 hexadecimal digits"},
          {agent("SHA256:x", md5), "is not 64 hexadecimal digits"},
          {agent("SHA256:x", std::string(64, 'g')), "is not 64 hexadecimal digits"},
          {agent("MD5:x", ""), "'' is not 32 hexadecimal digits"},
          {"model_repository_agents { agents { name: 'checksum' } agents { name: 'relocate' } }",
           "agent 'relocate' is not supported"},
      },
      std::string(kTensors));
  EXPECT_EQ(LoadError(std::string(kTensors) + agent("MD5:x", md5)), "");
  EXPECT_EQ(LoadError(std::string(kTensors) + agent("SHA256:a/b", sha256)), "");
  EXPECT_EQ(
      LoadError(std::string(kTensors) + "model_repository_agents { agents { name: 'checksum' } }"),
      "");
}

TEST(Checks, OfWhatIsLegalButDoesNothing) {
  for (const char* text :
       {"name: 'm'", "backend: 'hadron'", "backend: 'onnxruntime'", "platform: 'onnxruntime_onnx'",
        "response_cache { enable: false }", "response_cache { enable: true }",
        "model_transaction_policy { decoupled: false }", "model_operations { }",
        "cc_model_filenames { key: '7.5' value: 'x' }", "runtime: 'x'", "dynamic_batching { }",
        "sequence_batching { } dynamic_batching { }"}) {
    const std::string error = LoadError(std::string(kTensors) + text);
    EXPECT_EQ(error.empty(), std::string_view(text).find("sequence") == std::string_view::npos)
        << text << error;
  }
}

TEST(Checks, OfTensors) {
  const std::string y = "output { name: 'y' data_type: TYPE_FP32 dims: 1 } ";
  const std::string x = "input { name: 'x' data_type: TYPE_FP32 dims: 1 } ";
  ExpectErrorsAlone({
      {y + "input { data_type: TYPE_FP32 dims: 1 }", "model input must specify 'name'"},
      {y + "input { name: 'x' dims: 1 }", "model input 'x': must specify 'data_type'"},
      {y + "input { name: 'x' data_type: TYPE_FP32 }", "model input 'x': must specify 'dims'"},
      {y + "input { name: 'x' data_type: TYPE_FP32 dims: 0 }", "dims [0] must be >= 1, or -1"},
      {y + "input { name: 'x' data_type: TYPE_FP32 dims: -2 }", "dims [-2]"},
      {y + "input { name: 'x' data_type: TYPE_FP32 dims: [ 4294967296, 4294967296 ] }",
       "more bytes than can be counted"},
      {y + x + x, "model input 'x' is given twice"},
      {x + y + y, "model output 'y' is given twice"},
      {y + "input { name: 'x' data_type: TYPE_FP32 dims: 1 format: FORMAT_NCHW }",
       "format NHWC/NCHW requires 3 dims"},
      {y + "input { name: 'x' data_type: TYPE_FP32 dims: 1 is_shape_tensor: true }",
       "shape tensors are only supported for TensorRT platform"},
      {y + "input { name: 'x' data_type: TYPE_FP32 dims: 1 is_non_linear_format_io: true }",
       "is_non_linear_format_io"},
      {y + "input { name: 'x' data_type: TYPE_FP32 dims: 4 optional: true reshape { shape: 4 } }",
       "UNIMPLEMENTED: model input 'x': optional"},
      {y + "input { name: 'x' data_type: TYPE_FP32 dims: 4 reshape { shape: 5 } }",
       "reshape [5] does not hold as many elements as dims [4]"},
      {y + "input { name: 'x' data_type: TYPE_FP32 dims: 1 reshape { } }",
       "an empty reshape needs max_batch_size > 0"},
      {y + "input { name: 'x' data_type: TYPE_FP32 dims: 4 reshape { shape: [ 4, 0 ] } }",
       "reshape [4,0] must be >= 1"},
      {x + "output { name: 'y' data_type: TYPE_FP32 dims: 1 is_shape_tensor: true }",
       "shape tensors"},
      {x + "output { name: 'y' data_type: TYPE_FP32 dims: 1 label_filename: '../l' }",
       "label_filename '../l' must be a relative path"},
      {x, "must specify 'output' (there is no model file)"},
      {y, "must specify 'input' (there is no model file)"},
  });
}

TEST(Checks, OfRaggedBatches) {
  const std::string made = "batch_input { data_type: TYPE_INT32 source_input: 'x' target_name: ";
  const std::string apart = "batch_output { source_input: 'x' target_name: ";
  const std::string batched = std::string(kTensors) + "max_batch_size: 8 ";
  ExpectErrors(
      {
          {"batch_input { target_name: 't' data_type: TYPE_INT32 }", "exactly one 'source_input'"},
          {made + "'t' source_input: 'y' }", "exactly one 'source_input'"},
          {"batch_input { data_type: TYPE_INT32 source_input: 'q' target_name: 't' }",
           "batch_input: source_input 'q' is no input"},
          {"batch_input { data_type: TYPE_INT64 source_input: 'x' target_name: 't' }",
           "TYPE_INT32 or TYPE_FP32"},
          {"batch_input { data_type: TYPE_FP32 source_input: 'x' }", "must specify 'target_name'"},
          {made + "'x' }", "target 'x' may not be listed as input"},
          {made + "'t' } " + made + "'t' }", "batch_input: target 't' is named twice"},
          {made + "'c' } sequence_batching { control_input { name: 'c' control { "
                  "int32_false_true: [ 0, 1 ] } } }",
           "target 'c' may not be listed as input"},
          {made + "'s' } sequence_batching { state { input_name: 's' output_name: 'o' "
                  "data_type: TYPE_FP32 dims: 1 } }",
           "target 's' may not be listed as input"},
          {apart + "'q' }", "target 'q' is no output"},
          {apart + "'y' target_name: 'y' }", "target 'y' is named twice"},
          {"batch_output { source_input: 'x' }", "must specify 'target_name'"},
          {"batch_output { target_name: 'y' }", "exactly one 'source_input'"},
          {"output { name: 'z' data_type: TYPE_FP32 dims: [ 2, -1 ] } " + apart + "'z' }",
           "target 'z' of shape [2,-1] has the size -1 where its source_input 'x' of shape [4]"},
          {"input { name: 'r' data_type: TYPE_FP32 dims: 1 allow_ragged_batch: true "
           "optional: true }",
           "model input 'r': optional may not be combined with allow_ragged_batch"},
      },
      batched);
  for (const std::string& text :
       {made + "'t' }", apart + "'y' }",
        std::string("input { name: 'r' data_type: TYPE_FP32 dims: 1 allow_ragged_batch: true }")}) {
    EXPECT_EQ(LoadError(batched + text), "");
    EXPECT_NE(LoadError(std::string(kTensors) + text).find("need max_batch_size > 0"),
              std::string::npos);
    EXPECT_NE(LoadError("platform: 'ensemble' " + batched + text +
                        " ensemble_scheduling { step { model_name: 'a' model_version: -1 "
                        "input_map { key: 'x' value: 'x' } output_map { key: 'y' value: 'y' } } }")
                  .find("may not be set for an ensemble"),
              std::string::npos);
  }
}

TEST(Checks, OfDynamicBatching) {
  const std::string head = "dynamic_batching { ";
  ExpectErrors(
      {
          {head + "preferred_batch_size: 9 }", "preferred_batch_size 9 must be between 1 and"},
          {head + "preferred_batch_size: 0 }", "preferred_batch_size 0"},
          {head + "priority_levels: 2 }", "default_priority_level 0 must be between 1"},
          {head + "priority_levels: 2 default_priority_level: 3 }", "default_priority_level 3"},
          {head + "priority_queue_policy { key: 1 value { } } }", "has key 1"},
          {head + "priority_levels: 2 default_priority_level: 1 "
                  "priority_queue_policy { key: 3 value { } } }",
           "has key 3"},
          {head + "preserve_ordering: true priority_levels: 2 default_priority_level: 1 }",
           "one priority level only"},
          {head + "preserve_ordering: true default_queue_policy { timeout_action: DELAY "
                  "default_timeout_microseconds: 1 } }",
           "forbids timeout_action DELAY"},
      },
      std::string(kTensors) + "max_batch_size: 8 ");
  EXPECT_EQ(LoadError(std::string(kTensors) + "dynamic_batching { preserve_ordering: true "
                                              "default_queue_policy { timeout_action: DELAY } }"),
            "");
  EXPECT_NE(LoadError(std::string(kTensors) + "dynamic_batching { preferred_batch_size: 1 }"), "");
}

TEST(Checks, OfSequenceBatching) {
  const std::string head = "sequence_batching { ";
  const std::string control = head + "control_input { name: 'c' control ";
  const std::string state = head + "state { input_name: 'i' output_name: 'o' data_type: TYPE_FP32 ";
  ExpectErrorsAlone({
      {head + "iterative_sequence: true }", "INVALID_ARGUMENT: sequence_batching: iterative"},
      {head + "direct { minimum_slot_utilization: 1.5 } }", "minimum_slot_utilization"},
      {head + "oldest { preferred_batch_size: 1 } }", "oldest.preferred_batch_size 1"},
      {head + "oldest { max_candidate_sequences: -1 } }", "max_candidate_sequences"},
      {head + "control_input { } }", "control_input must specify 'name'"},
      {std::string(kTensors) + head + "control_input { name: 'x' } }",
       "control_input 'x' may not be listed as input"},
      {control + "{ } }}", "CONTROL_SEQUENCE_START needs exactly one of"},
      {control + "{ int32_false_true: 0 } }}", "with two values"},
      {control + "{ int32_false_true: [ 0, 1 ] fp32_false_true: [ 0, 1 ] } }}", "exactly one of"},
      {control + "{ int32_false_true: [ 0, 1 ] } control { bool_false_true: [ 0, 1 ] } }}",
       "CONTROL_SEQUENCE_START appears twice"},
      {control + "{ kind: CONTROL_SEQUENCE_CORRID } }}", "CONTROL_SEQUENCE_CORRID needs data_type"},
      {control + "{ kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_FP32 } }}", "needs data_type"},
      {control + "{ kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 int32_false_true: 1 } }}",
       "may not have a false/true pair"},
      {head + "control_input { name: 'c' } }", "control_input 'c' needs a control"},
      {control + "{ int32_false_true: [ 0, 1 ] } control { kind: CONTROL_SEQUENCE_END "
                 "int32_false_true: [ 0, 1 ] } }}",
       "control_input 'c' has 2 controls"},
      {control + "{ int32_false_true: [ 0, 1 ] } } control_input { name: 'c' } }",
       "control_input 'c' is given twice"},
      {head + "state { } }", "must specify 'input_name' and 'output_name'"},
      {state + "} }", "must specify 'data_type' and 'dims'"},
      {state + "dims: 0 } }", "dims must be >= 1, or -1"},
      {state + "dims: 1 } state { input_name: 'i' output_name: 'p' } }",
       "state 'i': input_name is used by another"},
      {std::string(kTensors) + head +
           "state { input_name: 'x' output_name: 'o' data_type: TYPE_FP32 dims: 1 } }",
       "state 'x' may not be listed as input"},
      {state + "dims: [ 65536, 65536 ] } }", "more than the 1 GiB"},
      {state + "dims: 1 initial_state { } } }", "initial_state must specify 'name'"},
      {state + "dims: -1 initial_state { name: 's' data_type: TYPE_FP32 dims: -1 } } }",
       "without -1"},
      {state + "dims: 2 initial_state { name: 's' data_type: TYPE_FP32 dims: 3 } } }",
       "the state's data_type and dims"},
      {state + "dims: 2 initial_state { name: 's' data_type: TYPE_FP32 dims: 2 } } }",
       "zero_data or data_file"},
      {state + "dims: 2 initial_state { name: 's' data_type: TYPE_FP32 dims: 2 "
               "data_file: '../x' } } }",
       "initial_state.data_file"},
  });
  const std::string whole = std::string(kTensors);
  for (const std::string& good :
       {head + "}", control + "{ kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_STRING } }}",
        state + "dims: -1 initial_state { name: 's' data_type: TYPE_FP32 dims: 2 zero_data: true "
                "} } }"}) {
    EXPECT_EQ(LoadError(whole + good), "") << good;
  }
}

std::string Ensemble(const std::string& steps, const std::string& extra = "") {
  return "platform: 'ensemble' " + std::string(kTensors) + extra + " ensemble_scheduling { " +
         steps + " }";
}

std::string Step(const std::string& from, const std::string& to, const std::string& extra = "") {
  return "step { model_name: 'a' input_map { key: 'i' value: '" + from +
         "' } output_map { key: 'o' value: '" + to + "' } " + extra + "} ";
}

TEST(Checks, OfEnsembles) {
  ExpectErrorsAlone({
      {Ensemble(Step("x", "y", "model_version: -2")), "step[0]: model_version is -2"},
      {Ensemble(Step("x", "y"), "output { name: 'x' data_type: TYPE_FP32 dims: 4 }"),
       "output 'x' is written by no step"},
      {Ensemble(""), "needs at least one step"},
      {Ensemble(Step("x", "y"), "backend: 'onnxruntime'"), "backend must be empty"},
      {Ensemble(Step("x", "y"), "instance_group { }"), "instance_group may not be set"},
      {Ensemble(Step("x", "y"), "optimization { }"), "optimization may not be set"},
      {Ensemble(Step("x", "y"), "model_warmup { }"), "model_warmup may not be set"},
      {"platform: 'ensemble'", "needs both platform"},
      {"ensemble_scheduling { }", "needs both platform"},
      {Ensemble("step { }"), "step[0]: must specify 'model_name'"},
      {Ensemble("step { model_name: 'a' }"), "must specify 'input_map' and 'output_map'"},
      {Ensemble(Step("x", "y", "model_namespace: 'n'")), "model_namespace is not supported"},
      {Ensemble(Step("x", "y") + Step("x", "y")), "step[1]: writes tensor 'y' a second time"},
      {Ensemble(Step("x", "x")), "writes tensor 'x' a second time"},
      {Ensemble(Step("q", "y")), "tensor 'q' is written by nothing"},
      {Ensemble(Step("x", "t")), "output 'y' is written by no step"},
      {Ensemble(Step("x", "y") + Step("x", "t")), "tensor 't' is used by nothing"},
      {Ensemble(Step("x", "y"), "input { name: 'z' }"), "tensor 'z' is used by nothing"},
      {Ensemble(Step("x", "y") + Step("u", "t") + Step("t", "u")), "depend on each other"},
  });
}

TEST(Checks, OfInstanceGroups) {
  ExpectErrors(
      {
          {"instance_group { kind: KIND_GPU }",
           "instance group 'm_0' of model 'm' has kind KIND_GPU but no GPUs are available"},
          {"instance_group { kind: KIND_CPU gpus: 0 }", "KIND_CPU and may not list gpus"},
          {"instance_group { name: 'g' kind: KIND_MODEL gpus: 0 }", "instance group 'g'"},
          {"instance_group { profile: 'p' }", "profile is only for TensorRT"},
      },
      std::string(kTensors));
}

TEST(Checks, OfWarmupOfSequences) {
  const std::string text =
      std::string(kTensors) +
      "max_batch_size: 2 sequence_batching { control_input { name: 'c' control { "
      "int32_false_true: [ 0, 1 ] } } state { input_name: 's' output_name: 't' "
      "data_type: TYPE_FP32 dims: 1 } } model_warmup { name: 'w' batch_size: 1 "
      "inputs { key: 'x' value { data_type: TYPE_FP32 dims: 4 zero_data: true } } ";
  EXPECT_EQ(LoadError(text + "}"), "");
  for (const char* name : {"c", "s"}) {
    const std::string input = std::string("inputs { key: '") + name + "' value { ";
    EXPECT_EQ(LoadError(text + input + "data_type: TYPE_INT32 dims: 1 zero_data: true } } }"), "");
    EXPECT_NE(LoadError(text + input + "dims: 1 zero_data: true } } }").find("'data_type'"),
              std::string::npos);
  }
  EXPECT_NE(LoadError(text + "inputs { key: 't' value { data_type: TYPE_FP32 dims: 1 "
                             "zero_data: true } } }")
                .find("input 't': the model has no such input"),
            std::string::npos);
}

TEST(Checks, OfWarmup) {
  const std::string input = "inputs { key: 'x' value { data_type: TYPE_FP32 dims: 4 ";
  ExpectErrors(
      {
          {"model_warmup { name: 'w' batch_size: 9 " + input + "zero_data: true } } }",
           "model_warmup 'w': batch_size 9 exceeds 8"},
          {"model_warmup { name: 'w' }", "input 'x' is missing"},
          {"model_warmup { " + input + "} } }", "needs one of zero_data"},
          {"model_warmup { " + input + "input_data_file: '/a' } } }", "input_data_file '/a'"},
          {"model_warmup { inputs { key: 'q' value { } } }", "input 'q': the model has no such"},
          {"model_warmup { inputs { key: 'x' value { data_type: TYPE_INT8 } } }",
           "data_type must be TYPE_FP32"},
          {"model_warmup { inputs { key: 'x' value { data_type: TYPE_FP32 dims: -1 } } }",
           "dims [-1] must be >= 1"},
      },
      std::string(kTensors) + "max_batch_size: 8 ");
}

TEST(Checks, CutLongNames) {
  const std::string error = LoadError("name: '" + std::string(100'000, 'n') + "'");
  EXPECT_LT(error.size(), 400U);
}

}  // namespace
}  // namespace hadron::config
