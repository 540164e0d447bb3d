#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "grpc_service.pb.h"
#include "protocol/rpc/infer_exchange.h"
#include "protocol/rpc/infer_message.h"

namespace hadron::protocol::rpc {
namespace {

using base::IoBuf;
using ::inference::ModelInferRequest;

IoBuf Chain(const std::string& text, std::size_t piece) {
  IoBuf chain;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    chain.Append(IoBuf::FromString(text.substr(at, piece)));
  }
  return chain;
}

/// A request that uses every field.
ModelInferRequest FullRequest() {
  ModelInferRequest request;
  request.set_model_name("simple");
  request.set_model_version("3");
  request.set_id("id-\xc3\xa4");
  (*request.mutable_parameters())["flag"].set_bool_param(true);
  (*request.mutable_parameters())["number"].set_int64_param(-7);
  (*request.mutable_parameters())["text"].set_string_param("hello");
  (*request.mutable_parameters())["real"].set_double_param(2.5);
  (*request.mutable_parameters())["big"].set_uint64_param(1ULL << 63U);
  (*request.mutable_parameters())["none"];
  for (const char* name : {"INPUT0", "INPUT1"}) {
    auto& input = *request.add_inputs();
    input.set_name(name);
    input.set_datatype("FP32");
    for (const std::int64_t dim : {1, 300, -1}) input.add_shape(dim);
    (*input.mutable_parameters())["shared_memory_offset"].set_int64_param(5);
    input.mutable_contents()->add_fp32_contents(1.5F);
  }
  auto& output = *request.add_outputs();
  output.set_name("OUTPUT0");
  (*output.mutable_parameters())["classification"].set_int64_param(3);
  request.add_raw_input_contents(std::string(70, 'r'));
  request.add_raw_input_contents("");
  return request;
}

std::string Show(const serving::ParameterValue& value) {
  return std::visit(
             [](const auto& v) {
               if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::string>)
                 return "s:" + v;
               else
                 return std::to_string(v);
             },
             value) +
         "/" + std::to_string(value.index());
}

std::string Show(const ::inference::InferParameter& value) {
  using P = ::inference::InferParameter;
  switch (value.parameter_choice_case()) {
    case P::kBoolParam:
      return Show(serving::ParameterValue(value.bool_param()));
    case P::kInt64Param:
      return Show(serving::ParameterValue(std::int64_t{value.int64_param()}));
    case P::kUint64Param:
      return Show(serving::ParameterValue(std::uint64_t{value.uint64_param()}));
    case P::kDoubleParam:
      return Show(serving::ParameterValue(value.double_param()));
    case P::kStringParam:
      return Show(serving::ParameterValue(value.string_param()));
    default:
      return "none";
  }
}

using Shown = std::map<std::string, std::string>;

Shown Show(const ParameterFields& parameters) {
  Shown shown;
  for (const ParameterField& p : parameters) shown[p.key] = p.value ? Show(*p.value) : "none";
  return shown;
}

template <typename Map>
Shown ShowMap(const Map& parameters) {
  Shown shown;
  for (const auto& [key, value] : parameters) shown[key] = Show(value);
  return shown;
}

void ExpectSame(const InferMessage& ours, const ModelInferRequest& theirs) {
  EXPECT_EQ(ours.model_name, theirs.model_name());
  EXPECT_EQ(ours.model_version, theirs.model_version());
  EXPECT_EQ(ours.id, theirs.id());
  EXPECT_EQ(Show(ours.parameters), ShowMap(theirs.parameters()));
  ASSERT_EQ(ours.inputs.size(), static_cast<std::size_t>(theirs.inputs_size()));
  for (int i = 0; i < theirs.inputs_size(); ++i) {
    const InputField& input = ours.inputs[static_cast<std::size_t>(i)];
    EXPECT_EQ(input.name, theirs.inputs(i).name());
    EXPECT_EQ(input.datatype, theirs.inputs(i).datatype());
    EXPECT_TRUE(std::equal(input.shape.begin(), input.shape.end(), theirs.inputs(i).shape().begin(),
                           theirs.inputs(i).shape().end()));
    EXPECT_EQ(Show(input.parameters), ShowMap(theirs.inputs(i).parameters()));
    EXPECT_EQ(input.contents.has_value(), theirs.inputs(i).has_contents());
  }
  ASSERT_EQ(ours.outputs.size(), static_cast<std::size_t>(theirs.outputs_size()));
  for (int i = 0; i < theirs.outputs_size(); ++i) {
    EXPECT_EQ(ours.outputs[static_cast<std::size_t>(i)].name, theirs.outputs(i).name());
  }
  ASSERT_EQ(ours.raw_inputs.size(), static_cast<std::size_t>(theirs.raw_input_contents_size()));
  for (int i = 0; i < theirs.raw_input_contents_size(); ++i) {
    EXPECT_EQ(ours.raw_inputs[static_cast<std::size_t>(i)].ToString(),
              theirs.raw_input_contents(i));
  }
}

TEST(DecodeInferMessage, ReadsWhatTheGeneratedClassWrites) {
  const ModelInferRequest request = FullRequest();
  const std::string wire = request.SerializeAsString();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, wire.size()}) {
    InferMessage message;
    const IoBuf chain = Chain(wire, piece);
    const base::Status status = DecodeInferMessage(chain, message);
    ASSERT_TRUE(status.ok()) << status.ToString();
    ExpectSame(message, request);
  }
}

TEST(DecodeInferMessage, TakesUnpackedShapesAndJoinsFieldsThatComeTwice) {
  // inputs { name: "a" name: "b" shape: 5 shape: [6, 7] contents {1: [1]} contents {1: [0]} }
  const std::string input = std::string("\x0a\x01") + "a" + "\x0a\x01" + "b" + "\x18\x05" +
                            "\x1a\x02\x06\x07" + "\x2a\x03\x0a\x01\x01" +
                            std::string("\x2a\x03\x0a\x01\x00", 5);
  const std::string wire = "\x2a" + std::string(1, static_cast<char>(input.size())) + input;
  InferMessage message;
  ASSERT_TRUE(DecodeInferMessage(IoBuf::FromString(wire), message).ok());
  ModelInferRequest theirs;
  ASSERT_TRUE(theirs.ParseFromString(wire));
  ExpectSame(message, theirs);
  EXPECT_EQ(message.inputs[0].contents->size(), 6U);
}

TEST(DecodeInferMessage, ChecksEveryTruncation) {
  const std::string wire = FullRequest().SerializeAsString();
  for (std::size_t length = 0; length < wire.size(); ++length) {
    const std::string cut = wire.substr(0, length);
    InferMessage message;
    const IoBuf chain = Chain(cut, 16);
    const base::Status status = DecodeInferMessage(chain, message);
    ModelInferRequest theirs;
    ASSERT_EQ(status.ok(), theirs.ParseFromString(cut)) << length << " " << status.ToString();
    if (!status.ok()) {
      EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument);
    }
  }
}

/// Ours is stricter in known ways: groups are refused, and so are very long names. It is never more
/// lenient, and where both accept, both have read the same.
TEST(DecodeInferMessage, AgreesWithTheGeneratedClassOnMutations) {
  const std::string wire = FullRequest().SerializeAsString();
  std::mt19937 random(7);
  int accepted = 0;
  for (int round = 0; round < 10'000; ++round) {
    std::string mutated = wire;
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < changes; ++i) {
      const std::size_t at = random() % mutated.size();
      switch (random() % 3) {
        case 0:
          mutated[at] = static_cast<char>(random());
          break;
        case 1:
          mutated.erase(at, 1 + random() % 3);
          break;
        default:
          mutated.insert(at, 1, static_cast<char>(random()));
          break;
      }
      if (mutated.empty()) mutated = "x";
    }
    InferMessage message;
    const IoBuf chain = Chain(mutated, 1 + random() % 32);
    const base::Status status = DecodeInferMessage(chain, message);
    ModelInferRequest theirs;
    const bool parsed = theirs.ParseFromString(mutated);
    if (!status.ok()) {
      EXPECT_LT(status.message().size(), 300U);
      continue;
    }
    if (!parsed) {  // typed contents are looked at later, when the type is known
      ASSERT_TRUE(std::any_of(message.inputs.begin(), message.inputs.end(),
                              [](const InputField& input) { return input.contents.has_value(); }))
          << "round " << round;
      continue;
    }
    ++accepted;
    ExpectSame(message, theirs);
    if (HasFatalFailure() || HasNonfatalFailure()) FAIL() << "round " << round;
  }
  EXPECT_GT(accepted, 500);
}

TEST(DecodeInferMessage, RefusesGroupsAtAnyDepth) {
  InferMessage message;
  std::string nested;
  for (int i = 0; i < 100'000; ++i) nested += '\x0b';
  EXPECT_FALSE(DecodeInferMessage(IoBuf::FromString(nested), message).ok());
  const std::string inside = "\x2a\x02\x0b\x0c";
  const base::Status status = DecodeInferMessage(IoBuf::FromString(inside), message);
  EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("wire type 3"), std::string::npos) << status.message();
}

TEST(DecodeInferMessage, BoundsHowManyThingsAMessageHolds) {
  for (const char* empty_item : {"\x22", "\x2a", "\x32", "\x3a"}) {
    std::string wire;
    for (std::size_t i = 0; i <= InferMessage::kMaxItems; ++i) {
      wire += empty_item;
      wire += '\0';
    }
    InferMessage message;
    EXPECT_TRUE(DecodeInferMessage(IoBuf::FromString(wire.substr(2)), message).ok());
    InferMessage too_many;
    const base::Status status = DecodeInferMessage(IoBuf::FromString(wire), too_many);
    EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("more than"), std::string::npos);
  }
}

TEST(EncodeStreamFailure, IsReadByTheGeneratedClass) {
  InferAnswer answer;
  answer.id = "42";
  const IoBuf wire = EncodeStreamFailure(answer, true, base::NotFound("no \xff such thing"));
  ::inference::ModelStreamInferResponse theirs;
  ASSERT_TRUE(theirs.ParseFromString(wire.ToString()));
  EXPECT_EQ(theirs.error_message(), "no ? such thing");
  EXPECT_EQ(theirs.infer_response().id(), "42");
  EXPECT_EQ(theirs.infer_response().outputs_size(), 0);
}

TEST(WireText, CutsLongTextsAndKeepsUtf8) {
  EXPECT_EQ(WireText(base::NotFound("k\xc3\xa4se")), "k\xc3\xa4se");
  const std::string text = WireText(base::NotFound(std::string(5000, 'x')));
  EXPECT_LT(text.size(), 2100U);
  EXPECT_TRUE(text.ends_with("..."));
  std::string umlauts;
  for (int i = 0; i < 2000; ++i) umlauts += "\xc3\xa4";
  EXPECT_EQ(WireText(base::NotFound(umlauts)).find('\xc3'), std::string::npos);
}

}  // namespace
}  // namespace hadron::protocol::rpc
