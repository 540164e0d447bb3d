#include "storage/artifact_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "base/bytes.h"
#include "base/sha256.h"
#include "base/strings.h"

namespace hadron::storage {
namespace {

constexpr std::size_t kHexDigits = 64;
constexpr std::size_t kChunk = std::size_t{4} << 20;

bool IsHex(std::string_view text) {
  return text.size() == kHexDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string CopyName::Text() const { return fmt::format("{}.{}.{}", identity, sha256, size); }

std::optional<CopyName> CopyName::Parse(std::string_view text) {
  const std::vector<std::string> parts = base::Split(text, '.');
  if (parts.size() != 3 || !IsHex(parts[0]) || !IsHex(parts[1])) return std::nullopt;
  const auto size = base::ParseUint64(parts[2]);
  if (!size) return std::nullopt;
  return CopyName{parts[0], parts[1], *size};
}

std::string IdentityOf(std::string_view url, std::string_view key, std::uint64_t size,
                       std::string_view tag) {
  // No part can hold a line feed, so that no two objects get one text.
  const std::string text = fmt::format("{}\n{}\n{}\n{}", url, key, size, tag);
  return base::ToHex(base::Sha256::Of(base::AsBytes(std::string_view(text))));
}

base::StatusOr<std::string> HashFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  const auto failed = [&] {
    return base::Unavailable(
        fmt::format("cannot read '{}': {}", path, std::generic_category().message(errno)));
  };
  if (fd < 0) return failed();
  base::Sha256 hash;
  std::vector<std::byte> chunk(kChunk);
  ssize_t got = 0;
  while ((got = read(fd, chunk.data(), chunk.size())) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    hash.Update(std::span(chunk).first(static_cast<std::size_t>(got)));
  }
  base::Status status = got < 0 ? failed() : base::OkStatus();
  close(fd);
  HADRON_RETURN_IF_ERROR(std::move(status));
  return base::ToHex(hash.Finish());
}

base::Status CheckSums(std::string_view text, const std::map<std::string, std::string>& sums) {
  for (const std::string& line : base::Split(text, '\n')) {
    const std::string_view content = base::Trim(line);
    if (content.empty()) continue;
    const std::string sum = base::ToLower(content.substr(0, content.find(' ')));
    std::string_view name = base::Trim(content.substr(std::min(content.size(), sum.size())));
    if (name.starts_with('*')) name.remove_prefix(1);
    if (name.starts_with("./")) name.remove_prefix(2);
    if (!IsHex(sum)) return base::InvalidArgument("SHA256SUMS has a line that is none");
    const auto found = sums.find(std::string(name));
    if (found != sums.end() && found->second == sum) continue;
    return base::Unavailable(
        fmt::format("'{}' {} SHA256SUMS", base::EscapeControl(name),
                    found == sums.end() ? "is missing, it stands in" : "does not have the sum of"));
  }
  return {};
}

}  // namespace hadron::storage
