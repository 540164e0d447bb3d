#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace hadron::storage {

/// Value of an environment variable; nothing where it is not set or empty.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
/// This process's.
Environment ProcessEnvironment();

/// What is said of object stores beside their URLs. What is not said here comes from the AWS_*
/// variables and files, as the manual lists them.
struct S3Options {
  std::string addressing = "auto";    ///< auto, path or virtual
  bool anonymous = false;             ///< requests are not signed
  bool instance_credentials = false;  ///< ask the metadata service of the machine for credentials
  bool require_tls = false;           ///< refuse plain HTTP
  bool verify_etag = false;     ///< compare ETags that look like an MD5 with the content's MD5
  std::size_t connections = 8;  ///< transfers at once for one object
  std::size_t part_bytes = std::size_t{8} << 20;
  std::chrono::milliseconds stall_timeout{10'000};
  std::chrono::milliseconds retry_base{100};  ///< mean wait before the second attempt
  Environment environment = ProcessEnvironment();
  /// Set by another thread: transfers end with CANCELLED soon. Null: nobody will.
  const std::atomic<bool>* cancel = nullptr;
};

}  // namespace hadron::storage
