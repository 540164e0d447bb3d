#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "storage/s3/location.h"
#include "storage/s3/options.h"
#include "storage/s3/profile.h"
#include "storage/s3/secret.h"

namespace hadron::storage::s3 {

/// Keys that a file or a variable holds as they are.
struct StaticKeys {
  std::string access_key;
  Secret secret_key;
  Secret session_token;
};

/// A role taken with the token of the cluster that this process runs in.
struct WebIdentity {
  std::string role_arn;
  std::string token_file;
  std::string session_name;
};

/// An HTTP address that hands out credentials to containers.
struct ContainerSource {
  std::string url;
  std::string token;       ///< value of the Authorization header, if any
  std::string token_file;  ///< read anew each time; wins
};

/// Where credentials come from: the first of what is set.
struct CredentialSource {
  bool anonymous = false;
  std::optional<StaticKeys> keys;
  std::optional<WebIdentity> web_identity;
  std::optional<ContainerSource> container;
  std::string metadata_endpoint;  ///< of the machine; "" = not asked
  std::string sts_endpoint;
  std::string origin;  ///< for messages: "AWS_ACCESS_KEY_ID", "profile 'lab' of ~/.aws/credentials"
};

/// Everything that options, environment and files say of one location. A value.
struct Settings {
  std::string region;
  std::string endpoint;  ///< "" = AWS
  Addressing addressing = Addressing::kAuto;
  std::string ca_file;
  bool verify_tls = true;
  int attempts = 3;
  std::chrono::milliseconds connect_timeout{3000};
  std::chrono::milliseconds stall_timeout{10'000};
  CredentialSource credentials;
};

/// INVALID_ARGUMENT or NOT_FOUND name the variable or file that is wrong: what is configured and
/// broken never becomes "anonymous". Reads files; blocks.
base::StatusOr<Settings> ResolveSettings(const Location& location, const S3Options& options);

}  // namespace hadron::storage::s3
