#include "model/checksums.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/md5.h"
#include "base/sha256.h"
#include "base/strings.h"

namespace hadron::model {
namespace {

using base::Status;
using base::StatusOr;
using config::Checksum;

constexpr std::uint64_t kPiece = std::uint64_t{1} << 20U;

/// The version whose directory the path lies in; nothing: none.
std::optional<std::int64_t> VersionOf(const std::string& path) {
  const std::size_t slash = path.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const std::string first = path.substr(0, slash);
  const auto number = base::ParseInt64(first);
  // Directories with leading zeros are no versions.
  if (!number || *number < 0 || std::to_string(*number) != first) return std::nullopt;
  return number;
}

template <typename Update>
Status ReadAll(const base::ByteSource& source, const std::atomic<bool>& cancelled,
               const Update& update) {
  std::vector<std::byte> piece(std::min(kPiece, source.size()));
  for (std::uint64_t at = 0; at < source.size();) {
    if (cancelled.load()) return base::Cancelled("the load was given up for a newer operation");
    const std::span<std::byte> part(piece.data(), std::min(kPiece, source.size() - at));
    HADRON_RETURN_IF_ERROR(source.Read(at, part));
    update(part);
    at += part.size();
  }
  return source.Settle();
}

StatusOr<std::string> DigestOf(Checksum::Kind kind, const base::ByteSource& source,
                               const std::atomic<bool>& cancelled) {
  if (kind == Checksum::Kind::kMd5) {
    HADRON_ASSIGN_OR_RETURN(const auto md5, base::Md5::Create());
    HADRON_RETURN_IF_ERROR(ReadAll(source, cancelled, [&](auto bytes) { md5->Update(bytes); }));
    return md5->FinishHex();
  }
  base::Sha256 sha256;
  HADRON_RETURN_IF_ERROR(ReadAll(source, cancelled, [&](auto bytes) { sha256.Update(bytes); }));
  return base::ToHex(sha256.Finish());
}

}  // namespace

Status ChecksumCheck::Run(std::span<const Checksum> sums, const Open& open) const {
  for (const Checksum& sum : sums) {
    const auto of = VersionOf(sum.path);
    // Nothing is made of another version's files now.
    if (of && *of != version && model.FindVersion(*of) != nullptr) continue;
    const std::string file =
        fmt::format("checksum of '{}/{}'", model.location, base::EscapeControl(sum.path));
    auto source = open(sum.path);
    if (!source.ok()) return std::move(source).status().With(file);
    auto digest = DigestOf(sum.kind, **source, cancelled);
    if (!digest.ok()) return std::move(digest).status().With(file);
    if (*digest == sum.digest) continue;
    return base::InvalidArgument(
        fmt::format("{}: the file's is {}, the configuration (model_repository_agents) says {}",
                    file, *digest, sum.digest));
  }
  return {};
}

}  // namespace hadron::model
