#include "storage/s3/credential_services.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/strings.h"
#include "net/http_transfers.h"
#include "storage/s3/profile.h"
#include "storage/s3/sigv4.h"
#include "storage/s3/xml.h"

namespace hadron::storage::s3 {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxAnswerBytes = std::size_t{256} << 10;
constexpr milliseconds kLocalTimeout{1000};
constexpr milliseconds kRemoteTimeout{5000};

class SmallAnswer final : public net::HttpTransfers::Receiver {
 public:
  bool OnHead(int code, const net::HttpHeaders&) override {
    status = code;
    return true;
  }
  bool OnBody(std::span<const std::byte> bytes) override {
    body += base::AsText(bytes);
    return body.size() <= kMaxAnswerBytes;
  }
  int status = 0;
  std::string body;
};

/// One request, one attempt; OK for status 200 only. Bodies of failures are not shown: they may
/// hold what was sent.
base::StatusOr<std::string> Ask(net::HttpTransfers::Request request, milliseconds timeout) {
  net::HttpTransfers::Options options;
  options.connect_timeout = timeout;
  options.stall_timeout = timeout;
  net::HttpTransfers transfers(options);
  SmallAnswer answer;
  const std::string url = request.url;
  HADRON_RETURN_IF_ERROR(transfers.Start(std::move(request), answer));
  while (transfers.active() > 0) {
    for (auto& finished : transfers.Poll(timeout))
      HADRON_RETURN_IF_ERROR(std::move(finished.status));
  }
  if (answer.status == 200) return std::move(answer.body);
  const std::string text = fmt::format("{} answers {}", url, answer.status);
  if (answer.status >= 500) return base::Unavailable(text);
  return base::PermissionDenied(text);
}

base::StatusOr<Credentials> Complete(Credentials credentials, std::string_view expiration) {
  if (credentials.access_key.empty() || credentials.secret_key.empty()) {
    return base::Unavailable("the answer has no credentials");
  }
  credentials.expires_ms = ParseIsoTime(expiration);
  if (!credentials.expires_ms) return base::Unavailable("the answer has no Expiration");
  return credentials;
}

std::string Field(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

base::StatusOr<Credentials> FromJson(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return base::Unavailable("the answer is no JSON object");
  const std::string code = Field(json, "Code");
  if (!code.empty() && code != "Success") {
    return base::Unavailable(fmt::format("the answer says '{}'", base::EscapeControl(code)));
  }
  return Complete({Field(json, "AccessKeyId"), Secret(Field(json, "SecretAccessKey")),
                   Secret(Field(json, "Token")), std::nullopt},
                  Field(json, "Expiration"));
}

}  // namespace

base::StatusOr<Credentials> AskSts(const WebIdentity& identity, const std::string& endpoint) {
  HADRON_ASSIGN_OR_RETURN(const std::string token, ReadSmallFile(identity.token_file));
  net::HttpTransfers::Request request;
  request.method = "POST";
  request.url = endpoint + "/";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body =
      base::IoBuf::FromString(CanonicalQuery({{"Action", "AssumeRoleWithWebIdentity"},
                                              {"Version", "2011-06-15"},
                                              {"RoleArn", identity.role_arn},
                                              {"RoleSessionName", identity.session_name},
                                              {"WebIdentityToken", std::string(base::Trim(token))},
                                              {"DurationSeconds", "3600"}}));
  HADRON_ASSIGN_OR_RETURN(const std::string answer, Ask(std::move(request), kRemoteTimeout));
  HADRON_ASSIGN_OR_RETURN(const XmlNode root, ParseXml(answer));
  const XmlNode* result = root.Find("AssumeRoleWithWebIdentityResult");
  const XmlNode* given = result == nullptr ? nullptr : result->Find("Credentials");
  if (given == nullptr) return base::Unavailable("the answer has no credentials");
  return Complete(
      {std::string(given->Text("AccessKeyId")), Secret(std::string(given->Text("SecretAccessKey"))),
       Secret(std::string(given->Text("SessionToken"))), std::nullopt},
      given->Text("Expiration"));
}

base::StatusOr<Credentials> AskContainer(const ContainerSource& source) {
  net::HttpTransfers::Request request;
  request.url = source.url;
  std::string token = source.token;
  if (!source.token_file.empty()) {
    HADRON_ASSIGN_OR_RETURN(token, ReadSmallFile(source.token_file));
  }
  const std::string trimmed(base::Trim(token));
  if (trimmed.find_first_of("\r\n") != std::string::npos) {
    return base::InvalidArgument("the authorization token has more than one line");
  }
  if (!trimmed.empty()) request.headers = {{"Authorization", trimmed}};
  HADRON_ASSIGN_OR_RETURN(const std::string answer, Ask(std::move(request), kRemoteTimeout));
  return FromJson(answer);
}

base::StatusOr<Credentials> AskMachine(const std::string& endpoint) {
  HADRON_ASSIGN_OR_RETURN(const std::string token,
                          Ask({.method = "PUT",
                               .url = endpoint + "/latest/api/token",
                               .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}}},
                              kLocalTimeout));
  const Pairs headers = {{"X-aws-ec2-metadata-token", std::string(base::Trim(token))}};
  const std::string roles = endpoint + "/latest/meta-data/iam/security-credentials/";
  HADRON_ASSIGN_OR_RETURN(const std::string names,
                          Ask({.url = roles, .headers = headers}, kLocalTimeout));
  const std::string role = base::Split(base::Trim(names), '\n').front();
  HADRON_ASSIGN_OR_RETURN(
      const std::string answer,
      Ask({.url = roles + UriEncode(role, false), .headers = headers}, kLocalTimeout));
  return FromJson(answer);
}

}  // namespace hadron::storage::s3
