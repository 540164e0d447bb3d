#include "cpp/rest_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "cpp/tensor_json.h"

namespace hadron::client::rest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Tensor Bytes(std::string name, std::string datatype, std::vector<std::int64_t> shape,
             std::size_t count) {
  return {.name = std::move(name),
          .datatype = std::move(datatype),
          .shape = std::move(shape),
          .bytes = std::vector<std::byte>(count, std::byte{1}),
          .strings = {}};
}

TEST(EncodeInfer, PutsBinaryTensorsBehindTheHeader) {
  InferRequest request;
  request.model = "m";
  request.id = "7";
  request.inputs = {Bytes("a", "INT16", {1, 2}, 4)};
  request.inputs.push_back({"s", "BYTES", {2}, {}, {"xy", ""}});
  request.outputs = {{"p", 0}, {"q", 3}};
  const auto body = EncodeInfer(request);
  ASSERT_TRUE(body.ok()) << body.message();
  const std::string text = body->body.ToString();
  EXPECT_EQ(text.substr(body->header_bytes), std::string("\1\1\1\1\2\0\0\0xy\0\0\0\0", 14));
  const auto json = json::Parse(text.substr(0, body->header_bytes));
  ASSERT_TRUE(json.ok()) << json.message();
  EXPECT_EQ(json->StringAt("id"), "7");
  const json::Array& inputs = *json->Find("inputs")->AsArray();
  EXPECT_EQ(inputs[0].Find("parameters")->Find("binary_data_size")->AsInt64(), 4);
  EXPECT_EQ(inputs[1].Find("parameters")->Find("binary_data_size")->AsInt64(), 10);
  const json::Array& outputs = *json->Find("outputs")->AsArray();
  EXPECT_EQ(outputs[0].Find("parameters")->Find("classification"), nullptr);
  EXPECT_EQ(outputs[1].Find("parameters")->Find("classification")->AsInt64(), 3);
}

TEST(EncodeInfer, ContentMustFillTheShape) {
  for (Tensor tensor : {Bytes("a", "FP32", {2}, 7), Bytes("a", "FP33", {2}, 8),
                        Bytes("a", "FP32", {-1}, 4), Bytes("a", "BYTES", {2}, 8)}) {
    InferRequest request;
    request.inputs = {std::move(tensor)};
    EXPECT_FALSE(EncodeInfer(request).ok());
  }
}

TEST(DecodeInfer, ReadsBinaryAndJsonOutputs) {
  const std::string header =
      R"({"model_name":"m","model_version":"1","outputs":[)"
      R"({"name":"a","datatype":"INT16","shape":[2],"parameters":{"binary_data_size":4}},)"
      R"({"name":"b","datatype":"FP32","shape":[1,2],"data":[1.5,NaN]},)"
      R"({"name":"s","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":6}}]})";
  const auto response = DecodeInfer(header + std::string("\1\0\2\0\2\0\0\0xy", 10), header.size());
  ASSERT_TRUE(response.ok()) << response.message();
  EXPECT_EQ(response->model, "m");
  ASSERT_EQ(response->outputs.size(), 3U);
  EXPECT_THAT(ToDoubles(response->outputs[0].bytes, tensor::DataType::kInt16), ElementsAre(1, 2));
  EXPECT_EQ(response->outputs[1].bytes.size(), 8U);
  EXPECT_THAT(response->outputs[2].strings, ElementsAre("xy"));
}

TEST(DecodeInfer, HostileAnswersAreRefused) {
  const std::vector<std::string> outputs = {
      R"({"name":"a","datatype":"INT16","shape":[2],"parameters":{"binary_data_size":5}})",
      R"({"name":"a","datatype":"INT16","shape":[3],"parameters":{"binary_data_size":4}})",
      R"({"name":"a","datatype":"INT16","shape":[-2],"parameters":{"binary_data_size":4}})",
      R"({"name":"a","datatype":"INT16","shape":[2],"parameters":{"binary_data_size":-4}})",
      R"({"name":"a","datatype":"INT16","shape":[2],"parameters":{"binary_data_size":1e9}})",
      R"({"name":"a","datatype":"NONE","shape":[2],"parameters":{"binary_data_size":4}})",
      R"({"name":"a","datatype":"BYTES","shape":[4611686018427387904],"parameters":{"binary_data_size":4}})",
      R"({"name":"a","datatype":"FP64","shape":[4611686018427387904],"parameters":{"binary_data_size":0}})",
      R"({"name":"a","datatype":"INT16","parameters":{"binary_data_size":4}})",
      R"({"name":"a","datatype":"INT16","shape":"x","data":[1]})",
      R"({"name":"a","datatype":"INT16","shape":[2],"data":[1]})",
      R"({"name":"a","datatype":"INT16","shape":[2]})",
      R"(7)",
  };
  for (const std::string& output : outputs) {
    const std::string header = "{\"outputs\":[" + output + "]}";
    EXPECT_FALSE(DecodeInfer(header + "\1\1\1\1", header.size()).ok()) << output;
  }
  EXPECT_FALSE(DecodeInfer("{}", std::nullopt).ok());
  EXPECT_FALSE(DecodeInfer("{}", 3).ok());
  EXPECT_FALSE(DecodeInfer("", 0).ok());
}

TEST(DecodeModelMetadata, ReadsTensorsAndProperties) {
  const auto metadata = DecodeModelMetadata(*json::Parse(
      R"({"name":"m","versions":["1","2"],"platform":"p","inputs":[{"name":"x","datatype":"FP32",)"
      R"("shape":[-1,3]}],"outputs":[],"properties":{"device":"cpu","n":3}})"));
  ASSERT_TRUE(metadata.ok()) << metadata.message();
  EXPECT_THAT(metadata->versions, ElementsAre("1", "2"));
  EXPECT_EQ(metadata->inputs[0].shape, (std::vector<std::int64_t>{-1, 3}));
  EXPECT_EQ(metadata->properties.at("device"), "cpu");
  EXPECT_FALSE(DecodeModelMetadata(*json::Parse("[]")).ok());
}

TEST(DecodeStatistics, ReadsDurations) {
  const auto statistics = DecodeStatistics(
      *json::Parse(R"({"model_stats":[{"name":"m","version":"1","inference_count":5,)"
                   R"("inference_stats":{"success":{"count":4,"ns":18446744073709551615}}}]})"));
  ASSERT_TRUE(statistics.ok());
  EXPECT_EQ((*statistics)[0].inference_count, 5U);
  EXPECT_EQ((*statistics)[0].durations.at("success").ns, UINT64_MAX);
  EXPECT_FALSE(DecodeStatistics(*json::Parse("{}")).ok());
}

TEST(ErrorText, TakesTheErrorMemberOrTheText) {
  EXPECT_EQ(ErrorText(404, R"({"error":"no such model"})"), "no such model");
  EXPECT_THAT(ErrorText(502, "<html>Bad Gateway"), HasSubstr("HTTP status 502: <html>"));
}

}  // namespace
}  // namespace hadron::client::rest
