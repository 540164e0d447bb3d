#include "storage/s3/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace hadron::storage {

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets it
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
  };
}

}  // namespace hadron::storage

namespace hadron::storage::s3 {
namespace {

constexpr std::string_view kContainerHost = "http://169.254.170.2";
constexpr std::string_view kMetadataHost = "http://169.254.169.254";

bool IsTrue(const std::optional<std::string>& value) {
  return value && (*value == "1" || base::EqualsIgnoreCase(*value, "true"));
}

bool IsFalse(const std::optional<std::string>& value) {
  return value && (*value == "0" || base::EqualsIgnoreCase(*value, "false"));
}

/// Gathers the settings of one location.
class Resolver {
 public:
  Resolver(const Location& location, const S3Options& options)
      : location_(location), options_(options) {}

  base::StatusOr<Settings> Run() {
    HADRON_RETURN_IF_ERROR(ReadCloudFile());
    HADRON_RETURN_IF_ERROR(ReadProfile());
    FindRegion();
    FindEndpoint();
    HADRON_RETURN_IF_ERROR(FindTransport());
    HADRON_RETURN_IF_ERROR(FindCredentials());
    settings_.credentials.sts_endpoint =
        Variable("AWS_ENDPOINT_URL_STS")
            .value_or(fmt::format("https://sts.{}.amazonaws.com", settings_.region));
    return std::move(settings_);
  }

 private:
  std::optional<std::string> Variable(const std::string& name) const {
    return options_.environment(name);
  }
  std::optional<std::string> AnyOf(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      if (auto value = Variable(name)) return value;
    }
    return std::nullopt;
  }
  std::optional<std::string> FromProfile(std::string_view name) const {
    const auto found = profile_.find(name);
    if (found == profile_.end() || found->second.empty()) return std::nullopt;
    return found->second;
  }

  /// tritonserver's file: "s3" maps beginnings of paths to keys, the longest that fits wins.
  base::Status ReadCloudFile() {
    const auto path = Variable("TRITON_CLOUD_CREDENTIAL_PATH");
    if (!path) return {};
    HADRON_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(*path));
    const auto wrong = [&](std::string_view what) {
      return base::InvalidArgument(
          fmt::format("TRITON_CLOUD_CREDENTIAL_PATH, '{}': {}", *path, what));
    };
    const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) return wrong("not a JSON object");
    const auto stores = json.find("s3");
    if (stores == json.end()) return {};
    if (!stores->is_object()) return wrong("'s3' is not an object");
    const nlohmann::json* best = nullptr;
    std::size_t length = 0;
    for (const auto& [prefix, entry] : stores->items()) {
      if (!location_.url.starts_with(prefix) || (best != nullptr && prefix.size() < length)) {
        continue;
      }
      best = &entry;
      length = prefix.size();
    }
    if (best == nullptr) return {};
    if (!best->is_object()) return wrong("an entry of 's3' is not an object");
    for (const auto& [name, value] : best->items()) {
      if (!value.is_string()) return wrong(fmt::format("'{}' is not a string", name));
      cloud_[name] = value.get<std::string>();
    }
    cloud_file_ = *path;
    return {};
  }

  std::string FromCloud(std::string_view name) const {
    const auto found = cloud_.find(name);
    return found == cloud_.end() ? "" : found->second;
  }

  /// Where a shared file is; "" = nowhere.
  std::string SharedFile(const std::string& variable, const std::string& below_home) const {
    if (const auto path = Variable(variable)) return *path;
    const auto home = Variable("HOME");
    return home ? *home + below_home : "";
  }

  /// A file that is not there is no trouble unless somebody asked for it by name.
  base::StatusOr<ProfileFile> ReadShared(const std::string& variable, const std::string& path) {
    auto text = path.empty() ? base::StatusOr<std::string>(std::string()) : ReadSmallFile(path);
    if (text.ok()) return ParseProfileFile(*text);
    if (Variable(variable)) return std::move(text).status().With(variable);
    return ProfileFile();
  }

  base::Status ReadProfile() {
    const std::string chosen = FromCloud("profile");
    const auto variable = Variable("AWS_PROFILE");
    const std::string name = !chosen.empty() ? chosen : variable.value_or("default");
    const std::string keys = SharedFile("AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials");
    const std::string config = SharedFile("AWS_CONFIG_FILE", "/.aws/config");
    HADRON_ASSIGN_OR_RETURN(ProfileFile config_file, ReadShared("AWS_CONFIG_FILE", config));
    HADRON_ASSIGN_OR_RETURN(ProfileFile key_file, ReadShared("AWS_SHARED_CREDENTIALS_FILE", keys));
    const std::string section = name == "default" ? name : "profile " + name;
    const bool known = config_file.contains(section) || key_file.contains(name);
    if (!known && (variable || !chosen.empty())) {
      return base::InvalidArgument(
          fmt::format("profile '{}' is neither in '{}' nor in '{}'", name, keys, config));
    }
    profile_ = config_file[section];
    for (const auto& [key, value] : key_file[name]) profile_[key] = value;
    profile_name_ = name;
    if (const auto services = FromProfile("services")) {
      services_ = config_file["services " + *services];
    }
    return {};
  }

  void FindRegion() {
    const std::string chosen = FromCloud("region");
    settings_.region = !chosen.empty() ? chosen
                                       : AnyOf({"AWS_REGION", "AWS_DEFAULT_REGION"})
                                             .value_or(FromProfile("region").value_or("us-east-1"));
  }

  void FindEndpoint() {
    if (!location_.endpoint.empty()) {
      settings_.endpoint = location_.endpoint;
      return;
    }
    if (IsTrue(Variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"))) return;
    auto endpoint = AnyOf({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
    const auto service = services_.find("s3.endpoint_url");
    if (!endpoint && service != services_.end()) endpoint = service->second;
    if (!endpoint) endpoint = FromProfile("endpoint_url");
    if (!endpoint) {
      if (const auto host = Variable("S3_ENDPOINT")) {  // KServe's
        endpoint =
            fmt::format("{}://{}", IsFalse(Variable("S3_USE_HTTPS")) ? "http" : "https", *host);
      }
    }
    settings_.endpoint = endpoint.value_or("");
  }

  base::Status Milliseconds(const char* name, int unit, std::chrono::milliseconds& to) const {
    const auto text = Variable(name);
    if (!text) return {};
    const auto value = base::ParseDouble(*text);
    if (!value || *value <= 0 || *value > 86400) {
      return base::InvalidArgument(fmt::format("{}={}: no number of seconds", name, *text));
    }
    to = std::chrono::milliseconds(static_cast<std::int64_t>(*value * unit));
    return {};
  }

  base::Status FindTransport() {
    const std::string& addressing = options_.addressing;
    if (addressing != "auto" && addressing != "path" && addressing != "virtual") {
      return base::InvalidArgument(
          fmt::format("--s3-addressing={}: expected auto, path or virtual", addressing));
    }
    settings_.addressing = addressing == "path"      ? Addressing::kPath
                           : addressing == "virtual" ? Addressing::kVirtual
                                                     : Addressing::kAuto;
    if (addressing == "auto" && IsTrue(Variable("S3_USER_VIRTUAL_BUCKET"))) {
      settings_.addressing = Addressing::kVirtual;
    }
    settings_.ca_file = Variable("AWS_CA_BUNDLE").value_or(FromProfile("ca_bundle").value_or(""));
    settings_.verify_tls = !IsFalse(Variable("S3_VERIFY_SSL"));
    settings_.stall_timeout = options_.stall_timeout;
    HADRON_RETURN_IF_ERROR(Milliseconds("S3_CONNECT_TIMEOUT", 1000, settings_.connect_timeout));
    HADRON_RETURN_IF_ERROR(Milliseconds("S3_READ_TIMEOUT", 1000, settings_.stall_timeout));
    if (const auto attempts = AnyOf({"AWS_MAX_ATTEMPTS", "S3_MAX_ATTEMPTS"})) {
      const auto count = base::ParseUint64(*attempts);
      if (!count || *count < 1 || *count > 100) {
        return base::InvalidArgument(
            fmt::format("AWS_MAX_ATTEMPTS={}: no number in 1..100", *attempts));
      }
      settings_.attempts = static_cast<int>(*count);
    }
    return {};
  }

  /// Takes a pair of keys; one without the other is an error.
  base::StatusOr<bool> TakeKeys(const std::string& access, const std::string& secret,
                                const std::string& token, const std::string& origin) {
    if (access.empty() && secret.empty()) return false;
    if (access.empty() || secret.empty()) {
      return base::InvalidArgument(fmt::format("{}: the {} is missing", origin,
                                               access.empty() ? "access key" : "secret key"));
    }
    settings_.credentials.keys = StaticKeys{access, Secret(secret), Secret(token)};
    settings_.credentials.origin = origin;
    return true;
  }

  base::StatusOr<bool> FromEnvironment() {
    const auto token = AnyOf({"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"});
    return TakeKeys(Variable("AWS_ACCESS_KEY_ID").value_or(""),
                    Variable("AWS_SECRET_ACCESS_KEY").value_or(""), token.value_or(""),
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }

  bool TakeRole(const std::optional<std::string>& role, const std::optional<std::string>& file,
                const std::optional<std::string>& session, std::string origin) {
    if (!role || !file) return false;
    settings_.credentials.web_identity = WebIdentity{*role, *file, session.value_or("hadron")};
    settings_.credentials.origin = std::move(origin);
    return true;
  }

  base::StatusOr<bool> FromSharedFiles() {
    const std::string origin = fmt::format("profile '{}'", profile_name_);
    HADRON_ASSIGN_OR_RETURN(const bool found,
                            TakeKeys(FromProfile("aws_access_key_id").value_or(""),
                                     FromProfile("aws_secret_access_key").value_or(""),
                                     FromProfile("aws_session_token").value_or(""), origin));
    if (found) return true;
    if (TakeRole(FromProfile("role_arn"), FromProfile("web_identity_token_file"),
                 FromProfile("role_session_name"), origin)) {
      return true;
    }
    for (const char* name :
         {"credential_process", "sso_session", "sso_start_url", "source_profile"}) {
      if (!FromProfile(name)) continue;
      return base::Unimplemented(
          fmt::format("{}: '{}' is not supported; put keys into the profile, or set "
                      "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                      origin, name));
    }
    return false;
  }

  base::StatusOr<bool> FromContainer() {
    ContainerSource source;
    if (const auto relative = Variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
      source.url = fmt::format("{}{}", kContainerHost, *relative);
    } else if (const auto full = Variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
      source.url = *full;
      constexpr std::array<std::string_view, 7> kPlain = {"https://",
                                                          "http://127.",
                                                          "http://localhost",
                                                          "http://[::1]",
                                                          "http://169.254.170.2/",
                                                          "http://169.254.170.23",
                                                          "http://[fd00:ec2::23]"};
      if (std::ranges::none_of(kPlain, [&](auto start) { return full->starts_with(start); })) {
        return base::InvalidArgument(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI: plain HTTP is allowed to this machine only");
      }
    } else {
      return false;
    }
    source.token = Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
    source.token_file = Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").value_or("");
    settings_.credentials.container = std::move(source);
    settings_.credentials.origin = "the container's credential service";
    return true;
  }

  base::Status FindCredentials() {
    CredentialSource& to = settings_.credentials;
    if (options_.anonymous || IsTrue(Variable("awsAnonymousCredential"))) {
      to.anonymous = true;
      return {};
    }
    HADRON_ASSIGN_OR_RETURN(
        bool found,
        TakeKeys(FromCloud("key_id"), FromCloud("secret_key"), FromCloud("session_token"),
                 fmt::format("TRITON_CLOUD_CREDENTIAL_PATH, '{}'", cloud_file_)));
    if (!found && FromCloud("profile").empty()) {
      HADRON_ASSIGN_OR_RETURN(found, FromEnvironment());
      found = found || TakeRole(Variable("AWS_ROLE_ARN"), Variable("AWS_WEB_IDENTITY_TOKEN_FILE"),
                                Variable("AWS_ROLE_SESSION_NAME"), "AWS_WEB_IDENTITY_TOKEN_FILE");
    }
    if (!found) {
      HADRON_ASSIGN_OR_RETURN(found, FromSharedFiles());
    }
    if (!found) {
      HADRON_ASSIGN_OR_RETURN(found, FromContainer());
    }
    const bool ask_machine =
        options_.instance_credentials && !IsTrue(Variable("AWS_EC2_METADATA_DISABLED"));
    if (found) return {};
    if (ask_machine) {
      to.metadata_endpoint =
          Variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or(std::string(kMetadataHost));
      to.origin = "the machine's metadata service";
      return {};
    }
    return base::InvalidArgument(fmt::format(
        "no credentials for {}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, "
        "or --s3-anonymous for a public bucket",
        location_.url));
  }

  const Location& location_;
  const S3Options& options_;
  Settings settings_;
  ProfileSection cloud_;
  std::string cloud_file_;
  ProfileSection profile_;
  ProfileSection services_;
  std::string profile_name_;
};

}  // namespace

base::StatusOr<Settings> ResolveSettings(const Location& location, const S3Options& options) {
  return Resolver(location, options).Run();
}

}  // namespace hadron::storage::s3
