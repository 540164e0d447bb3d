#include "storage/local/local_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <system_error>

#include "base/strings.h"
#include "storage/local/factory.h"
#include "storage/object_name.h"

namespace hadron::storage::local {
namespace {

constexpr std::uint64_t kChunk = std::uint64_t{4} << 20;

std::string TagOf(const struct stat& info) {
  return fmt::format("{:x}-{:x}.{:09}-{:x}", info.st_size, info.st_mtim.tv_sec,
                     info.st_mtim.tv_nsec, info.st_ino);
}

/// Nothing for what is neither a directory nor a regular file.
std::optional<Entry> ToEntry(std::string_view name, const struct stat& info) {
  if (S_ISDIR(info.st_mode)) return Entry{.name = std::string(name), .directory = true, .tag = {}};
  if (!S_ISREG(info.st_mode)) return std::nullopt;
  return Entry{.name = std::string(name),
               .directory = false,
               .size = static_cast<std::uint64_t>(info.st_size),
               .tag = TagOf(info)};
}

std::pair<std::string_view, std::string_view> SplitName(std::string_view name) {
  const auto at = name.rfind('/');
  if (at == std::string_view::npos) return {std::string_view(), name};
  return {name.substr(0, at), name.substr(at + 1)};
}

base::Status ReportProgress(const FetchOptions& options, std::string_view name, std::uint64_t done,
                            std::uint64_t total) {
  if (!options.progress || options.progress(done, total)) return base::OkStatus();
  return base::Cancelled(fmt::format("fetching '{}' was cancelled", name));
}

struct CloseDirectory {
  void operator()(DIR* stream) const { closedir(stream); }
};
using DirectoryStream = std::unique_ptr<DIR, CloseDirectory>;

}  // namespace

std::string LocalStore::PathOf(std::string_view name) const {
  return name.empty() ? root_ : fmt::format("{}/{}", root_, name);
}

base::Status LocalStore::Error(std::string_view name) const {
  const int code = errno;
  const std::string at = fmt::format("repository '{}', '{}'", root_, name);
  switch (code) {
    case ENOENT:
    case ENOTDIR:
      return base::NotFound(at + " does not exist");
    case EXDEV:
      return base::PermissionDenied(at + " is a link that leads out of its directory");
    case ELOOP:
      return base::PermissionDenied(at + " is a link that may not be followed");
    case EACCES:
    case EPERM:
      return base::PermissionDenied(at + " may not be read by this user");
    default:
      return base::Unavailable(
          fmt::format("{} cannot be read: {}", at, std::generic_category().message(code)));
  }
}

base::Status LocalStore::Changed(std::string_view name) const {
  return base::Unavailable(
      fmt::format("repository '{}', '{}' changed while it was read", root_, name));
}

base::StatusOr<Fd> LocalStore::OpenDirectory(std::string_view name) const {
  Fd fd(open(PathOf(name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok()) return Error(name);
  return fd;
}

base::StatusOr<std::vector<Entry>> LocalStore::List(std::string_view directory) {
  HADRON_RETURN_IF_ERROR(CheckObjectName(directory));
  HADRON_ASSIGN_OR_RETURN(Fd fd, OpenDirectory(directory));
  const DirectoryStream stream(fdopendir(fd.get()));
  if (stream == nullptr) return Error(directory);
  const int at = fd.Release();  // the stream owns it now
  std::vector<Entry> entries;
  while (const dirent* child = readdir(stream.get())) {
    struct stat info {};
    // A child that vanished or a link to nowhere is no child.
    if (!IsPlainName(child->d_name) || fstatat(at, child->d_name, &info, 0) != 0) continue;
    if (entries.size() == kMaxEntries) {
      return base::ResourceExhausted(fmt::format("repository '{}', '{}' has more than {} entries",
                                                 root_, directory, kMaxEntries));
    }
    if (auto entry = ToEntry(child->d_name, info)) entries.push_back(std::move(*entry));
  }
  std::ranges::sort(entries, {}, &Entry::name);
  return entries;
}

base::StatusOr<Entry> LocalStore::Stat(std::string_view name) {
  HADRON_RETURN_IF_ERROR(CheckObjectName(name));
  struct stat info {};
  if (stat(PathOf(name).c_str(), &info) != 0) return Error(name);
  auto entry = ToEntry(SplitName(name).second, info);
  if (!entry) {
    return base::InvalidArgument(
        fmt::format("repository '{}', '{}' is neither a file nor a directory", root_, name));
  }
  return *std::move(entry);
}

base::StatusOr<LocalStore::Source> LocalStore::OpenFile(std::string_view name,
                                                        std::uint64_t max_bytes) const {
  HADRON_RETURN_IF_ERROR(CheckObjectName(name));
  const auto [directory, file] = SplitName(name);
  HADRON_ASSIGN_OR_RETURN(const Fd parent, OpenDirectory(directory));
  // Without O_NONBLOCK a FIFO would hold this thread until somebody writes to it.
  Fd fd = file.empty() ? Fd()
                       : OpenBeneath(parent, std::string(file), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat info {};
  if (!file.empty() && (!fd.ok() || fstat(fd.get(), &info) != 0)) return Error(name);
  if (!S_ISREG(info.st_mode)) {
    return base::InvalidArgument(
        fmt::format("repository '{}', '{}' is not a regular file", root_, name));
  }
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size > max_bytes) {
    return base::ResourceExhausted(fmt::format(
        "repository '{}', '{}' has {} bytes; at most {} are read", root_, name, size, max_bytes));
  }
  return Source{std::move(fd), size, TagOf(info)};
}

base::Status LocalStore::ReadAt(const Source& source, std::string_view name, std::uint64_t offset,
                                std::span<std::byte> to) const {
  while (!to.empty()) {
    const ssize_t got = pread(source.fd.get(), to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error(name);
    if (got == 0) return Changed(name);
    to = to.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return base::OkStatus();
}

base::Status LocalStore::CheckUnchanged(const Source& source, std::string_view name) const {
  struct stat info {};
  if (fstat(source.fd.get(), &info) != 0) return Error(name);
  return TagOf(info) == source.tag ? base::OkStatus() : Changed(name);
}

base::Status LocalStore::CheckExpected(const Source& source, std::string_view name,
                                       const FetchOptions& options) const {
  const bool expected = options.expected_tag.empty() || options.expected_tag == source.tag;
  return expected ? base::OkStatus() : Changed(name);
}

base::StatusOr<base::IoBuf> LocalStore::Fetch(std::string_view name, const FetchOptions& options) {
  HADRON_ASSIGN_OR_RETURN(const Source source, OpenFile(name, options.max_bytes));
  std::shared_ptr<std::byte[]> bytes;
  try {
    bytes = std::make_shared_for_overwrite<std::byte[]>(source.size);
  } catch (const std::bad_alloc&) {
    return base::ResourceExhausted(
        fmt::format("no memory for the {} bytes of '{}'", source.size, name));
  }
  HADRON_RETURN_IF_ERROR(CheckExpected(source, name, options));
  const std::span<std::byte> all(bytes.get(), source.size);
  for (std::uint64_t done = 0; done < source.size;) {
    const std::uint64_t count = std::min(kChunk, source.size - done);
    HADRON_RETURN_IF_ERROR(ReadAt(source, name, done, all.subspan(done, count)));
    done += count;
    HADRON_RETURN_IF_ERROR(ReportProgress(options, name, done, source.size));
  }
  HADRON_RETURN_IF_ERROR(CheckUnchanged(source, name));
  if (options.digest != nullptr) *options.digest = base::Sha256::Of(all);
  return base::IoBuf::Wrap(all, bytes);
}

base::Status LocalStore::FetchInto(std::string_view name, FetchTarget& target,
                                   const FetchOptions& options) {
  HADRON_ASSIGN_OR_RETURN(const Source source, OpenFile(name, options.max_bytes));
  HADRON_RETURN_IF_ERROR(CheckExpected(source, name, options));
  HADRON_RETURN_IF_ERROR(target.Begin(source.size));
  base::Sha256 hash;
  std::vector<std::byte> chunk(std::min(kChunk, source.size));
  for (std::uint64_t done = 0; done < source.size;) {
    const std::span<std::byte> part(chunk.data(), std::min(kChunk, source.size - done));
    HADRON_RETURN_IF_ERROR(ReadAt(source, name, done, part));
    HADRON_RETURN_IF_ERROR(target.Write(done, part));
    if (options.digest != nullptr) hash.Update(part);
    done += part.size();
    HADRON_RETURN_IF_ERROR(ReportProgress(options, name, done, source.size));
  }
  HADRON_RETURN_IF_ERROR(CheckUnchanged(source, name));
  if (options.digest != nullptr) *options.digest = hash.Finish();
  return {};
}

std::optional<std::string> LocalStore::LocalPath(std::string_view directory) {
  if (!CheckObjectName(directory).ok() || !OpenDirectory(directory).ok()) return std::nullopt;
  return PathOf(directory);
}

}  // namespace hadron::storage::local

namespace hadron::storage {

base::StatusOr<std::unique_ptr<ObjectStore>> OpenLocalStore(std::string root) {
  while (root.size() > 1 && root.ends_with('/')) root.pop_back();
  auto store = std::make_unique<local::LocalStore>(std::move(root));
  HADRON_ASSIGN_OR_RETURN(const auto entries, store->List(""));
  return std::unique_ptr<ObjectStore>(std::move(store));
}

}  // namespace hadron::storage
