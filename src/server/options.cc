#include "server/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/strings.h"
#include "server/version.h"
#include "serving/rate_limiter.h"

namespace hadron::server {
namespace {

using base::InvalidArgument;
using base::Status;
using base::StatusOr;

std::string EnvironmentName(std::string_view name) {
  std::string env = "HADRON_";
  for (const char c : name) {
    env += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return env;
}

std::optional<bool> ParseBool(const std::string& text) {
  const std::string lower = base::ToLower(text);
  if (lower == "true" || lower == "1" || lower == "on") return true;
  if (lower == "false" || lower == "0" || lower == "off") return false;
  return std::nullopt;
}

/// Drops what a variable says, which CLI11 would only look at behind the file.
class FileBehindEnvironment final : public CLI::ConfigBase {
 public:
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> kept = CLI::ConfigBase::from_config(input);
    std::erase_if(kept, [](const CLI::ConfigItem& item) {
      const char* value = std::getenv(EnvironmentName(item.name).c_str());
      return value != nullptr && *value != '\0';
    });
    return kept;
  }
};

Status CheckValue(const OptionRow& row, const std::string& text) {
  switch (row.type) {
    case OptionType::kBool:
    case OptionType::kFlag:
      if (ParseBool(text)) return {};
      return InvalidArgument(fmt::format("--{}: '{}' is neither true nor false", row.name, text));
    case OptionType::kUint: {
      const auto value = base::ParseUint64(text);
      if (value && *value >= row.range.low && *value <= row.range.high) return {};
      return InvalidArgument(fmt::format("--{}: '{}' is no number in {}..{}", row.name, text,
                                         row.range.low, row.range.high));
    }
    case OptionType::kDouble:
      if (base::ParseDouble(text)) return {};
      return InvalidArgument(fmt::format("--{}: '{}' is no number", row.name, text));
    default:
      return {};
  }
}

std::string TreatmentText(Treatment treatment) {
  switch (treatment) {
    case Treatment::kKeep:
      return "as tritonserver";
    case Treatment::kOurs:
      return "Hadron's own";
    case Treatment::kAlias:
      return "alias";
    case Treatment::kNoop:
      return "accepted, no effect";
  }
  return "";
}

}  // namespace

const std::vector<OptionRow>& OptionTable() {
  static const std::vector<OptionRow> table = {
#define HADRON_OPTION(name, type, default_value, treatment, range, help) \
  {name, OptionType::k##type, default_value, Treatment::k##treatment, range, help},
#include "server/options_table.inc"
#undef HADRON_OPTION
  };
  return table;
}

StatusOr<Options::Parsed> Options::Parse(const std::vector<std::string>& arguments,
                                         std::string_view program) {
  CLI::App app("Hadron: many models on one device, over the KServe V2 protocol.", "hadron");
  app.set_version_flag("--version", std::string(kVersion));
  std::map<std::string_view, std::vector<std::string>> given;
  std::map<std::string_view, bool> flags;
  for (const OptionRow& row : OptionTable()) {
    if (row.name == "config") continue;
    const std::string name = fmt::format("--{}", row.name);
    const std::string help(row.help);
    CLI::Option* option =
        row.type == OptionType::kFlag
            ? app.add_flag(name, flags[row.name], help)
            : app.add_option(name, given[row.name], help)->allow_extra_args(false);
    option->envname(EnvironmentName(row.name));
    if (!row.default_value.empty()) option->default_str(std::string(row.default_value));
  }
  app.set_config("--config", "", "File of options, one 'name = value' a line.")
      ->envname("HADRON_CONFIG");
  app.config_formatter(std::make_shared<FileBehindEnvironment>());
  app.allow_config_extras(CLI::config_extras_mode::error);
  Parsed parsed;
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    parsed.action = Action::kPrintAndExit;
    parsed.print = app.help();
    return parsed;
  } catch (const CLI::CallForVersion&) {
    parsed.action = Action::kPrintAndExit;
    parsed.print = fmt::format("hadron {}\n", kVersion);
    return parsed;
  } catch (const CLI::ParseError& e) {
    return InvalidArgument(fmt::format("{}\n{}", e.what(), app.help()));
  }
  for (const OptionRow& row : OptionTable()) {
    Value& value = parsed.options.values_[std::string(row.name)];
    value.given = row.name != "config" && app.count(fmt::format("--{}", row.name)) > 0;
    if (row.type == OptionType::kFlag) {
      value.texts = {flags[row.name] ? "true" : "false"};
    } else if (value.given) {
      value.texts = given[row.name];
    } else if (row.type != OptionType::kTexts) {
      value.texts = {std::string(row.default_value)};
    }
  }
  if (program.substr(program.rfind('/') + 1) == "tritonserver") parsed.options.KeepReference();
  HADRON_RETURN_IF_ERROR(parsed.options.Check());
  return parsed;
}

void Options::KeepReference() {
  Value& access = values_["admin-access"];
  if (!access.given) access.texts = {"open"};
}

Status Options::Check() const {
  for (const OptionRow& row : OptionTable()) {
    const Value& value = Get(row.name);
    if (row.type != OptionType::kTexts && value.texts.size() != 1) {
      return InvalidArgument(fmt::format("--{} is given more than once", row.name));
    }
    for (const std::string& text : value.texts) HADRON_RETURN_IF_ERROR(CheckValue(row, text));
  }
  HADRON_RETURN_IF_ERROR(CheckModels());
  const std::string& access = Text("admin-access");
  if (access != "loopback" && access != "open" && access != "off") {
    return InvalidArgument(
        fmt::format("--admin-access: '{}' is not loopback, open or off", access));
  }
  const std::string format = base::ToLower(Text("log-format"));
  if (format != "default" && format != "iso8601" && format != "json") {
    return InvalidArgument(
        fmt::format("--log-format: '{}' is not default, ISO8601 or json", Text("log-format")));
  }
  if (const double fraction = Double("gpu-memory-fraction"); fraction <= 0 || fraction > 1) {
    return InvalidArgument("--gpu-memory-fraction: must be above 0 and at most 1");
  }
  HADRON_RETURN_IF_ERROR(ResponseCacheBytes().CloneStatus());
  const std::string& rate_limit = Text("rate-limit");
  if (rate_limit != "off" && rate_limit != "execution_count") {
    return InvalidArgument(
        fmt::format("--rate-limit: '{}' is not off or execution_count", rate_limit));
  }
  HADRON_RETURN_IF_ERROR(
      serving::RateLimiter::ParseLimits(Texts("rate-limit-resource")).CloneStatus());
  return DefaultMaxBatchSize().CloneStatus();
}

StatusOr<model::ControlMode> Options::ControlMode() const {
  using Mode = model::ControlMode;
  const std::string& text = Text("model-control-mode");
  for (const Mode mode : {Mode::kNone, Mode::kPoll, Mode::kExplicit, Mode::kDemand}) {
    if (text == model::ControlModeName(mode)) return mode;
  }
  return InvalidArgument(
      fmt::format("--model-control-mode: '{}' is not none, poll, explicit or demand", text));
}

StatusOr<model::ReloadPolicy> Options::ReloadPolicy() const {
  auto policy = model::ParseReloadPolicy(Text("reload-policy"));
  if (!policy.ok()) return std::move(policy).status().With("--reload-policy");
  return policy;
}

Status Options::CheckModels() const {
  HADRON_RETURN_IF_ERROR(ReloadPolicy().CloneStatus());
  HADRON_ASSIGN_OR_RETURN(const model::ControlMode mode, ControlMode());
  const std::vector<std::string>& models = Texts("load-model");
  const bool calls = mode == model::ControlMode::kExplicit || mode == model::ControlMode::kDemand;
  if (!models.empty() && !calls) {
    return InvalidArgument(
        "--load-model needs --model-control-mode=explicit or demand; the other modes load every "
        "model");
  }
  if (models.size() > 1 && std::ranges::find(models, "*") != models.end()) {
    return InvalidArgument("--load-model=* loads every model: give it alone");
  }
  return {};
}

const Options::Value& Options::Get(std::string_view name) const {
  const auto it = values_.find(name);
  HADRON_CHECK(it != values_.end());
  return it->second;
}

bool Options::Bool(std::string_view name) const { return *ParseBool(Get(name).texts[0]); }
std::uint64_t Options::Uint(std::string_view name) const {
  return *base::ParseUint64(Get(name).texts[0]);
}
double Options::Double(std::string_view name) const {
  return *base::ParseDouble(Get(name).texts[0]);
}
const std::string& Options::Text(std::string_view name) const { return Get(name).texts[0]; }
const std::vector<std::string>& Options::Texts(std::string_view name) const {
  return Get(name).texts;
}
bool Options::Given(std::string_view name) const { return Get(name).given; }

std::vector<std::string> Options::Repositories() const {
  std::vector<std::string> all = Texts("model-repository");
  const auto& store = Texts("model-store");
  all.insert(all.end(), store.begin(), store.end());
  return all;
}

StatusOr<std::int64_t> Options::DefaultMaxBatchSize() const {
  std::int64_t size = 4;
  for (const std::string& setting : Texts("backend-config")) {
    const std::size_t comma = setting.find(',');
    const std::string backend = comma == std::string::npos ? "" : setting.substr(0, comma);
    const std::string rest = comma == std::string::npos ? setting : setting.substr(comma + 1);
    const std::size_t equals = rest.find('=');
    if (equals == std::string::npos) {
      return InvalidArgument(
          fmt::format("--backend-config={}: expected <backend>,<key>=<value>", setting));
    }
    if (rest.substr(0, equals) != "default-max-batch-size") continue;
    if (!backend.empty() && backend != "onnxruntime" && backend != "hadron") continue;
    const auto value = base::ParseInt64(rest.substr(equals + 1));
    if (!value || *value < 0 || *value > INT32_MAX) {
      return InvalidArgument(fmt::format("--backend-config={}: no batch size", setting));
    }
    size = *value;
  }
  return size;
}

StatusOr<std::uint64_t> Options::ResponseCacheBytes() const {
  constexpr std::string_view kSize = "local,size=";
  const std::vector<std::string>& settings = Texts("cache-config");
  const std::uint64_t old_spelling = Uint("response-cache-byte-size");
  if (settings.empty()) return old_spelling;
  if (old_spelling > 0) {
    return InvalidArgument(
        "--cache-config and --response-cache-byte-size say the same: give only the first");
  }
  if (settings.size() > 1) return InvalidArgument("--cache-config is given more than once");
  const std::string& setting = settings.front();
  const auto bytes = setting.starts_with(kSize) ? base::ParseUint64(setting.substr(kSize.size()))
                                                : std::optional<std::uint64_t>();
  if (bytes) return *bytes;
  return InvalidArgument(fmt::format(
      "--cache-config={}: expected local,size=<bytes>; there is no other cache", setting));
}

std::vector<std::string> Options::IgnoredOptions() const {
  std::vector<std::string> ignored;
  for (const OptionRow& row : OptionTable()) {
    if (row.treatment == Treatment::kNoop && Given(row.name)) ignored.emplace_back(row.name);
  }
  return ignored;
}

std::string OptionsMarkdown() {
  std::string text =
      "# Options of the server\n\n"
      "Generated from the option table (`hadron --options-markdown`). `--name=value` or "
      "`--name value`; every option can also be set through the environment variable "
      "`HADRON_<NAME>` (dashes as underscores) or in the file of `--config`. Strongest first: "
      "command line, environment, file, default.\n\n"
      "| option | default | treatment | meaning |\n|---|---|---|---|\n";
  for (const OptionRow& row : OptionTable()) {
    text += fmt::format("| `--{}` | {} | {} | {} |\n", row.name,
                        row.default_value.empty() ? "" : fmt::format("`{}`", row.default_value),
                        TreatmentText(row.treatment), row.help);
  }
  return text;
}

}  // namespace hadron::server
