#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "bench/front_message.h"

namespace hadron::bench {

/// A directory that goes when this object does.
class TempDir {
 public:
  static base::StatusOr<TempDir> Make();
  ~TempDir();
  TempDir(TempDir&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  TempDir& operator=(TempDir&&) = delete;

  const std::string& path() const { return path_; }

 private:
  explicit TempDir(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// Writes the models that the payloads ask for: Identity of the payload's shape, or `simple`.
base::Status WriteRepository(const std::vector<Payload>& payloads, const std::string& directory);

}  // namespace hadron::bench
