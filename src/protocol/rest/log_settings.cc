#include <fmt/format.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/strings.h"
#include "protocol/rest/answers.h"
#include "protocol/rest/json_reader.h"
#include "protocol/rest/json_writer.h"

namespace hadron::protocol {
namespace {

std::string_view FormatName(base::LogFormat format) {
  switch (format) {
    case base::LogFormat::kIso8601:
      return "ISO8601";
    case base::LogFormat::kJson:
      return "json";
    case base::LogFormat::kDefault:
      break;
  }
  return "default";
}

base::Status ReadFormat(JsonReader& json, base::LogOptions& options) {
  std::string name;
  HADRON_RETURN_IF_ERROR(json.ReadString(name));
  for (const auto format :
       {base::LogFormat::kDefault, base::LogFormat::kIso8601, base::LogFormat::kJson}) {
    if (name != FormatName(format)) continue;
    options.format = format;
    return base::OkStatus();
  }
  return base::InvalidArgument(
      fmt::format("invalid argument for --log_format: '{}'; use default, ISO8601 or json",
                  base::EscapeControl(name)));
}

base::Status ReadLevel(JsonReader& json, base::LogOptions& options) {
  std::string_view token;
  HADRON_RETURN_IF_ERROR(json.ReadNumber(token));
  const auto level = base::ParseUint64(token);
  if (!level || *level > 1000) {
    return base::InvalidArgument("Unable to parse 'log_verbose_level': not in 0..1000");
  }
  options.verbose_level = static_cast<unsigned>(*level);
  return base::OkStatus();
}

base::Status ReadSetting(JsonReader& json, std::string_view key, base::LogOptions& options) {
  if (key == "log_info") return json.ReadBool(options.info);
  if (key == "log_warning") return json.ReadBool(options.warning);
  if (key == "log_error") return json.ReadBool(options.error);
  if (key == "log_verbose_level") return ReadLevel(json, options);
  if (key == "log_format") return ReadFormat(json, options);
  if (key == "log_file") {
    return base::Unimplemented("log file location can not be updated through network protocol");
  }
  return base::InvalidArgument(fmt::format("unknown log setting '{}'", base::EscapeControl(key)));
}

}  // namespace

std::string LogSettingsJson() {
  const base::LogOptions options = base::CurrentLogOptions();
  JsonWriter json;
  json.BeginObject().Key("log_file").String(options.file);
  json.Key("log_info").Bool(options.info).Key("log_warning").Bool(options.warning);
  json.Key("log_error").Bool(options.error);
  json.Key("log_verbose_level").Int(options.verbose_level);
  json.Key("log_format").String(FormatName(options.format)).EndObject();
  return json.Take();
}

base::Status ApplyLogSettings(const base::IoBuf& body) {
  const base::IoBuf flat = body.Flatten();
  const std::string_view text = base::AsText(flat.bytes());
  if (base::Trim(text).empty()) return base::OkStatus();
  base::LogOptions options = base::CurrentLogOptions();
  bool changed = false;
  JsonReader json(text);
  HADRON_RETURN_IF_ERROR(json.ReadObject([&](std::string_view key) {
    changed = true;
    return ReadSetting(json, key, options);
  }));
  HADRON_RETURN_IF_ERROR(json.ExpectEnd());
  if (!changed) return base::OkStatus();
  std::string error;
  if (!base::ConfigureLog(options, &error)) return base::Internal(error);
  return base::OkStatus();
}

}  // namespace hadron::protocol
