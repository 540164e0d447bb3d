#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "local_server.h"

namespace hadron::protocol::rpc {
namespace {

using ::inference::ModelInferRequest;
using ::inference::ModelStreamInferResponse;
using Stream = grpc::ClientReaderWriter<ModelInferRequest, ModelStreamInferResponse>;

ModelInferRequest Numbered(int number, const char* model = "scale") {
  ModelInferRequest request = Fp32Request(model, {static_cast<float>(number), 0, 0, 0});
  request.set_id(std::to_string(number));
  return request;
}

TEST(ModelStreamInfer, AnswersInTheOrderOfTheRequests) {
  LocalServer server(SharedEngine());
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = server.stub().ModelStreamInfer(&context);
  constexpr int kRequests = 200;
  for (int i = 0; i < kRequests; ++i) {
    ModelInferRequest request = Numbered(i);
    request.set_model_version(std::to_string(1 + i % 3));
    ASSERT_TRUE(stream->Write(request));
  }
  ASSERT_TRUE(stream->WritesDone());
  ModelStreamInferResponse response;
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.error_message(), "");
    EXPECT_EQ(response.infer_response().id(), std::to_string(i));
    EXPECT_EQ(Floats(response.infer_response().raw_output_contents(0))[0],
              static_cast<float>(i * (1 + i % 3)));
    const auto& parameters = response.infer_response().parameters();
    ASSERT_EQ(parameters.count("triton_final_response"), 1U);
    EXPECT_TRUE(parameters.at("triton_final_response").bool_param());
  }
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(ModelStreamInfer, CountsWhatNobodyWaitsForAsCancelled) {
  LocalEngine engine({"tests/data/models/scale"});
  LocalServer server(engine);
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = server.stub().ModelStreamInfer(&context);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(stream->Write(Numbered(i)));
  WaitUntil([&] { return engine.engine().inflight() == 3; });
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  const auto model = engine.metrics().FindModel("scale", 3);
  const auto cancelled = [&model] {
    const auto latencies = model->ReadLatencies();
    const auto at = latencies.find({telemetry::Protocol::kGrpc, base::StatusCode::kCancelled});
    return at == latencies.end() ? 0 : at->second.count;
  };
  WaitUntil([&] { return cancelled() == 3; });
  engine.RunDevice();
  WaitUntil([&] { return engine.engine().inflight() == 0; });
  EXPECT_EQ(cancelled(), 3U);
  EXPECT_EQ(model->success.value(), 0U);
}

TEST(ModelStreamInfer, AnswersOneByOneWhileTheStreamStaysOpen) {
  LocalServer server(SharedEngine());
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = server.stub().ModelStreamInfer(&context);
  ModelStreamInferResponse response;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(stream->Write(Numbered(i)));
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.infer_response().id(), std::to_string(i));
  }
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(ModelStreamInfer, EndsAtOnceWhenNothingIsSent) {
  LocalServer server(SharedEngine());
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = server.stub().ModelStreamInfer(&context);
  stream->WritesDone();
  ModelStreamInferResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(ModelStreamInfer, PutsFailuresIntoTheirPlaceAndGoesOn) {
  LocalServer server(SharedEngine());
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = server.stub().ModelStreamInfer(&context);
  stream->Write(Numbered(0));
  stream->Write(Numbered(1, "nope"));
  ModelInferRequest short_one = Numbered(2);
  short_one.mutable_raw_input_contents(0)->resize(3);
  stream->Write(short_one);
  stream->Write(Numbered(3));
  stream->WritesDone();
  const std::vector<std::string> texts = {"", "unknown model: 'nope'", "input byte size mismatch",
                                          ""};
  ModelStreamInferResponse response;
  for (int i = 0; i < 4; ++i) {
    const std::string& text = texts[static_cast<std::size_t>(i)];
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.infer_response().id(), std::to_string(i));
    EXPECT_EQ(response.error_message().empty(), text.empty());
    EXPECT_NE(response.error_message().find(text), std::string::npos) << response.error_message();
    if (!text.empty()) {
      EXPECT_EQ(response.infer_response().model_name(), "");
      EXPECT_EQ(response.infer_response().outputs_size(), 0);
    }
  }
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(ModelStreamInfer, EndsWithTheFirstFailureInStrictMode) {
  LocalServer server(SharedEngine());
  grpc::ClientContext context;
  context.AddMetadata("triton_grpc_error", "true");
  const std::unique_ptr<Stream> stream = server.stub().ModelStreamInfer(&context);
  stream->Write(Numbered(0));
  stream->Write(Numbered(1, "nope"));
  stream->Write(Numbered(2));
  ModelStreamInferResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.infer_response().id(), "0");
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_NE(status.error_message().find("'nope'"), std::string::npos);
}

TEST(ModelStreamInfer, KeepsStreamsApart) {
  LocalServer server(SharedEngine());
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int s = 0; s < 10; ++s) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.push_back(server.stub().ModelStreamInfer(contexts.back().get()));
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(streams.back()->Write(Numbered(100 * s + i)));
  }
  ModelStreamInferResponse response;
  for (int s = 9; s >= 0; --s) {
    Stream& stream = *streams[static_cast<std::size_t>(s)];
    stream.WritesDone();
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(stream.Read(&response));
      EXPECT_EQ(response.infer_response().id(), std::to_string(100 * s + i));
    }
    EXPECT_TRUE(stream.Finish().ok());
  }
}

TEST(ModelStreamInfer, SurvivesAClientThatReadsLast) {
  LocalServer server(SharedEngine());
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = server.stub().ModelStreamInfer(&context);
  const std::vector<float> values(50'000, 2.5F);
  constexpr int kRequests = 50;  // 10 MB of answers, more than any window
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_TRUE(stream->Write(Fp32Request("identity_fp32", values)));
  }
  stream->WritesDone();
  ModelStreamInferResponse response;
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(Floats(response.infer_response().raw_output_contents(0)), values);
  }
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(ModelStreamInfer, DropsItsRequestsWhenTheClientGoes) {
  LocalEngine engine({"tests/data/models/scale"});  // its device does not run yet
  LocalServer server(engine);
  {
    grpc::ClientContext context;
    const std::unique_ptr<Stream> stream = server.stub().ModelStreamInfer(&context);
    stream->Write(Numbered(1));
    WaitUntil([&] { return engine.engine().inflight() == 1; });
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  const auto model = engine.metrics().FindModel("scale", 3);
  engine.RunDevice();
  WaitUntil([&] { return engine.engine().inflight() == 0; });
  grpc::ClientContext context;
  ::inference::ModelInferResponse response;
  EXPECT_TRUE(server.stub().ModelInfer(&context, Numbered(2), &response).ok());
}

}  // namespace
}  // namespace hadron::protocol::rpc
