#include "protocol/rest/infer_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/bytes.h"
#include "net/compression.h"
#include "tensor/string_tensor.h"
#include "unit/protocol/fake_models.h"

namespace hadron::protocol {
namespace {

using serving::InferenceResponse;
using tensor::DataType;
using tensor::HostTensor;
using testing::HasSubstr;

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 30;

net::HttpRequest Http(std::string body) {
  net::HttpRequest request;
  request.method = "POST";
  request.body = base::IoBuf::FromString(std::move(body));
  request.cancelled = std::make_shared<std::atomic<bool>>(false);
  return request;
}

/// JSON with binary tensors behind it.
net::HttpRequest Mixed(const std::string& json, const std::string& binary) {
  net::HttpRequest request = Http(json + binary);
  request.headers.Add("Inference-Header-Content-Length", std::to_string(json.size()));
  return request;
}

std::optional<std::string> Header(const net::HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string Sixteen(const std::string& element) {
  std::string text = "[" + element;
  for (int i = 1; i < 16; ++i) text += "," + element;
  return text + "]";
}

TEST(DecodeInfer, ReadsJsonTensors) {
  auto decoded = DecodeInfer(
      Http(R"({"id":"x","inputs":[{"name":"INPUT1","shape":[1,16],"datatype":"INT32","data":)" +
           Sixteen("2") + R"(},{"name":"INPUT0","shape":[1,16],"datatype":"INT32","data":)" +
           Sixteen("-1") + R"(}],"parameters":{"priority":2,"timeout":10,"custom":"c"}})"),
      SimpleModel(), kPlenty);
  ASSERT_TRUE(decoded.ok()) << decoded.message();
  const serving::InferenceRequest& request = decoded->request;
  EXPECT_EQ(request.id, "x");
  EXPECT_EQ(request.priority, 2U);
  EXPECT_EQ(request.timeout_us, 10U);
  EXPECT_EQ(std::get<std::string>(request.parameters.at("custom")), "c");
  EXPECT_EQ(ValuesOf<std::int32_t>(request.inputs[0].bytes), std::vector<std::int32_t>(16, -1));
  EXPECT_NE(request.cancelled, nullptr);
}

TEST(DecodeInfer, BinaryTensorsPointIntoTheBody) {
  const net::HttpRequest http =
      Mixed(R"({"inputs":[{"name":"INPUT0","shape":[1,16],"datatype":"INT32",
               "parameters":{"binary_data_size":64}},
              {"name":"INPUT1","shape":[1,16],"datatype":"INT32","data":)" +
                Sixteen("3") + "}]}",
            std::string(64, '\1'));
  auto decoded = DecodeInfer(http, SimpleModel(), kPlenty);
  ASSERT_TRUE(decoded.ok()) << decoded.message();
  const auto input = decoded->request.inputs[0].bytes.bytes();
  const auto body = http.body.bytes();
  EXPECT_EQ(input.data(), body.data() + body.size() - 64);
  EXPECT_EQ(input.size(), 64U);
}

TEST(DecodeInfer, BodyMayBeAChain) {
  const net::HttpRequest whole =
      Mixed(R"({"inputs":[{"name":"INPUT0","shape":[1,2],"datatype":"FP16",
               "parameters":{"binary_data_size":4}}],"parameters":{"binary_data_output":true}})",
            "abcd");
  net::HttpRequest pieces = whole;
  pieces.body = {};
  for (std::size_t i = 0; i < whole.body.size(); ++i) pieces.body.Append(whole.body.Sub(i, 1));
  auto decoded = DecodeInfer(pieces, IdentityModel(DataType::kFp16), kPlenty);
  ASSERT_TRUE(decoded.ok()) << decoded.message();
  EXPECT_EQ(decoded->request.inputs[0].bytes.ToString(), "abcd");
}

TEST(DecodeInfer, OutputsInheritBinaryDataOutput) {
  const std::string inputs =
      R"("inputs":[{"name":"INPUT0","shape":[1,16],"datatype":"INT32","data":)" + Sixteen("1") +
      R"(},{"name":"INPUT1","shape":[1,16],"datatype":"INT32","data":)" + Sixteen("1") + "}]";
  auto decoded =
      DecodeInfer(Http("{" + inputs +
                       R"(,"parameters":{"binary_data_output":true},"outputs":[{"name":"OUTPUT1"},
            {"name":"OUTPUT0","parameters":{"binary_data":false}}]})"),
                  SimpleModel(), kPlenty);
  ASSERT_TRUE(decoded.ok()) << decoded.message();
  EXPECT_TRUE(decoded->form.Of("OUTPUT1").binary);
  EXPECT_FALSE(decoded->form.Of("OUTPUT0").binary);
  EXPECT_EQ(decoded->request.requested_outputs, (std::vector<std::string>{"OUTPUT0", "OUTPUT1"}));
  auto all = DecodeInfer(Http("{" + inputs + R"(,"outputs":[]})"), SimpleModel(), kPlenty);
  ASSERT_TRUE(all.ok());
  EXPECT_TRUE(all->request.requested_outputs.empty());
  EXPECT_FALSE(all->form.Of("OUTPUT0").binary);
}

TEST(DecodeInfer, RawBodyIsTheTensor) {
  net::HttpRequest http = Http(std::string(12, 'z'));
  http.headers.Add("inference-header-content-length", "0");
  auto decoded = DecodeInfer(http, IdentityModel(DataType::kFp32), kPlenty);
  ASSERT_TRUE(decoded.ok()) << decoded.message();
  EXPECT_EQ(decoded->request.inputs[0].desc.shape, (tensor::Shape{1, 3}));
  EXPECT_TRUE(decoded->form.Of("OUTPUT0").binary);
  auto fixed = DecodeInfer(http, IdentityModel(DataType::kFp32, {3}, 0), kPlenty);
  ASSERT_TRUE(fixed.ok());
  EXPECT_EQ(fixed->request.inputs[0].desc.shape, (tensor::Shape{3}));
  auto text = DecodeInfer(http, IdentityModel(DataType::kString, {1}), kPlenty);
  ASSERT_TRUE(text.ok()) << text.message();
  EXPECT_EQ(*tensor::DecodeStrings(text->request.inputs[0].bytes, 1),
            std::vector<std::string>{std::string(12, 'z')});
}

TEST(DecodeInfer, UndoesContentEncoding) {
  const std::string json =
      R"({"inputs":[{"name":"INPUT0","shape":[1,1],"datatype":"UINT8","parameters":{"binary_data_size":1}}]})";
  net::HttpRequest http = Mixed(json, "q");
  http.body = *net::Compress(http.body, net::ContentCoding::kGzip);
  http.headers.Add("Content-Encoding", "gzip");
  http.headers.Add("Accept-Encoding", "deflate");
  auto decoded = DecodeInfer(http, IdentityModel(DataType::kUint8), kPlenty);
  ASSERT_TRUE(decoded.ok()) << decoded.message();
  EXPECT_EQ(decoded->request.inputs[0].bytes.ToString(), "q");
  EXPECT_EQ(decoded->form.coding, net::ContentCoding::kDeflate);
  EXPECT_FALSE(DecodeInfer(http, IdentityModel(DataType::kUint8), 10).ok());
}

InferenceResponse Outputs() {
  InferenceResponse response;
  response.outputs.push_back(
      {{"OUTPUT0", DataType::kInt32, {1, 2}}, BytesOf(std::vector<std::int32_t>{1, -2})});
  response.outputs.push_back(
      {{"OUTPUT1", DataType::kFp32, {1, 2}}, BytesOf(std::vector<float>{0.5F, 3})});
  return response;
}

TEST(EncodeInfer, WritesJson) {
  ResponseForm form;
  form.id = "q\"";
  const net::HttpResponse http = EncodeInfer(*SimpleModel(), form, Outputs());
  EXPECT_EQ(http.status, 200);
  EXPECT_EQ(Header(http, "Content-Type"), "application/json");
  EXPECT_EQ(Header(http, "Inference-Header-Content-Length"), std::nullopt);
  EXPECT_EQ(http.body.ToString(),
            R"({"id":"q\"","model_name":"simple","model_version":"1","outputs":[)"
            R"({"name":"OUTPUT0","datatype":"INT32","shape":[1,2],"data":[1,-2]},)"
            R"({"name":"OUTPUT1","datatype":"FP32","shape":[1,2],"data":[0.5,3.0]}]})");
}

TEST(EncodeInfer, WritesBinaryBehindTheJsonWithoutCopying) {
  ResponseForm form;
  form.listed["OUTPUT1"].binary = true;
  const InferenceResponse response = Outputs();
  const net::HttpResponse http = EncodeInfer(*SimpleModel(), form, response);
  const std::string json =
      R"({"model_name":"simple","model_version":"1","outputs":[)"
      R"({"name":"OUTPUT0","datatype":"INT32","shape":[1,2],"data":[1,-2]},)"
      R"({"name":"OUTPUT1","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}]})";
  EXPECT_EQ(Header(http, "Content-Type"), "application/octet-stream");
  EXPECT_EQ(Header(http, "Inference-Header-Content-Length"), std::to_string(json.size()));
  EXPECT_EQ(http.body.Sub(0, json.size()).ToString(), json);
  ASSERT_EQ(http.body.slices().size(), 2U);
  EXPECT_EQ(http.body.slices()[1].bytes.data(), response.outputs[1].bytes.bytes().data());
}

TEST(EncodeInfer, EmptyBinaryOutputsNeedNoHeader) {
  ResponseForm form;
  form.otherwise.binary = true;
  InferenceResponse response;
  response.outputs.push_back({{"OUTPUT0", DataType::kInt32, {1, 0}}, {}});
  const net::HttpResponse http = EncodeInfer(*SimpleModel(), form, response);
  EXPECT_EQ(Header(http, "Inference-Header-Content-Length"), std::nullopt);
  EXPECT_THAT(http.body.ToString(), HasSubstr(R"("parameters":{"binary_data_size":0})"));
}

TEST(EncodeInfer, WritesClassesInEitherForm) {
  ResponseForm form;
  form.listed["OUTPUT1"] = {false, 1};
  EXPECT_THAT(
      EncodeInfer(*SimpleModel(), form, Outputs()).body.ToString(),
      HasSubstr(R"({"name":"OUTPUT1","datatype":"BYTES","shape":[1,1],"data":["3.000000:1"]})"));
  form.listed["OUTPUT1"] = {true, 1};
  EXPECT_THAT(EncodeInfer(*SimpleModel(), form, Outputs()).body.ToString(),
              HasSubstr(std::string("\x0A\0\0\0", 4) + "3.000000:1"));
}

TEST(EncodeInfer, CompressesWhatTheClientTakes) {
  ResponseForm form;
  const std::string plain = EncodeInfer(*SimpleModel(), form, Outputs()).body.ToString();
  form.coding = net::ContentCoding::kGzip;
  const net::HttpResponse http = EncodeInfer(*SimpleModel(), form, Outputs());
  EXPECT_EQ(Header(http, "Content-Encoding"), "gzip");
  EXPECT_EQ(net::Decompress(http.body, net::ContentCoding::kGzip, kPlenty)->ToString(), plain);
}

TEST(EncodeInfer, PassesFailuresOn) {
  InferenceResponse response;
  response.status = base::Unavailable("queue is full", base::RefusalCause::kQueue);
  const net::HttpResponse http = EncodeInfer(*SimpleModel(), {}, response);
  EXPECT_EQ(http.status, 503);
  EXPECT_EQ(Header(http, "Retry-After"), "1");
  EXPECT_EQ(http.body.ToString(), R"({"error":"queue is full"})");
}

}  // namespace
}  // namespace hadron::protocol
