#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "cli/commands.h"
#include "cli/printable.h"
#include "cpp/json.h"

namespace hadron::cli {
namespace {

using client::Client;
using client::Error;
using client::ErrorCode;
using client::Result;
using client::json::Value;

Error BadAnswer(const std::string& message) {
  return {.code = ErrorCode::kBadAnswer, .status = 0, .message = message};
}

/// The highest version that the repository has below the one that serves.
Result<std::int64_t> VersionBefore(Client& client, const std::string& model) {
  const auto explained = client.ExplainModel(model);
  if (!explained) return explained.error();
  const auto answer = client::json::Parse(*explained);
  if (!answer.ok()) return BadAnswer(answer.message());
  const auto serving = base::ParseInt64(answer->StringAt("version"));
  const Value* versions = answer->Find("versions");
  std::optional<std::int64_t> before;
  if (serving && versions != nullptr && versions->AsArray() != nullptr) {
    for (const Value& version : *versions->AsArray()) {
      const auto number = base::ParseInt64(version.StringAt("version"));
      if (number && *number < *serving) before = std::max(before.value_or(0), *number);
    }
  }
  if (before) return *before;
  return Error{
      .code = ErrorCode::kServer,
      .status = 0,
      .message = fmt::format("'{}' has no version before {}", model, answer->StringAt("version"))};
}

/// The configuration with another version policy.
Result<std::string> Pinned(const std::string& config, std::int64_t version) {
  const auto parsed = client::json::Parse(config);
  const auto* members = parsed.ok() ? parsed->AsObject() : nullptr;
  if (members == nullptr) return BadAnswer("the configuration is no JSON object");
  std::string text =
      fmt::format(R"({{"version_policy":{{"specific":{{"versions":[{}]}}}})", version);
  for (const auto& [key, value] : *members) {
    if (key == "version_policy" || key == "versionPolicy") continue;
    text += fmt::format(",{}:{}", base::JsonQuote(key), client::json::ToText(value));
  }
  return text + "}";
}

Result<std::int64_t> RollBack(Client& client, const std::string& model) {
  const auto version = VersionBefore(client, model);
  if (!version) return version.error();
  const auto config = client.GetModelConfig(model);
  if (!config) return config.error();
  const auto pinned = Pinned(*config, *version);
  if (!pinned) return pinned.error();
  const auto loaded = client.LoadModel(model, *pinned);
  if (!loaded) return loaded.error();
  return *version;
}

}  // namespace

ExitCode RunRollback(const Context& context, const std::string& model) {
  auto client = Client::Create(context.server);
  if (!client) return Complain(context, client.error());
  const auto version = RollBack(**client, model);
  if (!version) return Complain(context, version.error());
  if (context.json) {
    context.out << fmt::format("{{\"model\":{},\"version\":\"{}\"}}\n", base::JsonQuote(model),
                               *version);
  } else {
    context.out << fmt::format("{} is back at version {}; 'load' follows the repository again\n",
                               Printable(model), *version);
  }
  return ExitCode::kOk;
}

}  // namespace hadron::cli
