// The commands against a server that answers from a table.
#include "cli/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "net/http_server.h"

namespace hadron::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Answers by path; keeps the last body.
class Imposter final : public net::HttpHandler {
 public:
  void Handle(net::HttpRequest request, net::HttpResponder responder) override {
    std::string path;
    for (const std::string& segment : request.segments) path += "/" + segment;
    last_body = request.body.ToString();
    last_query = request.query;
    const auto answer = answers.find(path);
    if (answer == answers.end()) {
      std::move(responder).Send(net::ErrorResponse(404, "Request for unknown model: 'x'"));
    } else {
      net::HttpResponse response = net::JsonResponse(answer->second.second);
      response.status = answer->second.first;
      std::move(responder).Send(std::move(response));
    }
  }

  std::map<std::string, std::pair<int, std::string>> answers;
  std::string last_body;
  std::string last_query;
};

class CommandsTest : public testing::Test {
 protected:
  void SetUp() override {
    net::HttpServerOptions options;
    options.address = "127.0.0.1";
    auto server = net::HttpServer::Create(options, imposter_);
    ASSERT_TRUE(server.ok()) << server.message();
    server_ = std::move(server).value();
    ASSERT_TRUE(server_->Bind().ok());
    imposter_.answers = {
        {"/v2/health/live", {200, ""}},
        {"/v2/health/ready", {200, ""}},
        {"/v2", {200, R"({"name":"imposter","version":"9","extensions":["a","b"]})"}},
        {"/v2/repository/index",
         {200,
          R"([{"name":"m","version":"1","state":"READY"},{"name":"it's","reason":"bad\nfile"}])"}},
        {"/v2/models/m",
         {200, R"({"name":"m","versions":["1"],"platform":"p",)"
               R"("inputs":[{"name":"x","datatype":"FP32","shape":[-1,2]}],)"
               R"("outputs":[{"name":"p","datatype":"FP32","shape":[-1,3]},)"
               R"({"name":"q","datatype":"FP32","shape":[-1,1]}]})"}},
        {"/v2/models/m/config",
         {200, R"({"max_batch_size":8,"output":[{"name":"p","label_filename":"l.txt"},)"
               R"({"name":"q","label_filename":""}]})"}},
        {"/v2/models/m/infer",
         {200, R"({"model_name":"m","model_version":"1","outputs":[{"name":"p",)"
               R"("datatype":"BYTES","shape":[1,2],"data":["0.75:1:dog","0.25:0:cat"]}]})"}}};
    server_->Start();
  }

  ExitCode Infer(const InferOptions& options) { return RunInfer(Make(), options); }
  Context Make(bool json = false) {
    return {.server = {.url = "http://127.0.0.1:" + std::to_string(server_->port())},
            .json = json,
            .out = out_,
            .err = err_};
  }
  static InferOptions Request(std::vector<std::string> inputs) {
    InferOptions options;
    options.model = "m";
    options.inputs = std::move(inputs);
    return options;
  }

  Imposter imposter_;
  std::unique_ptr<net::HttpServer> server_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(CommandsTest, StatusOfAReadyServer) {
  EXPECT_EQ(RunStatus(Make()), ExitCode::kOk);
  EXPECT_THAT(out_.str(), HasSubstr("imposter 9"));
  EXPECT_THAT(out_.str(), HasSubstr("ready       yes"));
}

TEST_F(CommandsTest, StatusOfAnUnreadyServerFails) {
  imposter_.answers["/v2/health/ready"] = {400, ""};
  EXPECT_EQ(RunStatus(Make(true)), ExitCode::kServer);
  EXPECT_THAT(out_.str(), HasSubstr(R"("live":true,"ready":false)"));
}

TEST_F(CommandsTest, ModelsShowsStatesAndReasonsOnOneLineEach) {
  EXPECT_EQ(RunModels(Make()), ExitCode::kOk);
  EXPECT_EQ(out_.str(),
            "model  version  state        reason\n"
            "m            1  READY        \n"
            "it's            not loaded   bad\\nfile\n");
}

TEST_F(CommandsTest, LoadAndUnloadSayWhatTheyDid) {
  imposter_.answers["/v2/repository/models/it's a/load"] = {200, "{}"};
  imposter_.answers["/v2/repository/models/m/unload"] = {200, "{}"};
  EXPECT_EQ(RunLoad(Make(), "it's a"), ExitCode::kOk) << err_.str();
  EXPECT_EQ(RunUnload(Make(true), "m"), ExitCode::kOk) << err_.str();
  EXPECT_EQ(out_.str(), "it's a is loaded\n{\"model\":\"m\",\"done\":\"unloaded\"}\n");
}

TEST_F(CommandsTest, ALoadThatIsRefusedFailsWithTheServersReason) {
  imposter_.answers["/v2/repository/models/m/load"] = {403, R"({"error":"see --admin-access"})"};
  EXPECT_EQ(RunLoad(Make(), "m"), ExitCode::kServer);
  EXPECT_EQ(RunUnload(Make(), "m"), ExitCode::kServer);
  EXPECT_EQ(err_.str(),
            "hadron-cli: see --admin-access\nhadron-cli: Request for unknown model: 'x'\n");
}

TEST_F(CommandsTest, TopShowsTheBusiestFirst) {
  imposter_.answers["/v2/hadron/status"] = {
      200,
      R"({"name":"s","version":"1","ready":true,"uptime_s":7,"devices":[{"id":"cpu","name":"x",)"
      R"("budget":2097152,"reserved":1048576,"busy_ratio":0.374}],"models":[)"
      R"({"name":"idle\u001b","version":"1","state":"READY","loaded":false},)"
      R"({"name":"busy","version":"2","state":"READY","loaded":true,"residency":"resident",)"
      R"("pinned":true,"bytes":{"resident":1048576,"host":0},"requests_per_s":12.5,"queue":3,)"
      R"("device_share":0.5,"p50_us":1500,"p99_us":9000}]})"};
  EXPECT_EQ(RunTop(Make(), {.once = true}), ExitCode::kOk) << err_.str();
  const std::string text = out_.str();
  EXPECT_THAT(text, HasSubstr("s 1, up 7 s, ready"));
  EXPECT_THAT(text, HasSubstr("cpu (x): 1.0 MiB of 2.0 MiB reserved, 37% busy\n"));
  EXPECT_THAT(text, HasSubstr("resident pinned"));
  EXPECT_THAT(text, HasSubstr("idle\\x1b"));
  EXPECT_LT(text.find("busy"), text.find("idle"));
  imposter_.answers["/v2/hadron/status"] = {200, "[nothing"};
  EXPECT_EQ(RunTop(Make(), {.once = true}), ExitCode::kServer);
}

TEST_F(CommandsTest, PlanSaysWhatFitsTogether) {
  imposter_.answers["/v2/hadron/plan"] = {
      200, R"({"steps":[{"model":"a\u001b","version":"1","from":"host","bytes":4194304,)"
           R"("added_bytes":2097152,"missing_bytes":1048576,"estimated":false,"fits":true,)"
           R"("estimated_ms":2.5},{"model":"b","version":"2","from":"repository","bytes":1024,)"
           R"("estimated":true,"fits":true}],"unusable":[{"model":"c","reason":"bad"}],)"
           R"("fits":false,"text":"the end"})"};
  EXPECT_EQ(RunPlan(Make(), {"a\"", "b"}), ExitCode::kServer);
  EXPECT_EQ(imposter_.last_body, R"({"models":["a\"","b"]})");
  EXPECT_THAT(out_.str(), HasSubstr("a\\x1b"));
  EXPECT_THAT(out_.str(), HasSubstr("4.0 MiB  2.0 MiB  1.0 MiB  2.5"));
  EXPECT_THAT(out_.str(), HasSubstr("~1.0 KiB"));
  EXPECT_THAT(out_.str(), HasSubstr("~?"));
  EXPECT_THAT(out_.str(), HasSubstr("c cannot be loaded: bad\nthe end\n"));
  EXPECT_EQ(err_.str(), "hadron-cli: these models do not all fit together\n");
  EXPECT_EQ(RunPlan(Make(true), {"a"}), ExitCode::kServer);
  imposter_.answers["/v2/hadron/plan"] = {404, R"({"error":"no 'x'"})"};
  EXPECT_EQ(RunPlan(Make(), {"x"}), ExitCode::kServer);
  imposter_.answers["/v2/hadron/plan"] = {200, "["};
  EXPECT_EQ(RunPlan(Make(), {"x"}), ExitCode::kServer);
}

TEST_F(CommandsTest, AccountShowsWhoUsedTheDevice) {
  imposter_.answers["/v2/hadron/account"] = {
      200,
      R"([{"tenant":"a\u001b","user":"","requests":3,"failures":1,"rows":24,)"
      R"("device_seconds":12.0005,"queue_seconds":0.25,"received_bytes":1024,)"
      R"("sent_bytes":2048,"loads":4,"resident_byte_seconds":1610612736,"refused_queue":1,"refused_quota":2}])"};
  EXPECT_EQ(RunAccount(Make(), {.from = "5", .to = "", .by = "tenant,user"}), ExitCode::kOk);
  EXPECT_EQ(imposter_.last_query, "format=json&by=tenant%2Cuser&from=5");
  EXPECT_THAT(out_.str(), HasSubstr("tenant"));
  EXPECT_THAT(out_.str(), HasSubstr("a\\x1b"));
  EXPECT_THAT(out_.str(), testing::ContainsRegex(
                              "- +3 +1 +3 +24 +12.00[01] +0.250 +1.0 KiB +2.0 KiB +4 +1.500"));
  imposter_.answers["/v2/hadron/account"] = {200, "tenant\r\n"};
  out_.str("");
  EXPECT_EQ(RunAccount(Make(), {.from = "", .to = "", .format = "csv"}), ExitCode::kOk);
  EXPECT_EQ(imposter_.last_query, "format=csv&by=tenant%2Cmodel");
  EXPECT_EQ(out_.str(), "tenant\r\n");
  imposter_.answers["/v2/hadron/account"] = {400, R"({"error":"no 'x'"})"};
  EXPECT_EQ(RunAccount(Make(), {.from = "", .to = "", .by = "x"}), ExitCode::kServer);
  EXPECT_THAT(err_.str(), HasSubstr("no 'x'"));
  imposter_.answers["/v2/hadron/account"] = {200, "{}"};
  EXPECT_EQ(RunAccount(Make(), {.from = "", .to = "", .by = "y"}), ExitCode::kServer);
  EXPECT_THAT(err_.str(), HasSubstr("not a list"));
}

TEST_F(CommandsTest, ResidencyIsChangedAndExplained) {
  imposter_.answers["/v2/hadron/models/m/pin"] = {200, "{}"};
  imposter_.answers["/v2/hadron/models/m/unpin"] = {200, "{}"};
  imposter_.answers["/v2/hadron/models/m/evict"] = {409, R"({"error":"it is busy"})"};
  imposter_.answers["/v2/hadron/models/m/explain"] = {200, R"({"text":"it is there"})"};
  EXPECT_EQ(RunPin(Make(), "m"), ExitCode::kOk);
  EXPECT_EQ(RunUnpin(Make(), "m"), ExitCode::kOk);
  EXPECT_EQ(RunEvict(Make(), "m"), ExitCode::kServer);
  EXPECT_EQ(RunExplainModel(Make(), "m"), ExitCode::kOk);
  EXPECT_EQ(out_.str(), "m is pinned\nm is unpinned\nit is there\n");
  EXPECT_EQ(err_.str(), "hadron-cli: it is busy\n");
}

TEST_F(CommandsTest, InferAsksForLabelsAndDrawsBars) {
  EXPECT_EQ(Infer(Request({"x=1,2"})), ExitCode::kOk) << err_.str();
  EXPECT_THAT(imposter_.last_body, HasSubstr(R"("shape":[1,2])"));
  EXPECT_THAT(imposter_.last_body,
              HasSubstr(R"({"name":"p","parameters":{"binary_data":true,"classification":10}})"));
  EXPECT_THAT(imposter_.last_body, HasSubstr(R"({"name":"q","parameters":{"binary_data":true}})"));
  EXPECT_THAT(out_.str(), HasSubstr("  dog |########################################| 0.75\n"));
  EXPECT_THAT(out_.str(), HasSubstr("model m version 1"));
}

TEST_F(CommandsTest, InferAsJsonAsksForPlainTensors) {
  InferOptions options = Request({"x=1,2"});
  options.outputs = {"p"};
  EXPECT_EQ(RunInfer(Make(true), options), ExitCode::kOk) << err_.str();
  EXPECT_THAT(imposter_.last_body, Not(HasSubstr("classification")));
  EXPECT_THAT(imposter_.last_body, Not(HasSubstr("\"q\"")));
  EXPECT_THAT(out_.str(), HasSubstr(R"("data":["0.75:1:dog","0.25:0:cat"])"));
}

TEST_F(CommandsTest, WrongInputsAreUsageErrorsThatSayWhatTheModelWants) {
  EXPECT_EQ(Infer(Request({})), ExitCode::kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("input 'x' FP32 [-1,2] is missing"));
  for (const auto& inputs : std::vector<std::vector<std::string>>{
           {"x=1"}, {"x=1,2", "x=1,2"}, {"x=1,2", "y=1"}, {"x"}, {"x=/nowhere.npy"}}) {
    EXPECT_EQ(Infer(Request(inputs)), ExitCode::kUsage);
  }
  InferOptions options = Request({"x=1,2"});
  options.outputs = {"z"};
  EXPECT_EQ(Infer(options), ExitCode::kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("has the outputs p, q"));
}

TEST_F(CommandsTest, ErrorsOfTheServerAreShown) {
  InferOptions options = Request({"x=1,2"});
  options.model = "x";
  EXPECT_EQ(Infer(options), ExitCode::kServer);
  EXPECT_EQ(err_.str(), "hadron-cli: Request for unknown model: 'x'\n");
}

TEST_F(CommandsTest, AnswersThatAreNoneAreServerErrors) {
  for (const char* answer : {"", "[]", "<html>", R"({"outputs":[{"name":"p"}]})"}) {
    imposter_.answers["/v2/models/m/infer"] = {200, answer};
    EXPECT_EQ(Infer(Request({"x=1,2"})), ExitCode::kServer) << answer;
  }
  EXPECT_THAT(err_.str(), HasSubstr("does not answer as the V2 protocol says"));
}

TEST_F(CommandsTest, NobodyThereHasItsOwnExitCode) {
  const Context context = Make();
  server_->Stop();
  EXPECT_EQ(RunStatus(context), ExitCode::kUnreachable);
  EXPECT_EQ(RunModels(context), ExitCode::kUnreachable);
}

TEST(Commands, AnAddressThatIsNoneIsAUsageError) {
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(RunStatus({.server = {.url = "localhost:8000"}, .json = false, .out = out, .err = err}),
            ExitCode::kUsage);
  EXPECT_THAT(err.str(), HasSubstr("'localhost:8000' is no server address"));
}

}  // namespace
}  // namespace hadron::cli
