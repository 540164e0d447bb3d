#include "storage/artifact_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "storage/artifact_files.h"
#include "storage/atomic_file.h"
#include "storage/object_name.h"

namespace hadron::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFiles = 10'000;
constexpr int kTries = 3;
constexpr auto kLeftBehind = std::chrono::hours(1);
constexpr const char* kSums = "SHA256SUMS";

std::int64_t ModifiedMs(const struct stat& info) {
  return std::int64_t{info.st_mtim.tv_sec} * 1000 + info.st_mtim.tv_nsec / 1'000'000;
}

}  // namespace

/// What FetchTree was asked for.
struct ArtifactCache::Wanted {
  ObjectStore& store;
  const std::string& directory;
  const FetchOptions& options;
  std::vector<Remote> files;
  bool wrong_sums = false;  ///< what came is not what SHA256SUMS names

  std::string NameOf(const Remote& remote) const { return JoinName(directory, remote.name); }
};

LocalTree::LocalTree(LocalTree&& other) noexcept { *this = std::move(other); }

LocalTree& LocalTree::operator=(LocalTree&& other) noexcept {
  std::swap(cache_, other.cache_);
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  std::swap(pinned_, other.pinned_);
  return *this;
}

LocalTree::~LocalTree() {
  if (cache_ != nullptr) cache_->Release(*this);
}

ArtifactCache::ArtifactCache(Options options, const base::Clock& clock)
    : options_(std::move(options)), clock_(clock) {
  const base::MutexLock lock(mutex_);
  budget_ = options_.budget;
  if (options_.directory.empty()) return;
  std::error_code error;
  fs::create_directories(options_.directory + "/objects", error);
  fs::create_directories(options_.directory + "/trees", error);
  writable_ = CanWrite();
  ReadDirectory();
  if (options_.budget_beside_held) budget_ += counts_.bytes;
  if (writable_) RemoveStaleTrees();
}

std::string ArtifactCache::ObjectPath(const std::string& file) const {
  return fmt::format("{}/objects/{}", options_.directory, file);
}

bool ArtifactCache::CanWrite() const {
  return access((options_.directory + "/objects").c_str(), W_OK | X_OK) == 0 &&
         access((options_.directory + "/trees").c_str(), W_OK | X_OK) == 0;
}

/// Not the store is what fails, but the place for the files.
bool ArtifactCache::IsOfDisk(base::StatusCode code) const {
  return code == base::StatusCode::kResourceExhausted || code == base::StatusCode::kInternal ||
         (code == base::StatusCode::kPermissionDenied && !CanWrite());
}

void ArtifactCache::ReadDirectory() {
  if (writable_) RemoveStaleParts(options_.directory + "/objects");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options_.directory + "/objects", error)) {
    const std::string file = entry.path().filename().string();
    struct stat info {};
    if (lstat(entry.path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    const auto name = CopyName::Parse(file);
    const std::int64_t used = ModifiedMs(info);
    if (name && name->size == static_cast<std::uint64_t>(info.st_size)) {
      if (held_.try_emplace(name->identity, Held{file, name->sha256, name->size, used}).second) {
        counts_.bytes += name->size;
        continue;
      }
    }
    if (writable_ && !file.ends_with(".part") &&
        (name || clock_.WallMs() - used > std::chrono::milliseconds(kLeftBehind).count())) {
      unlink(entry.path().c_str());  // cut short, or left between two renames
    }
  }
}

void ArtifactCache::RemoveStaleTrees() const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options_.directory + "/trees", error)) {
    const int lock = LockDirectory(entry.path().string());
    if (lock < 0) continue;  // another process uses it
    std::error_code ignored;
    fs::remove_all(entry.path(), ignored);
    close(lock);
  }
}

ArtifactCache::Counts ArtifactCache::counts() const {
  const base::MutexLock lock(mutex_);
  Counts counts = counts_;
  counts.entries = held_.size();
  return counts;
}

base::StatusOr<std::vector<ArtifactCache::Remote>> ArtifactCache::ListFiles(
    ObjectStore& store, const std::string& directory) const {
  HADRON_ASSIGN_OR_RETURN(const auto entries, store.ListTree(directory));
  if (entries.size() > kMaxFiles) {
    return base::ResourceExhausted(
        fmt::format("'{}' of {} has more than {} files", directory, store.url(), kMaxFiles));
  }
  std::map<std::string, Remote> files;
  for (const Entry& entry : entries) {
    // An object that is called as a "directory" is cannot be a file beside it; it comes before.
    for (std::size_t at = entry.name.find('/'); at != std::string::npos;
         at = entry.name.find('/', at + 1)) {
      files.erase(entry.name.substr(0, at));
    }
    files[entry.name] = {entry.name, entry.size, entry.tag};
  }
  std::vector<Remote> list;
  for (auto& [name, file] : files) list.push_back(std::move(file));
  return list;
}

base::StatusOr<LocalTree> ArtifactCache::NewTree(bool scratch) {
  const std::string place = !scratch                    ? options_.directory + "/trees"
                            : !options_.scratch.empty() ? options_.scratch
                                                        : fs::temp_directory_path().string();
  std::string path = place + "/hadron.XXXXXX";
  LocalTree tree;
  if (mkdtemp(path.data()) == nullptr) {
    return base::PermissionDenied(
        fmt::format("no directory can be made in '{}': {}; set --cache-dir", place,
                    std::generic_category().message(errno)));
  }
  tree.cache_ = this;
  tree.lock_ = LockDirectory(path);
  tree.path_ = std::move(path);
  return tree;
}

void ArtifactCache::Release(LocalTree& tree) {
  std::error_code ignored;
  fs::remove_all(tree.path_, ignored);
  if (tree.lock_ >= 0) close(tree.lock_);
  const base::MutexLock lock(mutex_);
  for (const std::string& identity : tree.pinned_) {
    const auto held = held_.find(identity);
    if (held != held_.end()) --held->second.pins;
  }
}

void ArtifactCache::Forget(const std::string& identity) {
  const base::MutexLock lock(mutex_);
  const auto held = held_.find(identity);
  if (held == held_.end()) return;
  unlink(ObjectPath(held->second.file).c_str());
  counts_.bytes -= held->second.size;
  held_.erase(held);
}

bool ArtifactCache::Verify(const std::string& identity, const Held& held) {
  if (held.verified) return true;
  const auto sum = HashFile(ObjectPath(held.file));
  if (!sum.ok() || *sum != held.sha256) {
    base::LogWarning("a cached file has changed on the disk, it is fetched again",
                     {{"file", ObjectPath(held.file)}});
    return false;
  }
  const base::MutexLock lock(mutex_);
  const auto at = held_.find(identity);
  if (at != held_.end()) at->second.verified = true;
  return true;
}

bool ArtifactCache::TakeHeld(const std::string& identity, const std::string& target,
                             LocalTree& tree, std::string& sha256) {
  Held held;
  {
    const base::MutexLock lock(mutex_);
    const auto at = held_.find(identity);
    if (at == held_.end()) return false;
    ++at->second.pins;
    at->second.used_ms = clock_.WallMs();
    held = at->second;
  }
  tree.pinned_.push_back(identity);
  const std::string path = ObjectPath(held.file);
  if (!Verify(identity, held) || !LinkOrCopy(path, target).ok()) {
    tree.pinned_.pop_back();
    Forget(identity);
    return false;
  }
  utimensat(AT_FDCWD, path.c_str(), nullptr,
            0);  // for the next start; may fail on a read-only disk
  sha256 = held.sha256;
  const base::MutexLock lock(mutex_);
  ++counts_.hits;
  return true;
}

/// Promises `size` bytes, if what is not in use can make way for them.
bool ArtifactCache::MakeRoom(std::uint64_t size) {
  std::error_code error;
  const fs::space_info space = fs::space(options_.directory, error);
  const std::uint64_t free = error ? 0 : static_cast<std::uint64_t>(space.available);
  const base::MutexLock lock(mutex_);
  std::uint64_t freed = 0;
  const auto fits = [&]() HADRON_NO_ANALYSIS {
    return counts_.bytes + promised_ + size <= budget_ &&
           free + freed >= promised_ + size + options_.keep_free;
  };
  if (size > budget_) return false;
  while (!fits()) {
    auto oldest = held_.end();
    for (auto at = held_.begin(); at != held_.end(); ++at) {
      const bool older = oldest == held_.end() || at->second.used_ms < oldest->second.used_ms;
      if (at->second.pins == 0 && older) oldest = at;
    }
    if (oldest == held_.end()) return false;
    unlink(ObjectPath(oldest->second.file).c_str());
    counts_.bytes -= oldest->second.size;
    freed += oldest->second.size;
    ++counts_.evictions;
    held_.erase(oldest);
  }
  promised_ += size;
  return true;
}

/// Fetches an object into the cache; the caller holds a promise for its bytes.
base::StatusOr<std::string> ArtifactCache::Keep(const Wanted& wanted, const Remote& remote,
                                                const std::string& identity) {
  base::Sha256Digest digest{};
  FetchOptions options = wanted.options;
  options.expected_tag = remote.tag;
  options.digest = &digest;
  const std::string fetched = ObjectPath(identity + ".fetched");
  HADRON_RETURN_IF_ERROR(wanted.store.FetchToFile(wanted.NameOf(remote), fetched, options));
  const CopyName name{identity, base::ToHex(digest), remote.size};
  if (rename(fetched.c_str(), ObjectPath(name.Text()).c_str()) != 0) {
    return base::Internal(
        fmt::format("renaming '{}': {}", fetched, std::generic_category().message(errno)));
  }
  const base::MutexLock lock(mutex_);
  const auto [at, is_new] = held_.try_emplace(identity);
  if (is_new) {
    at->second = {name.Text(), name.sha256, name.size, clock_.WallMs(), 0, true};
    counts_.bytes += name.size;
  }
  return name.sha256;
}

base::StatusOr<std::string> ArtifactCache::Provide(const Wanted& wanted, const Remote& remote,
                                                   bool keep, LocalTree& tree) {
  const std::string target = fmt::format("{}/{}", tree.path(), remote.name);
  const std::string identity =
      IdentityOf(wanted.store.url(), wanted.NameOf(remote), remote.size, remote.tag);
  std::string sha256;
  if (TakeHeld(identity, target, tree, sha256)) return sha256;
  {
    const base::MutexLock lock(mutex_);
    ++counts_.misses;
  }
  if (keep && MakeRoom(remote.size)) {
    auto kept = Keep(wanted, remote, identity);
    {
      const base::MutexLock lock(mutex_);
      promised_ -= remote.size;
    }
    HADRON_RETURN_IF_ERROR(std::move(kept).status());
    if (TakeHeld(identity, target, tree, sha256)) return sha256;
  }
  base::Sha256Digest digest{};
  FetchOptions options = wanted.options;
  options.expected_tag = remote.tag;
  options.digest = &digest;
  HADRON_RETURN_IF_ERROR(wanted.store.FetchToFile(wanted.NameOf(remote), target, options));
  return base::ToHex(digest);
}

base::StatusOr<LocalTree> ArtifactCache::FillTree(Wanted& wanted, bool keep) {
  HADRON_ASSIGN_OR_RETURN(LocalTree tree, NewTree(!keep));
  std::map<std::string, std::string> sums;
  for (const Remote& remote : wanted.files) {
    if (remote.size > wanted.options.max_bytes) {
      return base::InvalidArgument(fmt::format("'{}' of {} has {} bytes; at most {} are fetched",
                                               wanted.NameOf(remote), wanted.store.url(),
                                               remote.size, wanted.options.max_bytes));
    }
    std::error_code error;
    fs::create_directories(fs::path(tree.path() + "/" + remote.name).parent_path(), error);
    HADRON_ASSIGN_OR_RETURN(sums[remote.name], Provide(wanted, remote, keep, tree));
  }
  if (!sums.contains(kSums)) return tree;
  HADRON_ASSIGN_OR_RETURN(
      const base::IoBuf text,
      wanted.store.Fetch(JoinName(wanted.directory, kSums), {.max_bytes = std::uint64_t{1} << 20}));
  base::Status right = CheckSums(text.ToString(), sums);
  if (right.ok()) return tree;
  wanted.wrong_sums = true;
  for (const std::string& identity : tree.pinned_) Forget(identity);
  return std::move(right).With(fmt::format("{}/{}", wanted.store.url(), wanted.directory));
}

base::StatusOr<LocalTree> ArtifactCache::FetchTree(ObjectStore& store, const std::string& directory,
                                                   const FetchOptions& options) {
  Wanted wanted{store, directory, options, {}, false};
  HADRON_ASSIGN_OR_RETURN(wanted.files, ListFiles(store, directory));
  bool keep = writable_;
  for (int tried = 1;; ++tried) {
    auto tree = FillTree(wanted, keep);
    if (tree.ok() || tree.code() == base::StatusCode::kCancelled) return tree;
    if (keep && IsOfDisk(tree.code())) {
      base::LogWarning("model files cannot be kept, they are fetched without the cache",
                       {{"directory", options_.directory}, {"reason", tree.message()}});
      keep = false;
      tree = FillTree(wanted, keep);
      if (tree.ok()) return tree;
    }
    // Torn or gone: another listing says whether something was replaced meanwhile.
    auto now = ListFiles(store, directory);
    if (!now.ok() || tried == kTries) return tree;
    if (*now == wanted.files && !std::exchange(wanted.wrong_sums, false)) return tree;
    wanted.files = std::move(now).value();
  }
}

}  // namespace hadron::storage
