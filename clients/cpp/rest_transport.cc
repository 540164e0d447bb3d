#include <fmt/format.h>

#include <array>
#include <functional>

#include "base/strings.h"
#include "cpp/rest_codec.h"
#include "cpp/transport.h"
#include "net/http_client.h"
#include "net/url.h"

namespace hadron::client {
namespace {

constexpr const char* kHeaderLength = "Inference-Header-Content-Length";

class RestTransport final : public Transport {
 public:
  RestTransport(std::string base_url, std::chrono::milliseconds timeout, CallHeaders headers)
      : base_url_(std::move(base_url)), timeout_(timeout), headers_(std::move(headers)) {}

  Result<bool> ServerLive() override { return Probe("/v2/health/live"); }
  Result<bool> ServerReady() override { return Probe("/v2/health/ready"); }
  Result<bool> ModelReady(const std::string& model, const std::string& version) override {
    return Probe(ModelPath(model, version) + "/ready");
  }

  Result<ServerMetadata> GetServerMetadata() override {
    return Ask<ServerMetadata>("GET", "/v2", rest::DecodeServerMetadata);
  }
  Result<ModelMetadata> GetModelMetadata(const std::string& model,
                                         const std::string& version) override {
    return Ask<ModelMetadata>("GET", ModelPath(model, version), rest::DecodeModelMetadata);
  }
  Result<std::string> GetModelConfig(const std::string& model,
                                     const std::string& version) override {
    return Text(ModelPath(model, version) + "/config");
  }
  Result<std::vector<ModelIndexEntry>> GetRepositoryIndex() override {
    return Ask<std::vector<ModelIndexEntry>>("POST", "/v2/repository/index", rest::DecodeIndex);
  }
  Result<std::vector<ModelStatistics>> GetStatistics(const std::string& model,
                                                     const std::string& version) override {
    const std::string path =
        model.empty() ? "/v2/models/stats" : ModelPath(model, version) + "/stats";
    return Ask<std::vector<ModelStatistics>>("GET", path, rest::DecodeStatistics);
  }

  Result<InferResponse> Infer(const InferRequest& request) override {
    auto body = rest::EncodeInfer(request);
    if (!body.ok()) return ToError(ErrorCode::kInvalidArgument, std::move(body).status());
    auto post = Request("POST", ModelPath(request.model, request.version) + "/infer");
    post.headers = {{"Content-Type", "application/octet-stream"},
                    {kHeaderLength, fmt::format("{}", body->header_bytes)}};
    post.body = body->body;
    auto answer = Send(std::move(post));
    if (!answer) return answer.error();
    std::optional<std::size_t> header_bytes;
    if (const auto field = answer->headers.Find(kHeaderLength)) {
      header_bytes = base::ParseUint64(*field);
      if (!header_bytes) return BadAnswer(fmt::format("{} is no number", kHeaderLength));
    }
    auto response = rest::DecodeInfer(answer->body, header_bytes);
    if (!response.ok()) return BadAnswer(response.message());
    return std::move(response).value();
  }

  Result<Done> LoadModel(const std::string& model, const std::string& config) override {
    auto post = Request("POST", RepositoryPath(model) + "/load");
    if (!config.empty()) {
      post.body = base::IoBuf::FromString(
          fmt::format(R"({{"parameters":{{"config":{}}}}})", base::JsonQuote(config)));
    }
    return Change(std::move(post));
  }
  Result<Done> UnloadModel(const std::string& model) override {
    return Change(Request("POST", RepositoryPath(model) + "/unload"));
  }
  Result<std::string> GetServerStatus() override { return Text("/v2/hadron/status"); }
  Result<std::string> ExplainModel(const std::string& model) override {
    return Text(HadronPath(model) + "/explain");
  }
  Result<std::string> PlanModels(const std::vector<std::string>& models) override {
    std::vector<std::string> quoted;
    for (const std::string& model : models) quoted.push_back(base::JsonQuote(model));
    auto post = Request("POST", "/v2/hadron/plan");
    post.body = base::IoBuf::FromString("{\"models\":[" + base::Join(quoted, ",") + "]}");
    auto answer = Send(std::move(post));
    if (!answer) return answer.error();
    return std::move(answer->body);
  }
  Result<std::string> GetAccount(const AccountQuery& query) override {
    std::string path = "/v2/hadron/account?format=" + net::PercentEncode(query.format);
    if (!query.by.empty()) path += "&by=" + net::PercentEncode(query.by);
    if (!query.from.empty()) path += "&from=" + net::PercentEncode(query.from);
    if (!query.to.empty()) path += "&to=" + net::PercentEncode(query.to);
    return Text(path);
  }
  Result<Done> ChangeResidency(const std::string& model, ResidencyChange change) override {
    static constexpr std::array<const char*, 3> kVerbs = {"/pin", "/unpin", "/evict"};
    return Change(Request("POST", HadronPath(model) + kVerbs[static_cast<std::size_t>(change)]));
  }

 private:
  static std::string RepositoryPath(const std::string& model) {
    return "/v2/repository/models/" + net::PercentEncode(model);
  }
  static std::string HadronPath(const std::string& model) {
    return "/v2/hadron/models/" + net::PercentEncode(model);
  }
  Result<Done> Change(net::HttpClientRequest post) {
    auto answer = Send(std::move(post));
    if (!answer) return answer.error();
    return Done();
  }
  Result<std::string> Text(const std::string& path) {
    auto answer = Send(Request("GET", path));
    if (!answer) return answer.error();
    return std::move(answer->body);
  }
  static std::string ModelPath(const std::string& model, const std::string& version) {
    std::string path = "/v2/models/" + net::PercentEncode(model);
    if (!version.empty()) path += "/versions/" + net::PercentEncode(version);
    return path;
  }
  /// `path` is completed to a URL when it is sent.
  static net::HttpClientRequest Request(const char* method, std::string path) {
    net::HttpClientRequest request;
    request.method = method;
    request.url = std::move(path);
    return request;
  }
  Error BadAnswer(const std::string& message) const {
    return {.code = ErrorCode::kBadAnswer,
            .status = 0,
            .message =
                fmt::format("{} does not answer as the V2 protocol says: {}", base_url_, message)};
  }

  Result<net::HttpClientResponse> SendRaw(net::HttpClientRequest request) {
    request.url = base_url_ + request.url;
    request.timeout = timeout_;
    request.headers.insert(request.headers.end(), headers_.begin(), headers_.end());
    auto answer = http_.Send(request);
    if (answer.ok()) return std::move(answer).value();
    const bool call_is_wrong = answer.code() == base::StatusCode::kInvalidArgument;
    return ToError(call_is_wrong ? ErrorCode::kInvalidArgument : ErrorCode::kUnreachable,
                   std::move(answer).status());
  }

  /// Every status but 200 is an error.
  Result<net::HttpClientResponse> Send(net::HttpClientRequest request) {
    auto answer = SendRaw(std::move(request));
    if (!answer || answer->status == 200) return answer;
    return Error{.code = ErrorCode::kServer,
                 .status = answer->status,
                 .message = rest::ErrorText(answer->status, answer->body)};
  }

  Result<bool> Probe(const std::string& path) {
    auto answer = SendRaw(Request("GET", path));
    if (!answer) return answer.error();
    if (answer->status == 200) return true;
    if (answer->status == 400 || answer->status == 503) return false;
    return Error{.code = ErrorCode::kServer,
                 .status = answer->status,
                 .message = rest::ErrorText(answer->status, answer->body)};
  }

  template <typename T>
  Result<T> Ask(const char* method, const std::string& path,
                base::StatusOr<T> (*decode)(const json::Value&)) {
    auto answer = Send(Request(method, path));
    if (!answer) return answer.error();
    const auto json = json::Parse(answer->body);
    if (!json.ok()) return BadAnswer(json.message());
    auto decoded = decode(*json);
    if (!decoded.ok()) return BadAnswer(decoded.message());
    return std::move(decoded).value();
  }

  const std::string base_url_;
  const std::chrono::milliseconds timeout_;
  const CallHeaders headers_;
  net::BlockingHttpClient http_;
};

}  // namespace

std::unique_ptr<Transport> MakeRestTransport(const std::string& base_url,
                                             std::chrono::milliseconds timeout,
                                             CallHeaders headers) {
  return std::make_unique<RestTransport>(base_url, timeout, std::move(headers));
}

}  // namespace hadron::client
