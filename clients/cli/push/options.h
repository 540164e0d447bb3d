#pragma once

#include <atomic>
#include <string>

namespace hadron::cli::push {

/// What `hadron-cli push` was asked.
struct Options {
  std::string model;        ///< a model's directory
  std::string destination;  ///< a repository: directory or s3:// URL
  /// Number that the model's one version gets there; "next": one more than the highest there.
  std::string as_version;
  std::string s3_addressing = "auto";
  bool s3_require_tls = false;
  bool s3_anonymous = false;
  bool s3_instance_credentials = false;
  bool json = false;
  const std::atomic<bool>* interrupted = nullptr;  ///< set by a signal; null: never
};

}  // namespace hadron::cli::push
