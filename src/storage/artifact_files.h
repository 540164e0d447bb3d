#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

/// What the cache does with files, names and directories. Any thread.
namespace hadron::storage {

/// Name of a kept copy: "<identity>.<sha256>.<size>".
struct CopyName {
  std::string identity;
  std::string sha256;
  std::uint64_t size = 0;

  std::string Text() const;
  /// Nothing for a name that is none.
  static std::optional<CopyName> Parse(std::string_view text);
};

/// One object of one store in one state.
std::string IdentityOf(std::string_view url, std::string_view key, std::uint64_t size,
                       std::string_view tag);

/// Hexadecimal SHA-256 of a file's bytes.
base::StatusOr<std::string> HashFile(const std::string& path);

/// Checks lines "<sha256>  <name>" of a SHA256SUMS file against the sums of the files at hand.
/// UNAVAILABLE names the first that differs or is missing.
base::Status CheckSums(std::string_view text, const std::map<std::string, std::string>& sums);

}  // namespace hadron::storage
