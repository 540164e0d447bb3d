#include "storage/artifact_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
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
constexpr std::uint64_t kMaxSumsBytes = std::uint64_t{1} << 20;
constexpr std::size_t kChunk = std::size_t{4} << 20;

std::int64_t ModifiedMs(const struct stat& info) {
  return std::int64_t{info.st_mtim.tv_sec} * 1000 + info.st_mtim.tv_nsec / 1'000'000;
}

}  // namespace

/// A file of a tree and where it comes from.
struct ArtifactCache::Arriving {
  Remote remote;
  std::string identity;
  std::shared_ptr<const Artifact> artifact;
  std::optional<AtomicFile> part;  ///< will be kept
  std::string sha256;              ///< of a copy that is held and has not been verified yet
  std::uint64_t promised = 0;
  bool here = false;  ///< nothing is to be done
  bool pinned = false;
};

/// What UseTree was asked for, and what it has learnt.
struct ArtifactCache::Wanted {
  const TreeRequest& request;
  std::vector<Remote> files;
  bool again = false;  ///< what came was wrong, and may come right
  base::Status used;   ///< what the user of the files said
};

/// The work of getting a tree's files, and how it went. Shared by who does it and who waits.
class ArtifactCache::Delivery {
 public:
  explicit Delivery(const TreeRequest& request)
      : store(request.store), directory(request.directory), fetch(request.fetch) {
    fetch.progress = [this, outer = request.fetch.progress](std::uint64_t done,
                                                            std::uint64_t total) {
      return !cancelled.load() && (!outer || outer(done, total));
    };
  }

  std::string NameOf(const Remote& remote) const { return JoinName(directory, remote.name); }
  /// Waits until all has come, or will not.
  base::Status Settle() const {
    base::Status worst;
    for (const Arriving& file : files) {
      base::Status status = file.artifact->Settle();
      if (worst.ok()) worst = std::move(status);
    }
    return worst;
  }

  ObjectStore& store;
  const std::string directory;
  FetchOptions fetch;
  std::vector<Arriving> files;  ///< as they come
  std::map<std::string, std::string> sums;
  std::atomic<bool> cancelled{false};
  std::atomic<bool> wrong_bytes{false};  ///< worth another attempt
};

std::shared_ptr<const base::ByteSource> FetchedTree::Find(const std::string& name) const {
  const auto found = files_.find(name);
  return found == files_.end() ? nullptr : found->second;
}

ArtifactCache::ArtifactCache(Options options, const base::Clock& clock, base::Executor* fetcher)
    : options_(std::move(options)), clock_(clock), fetcher_(fetcher) {
  const base::MutexLock lock(mutex_);
  budget_ = options_.budget;
  if (options_.directory.empty()) return;
  std::error_code error;
  fs::create_directories(options_.directory + "/objects", error);
  writable_ = CanWrite();
  ReadDirectory();
  if (options_.budget_beside_held) budget_ += counts_.bytes;
}

std::string ArtifactCache::ObjectPath(const std::string& file) const {
  return fmt::format("{}/objects/{}", options_.directory, file);
}

bool ArtifactCache::CanWrite() const {
  return access((options_.directory + "/objects").c_str(), W_OK | X_OK) == 0;
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

ArtifactCache::Counts ArtifactCache::counts() const {
  const base::MutexLock lock(mutex_);
  Counts counts = counts_;
  counts.entries = held_.size();
  counts.budget = budget_;
  return counts;
}

base::StatusOr<std::vector<ArtifactCache::Remote>> ArtifactCache::ListFiles(
    ObjectStore& store, const std::string& directory) const {
  HADRON_ASSIGN_OR_RETURN(const auto entries, store.ListTree(directory));
  if (entries.size() > kMaxFiles) {
    return base::ResourceExhausted(
        fmt::format("'{}' of {} has more than {} files", directory, store.url(), kMaxFiles));
  }
  return Files(entries);
}

std::vector<ArtifactCache::Remote> ArtifactCache::Files(const std::vector<Entry>& entries) {
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

std::string ArtifactCache::ScratchDirectory() const {
  return options_.scratch.empty() ? fs::temp_directory_path().string() : options_.scratch;
}

void ArtifactCache::Forget(const std::string& identity) {
  const base::MutexLock lock(mutex_);
  const auto held = held_.find(identity);
  if (held == held_.end()) return;
  unlink(ObjectPath(held->second.file).c_str());
  counts_.bytes -= held->second.size;
  SetOnDisk(identity, 0);
  held_.erase(held);
}

void ArtifactCache::Unpin(const std::string& identity) {
  const base::MutexLock lock(mutex_);
  const auto held = held_.find(identity);
  if (held != held_.end() && held->second.pins > 0) --held->second.pins;
}

std::optional<ArtifactCache::Arriving> ArtifactCache::TakeHeld(const Remote& remote,
                                                               const std::string& identity) {
  Held held;
  {
    const base::MutexLock lock(mutex_);
    const auto at = held_.find(identity);
    if (at == held_.end()) return std::nullopt;
    ++at->second.pins;
    at->second.used_ms = clock_.WallMs();
    held = at->second;
  }
  const std::string path = ObjectPath(held.file);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat info {};
  if (fd < 0 || fstat(fd, &info) != 0 || static_cast<std::uint64_t>(info.st_size) != held.size) {
    if (fd >= 0) close(fd);
    Forget(identity);
    return std::nullopt;
  }
  futimens(fd, nullptr);  // for the next start; may fail on a read-only disk
  Arriving file;
  file.remote = remote;
  file.identity = identity;
  file.artifact = std::make_shared<const Artifact>(fd, held.size);
  file.artifact->arrival().Add(0, held.size);
  file.sha256 = held.sha256;
  file.pinned = true;
  file.here = held.verified;
  if (file.here) file.artifact->arrival().End({});
  const base::MutexLock lock(mutex_);
  ++counts_.hits;
  return file;
}

/// That a copy from an earlier start still has its bytes.
base::Status ArtifactCache::Verify(const Arriving& file) {
  base::Sha256 hash;
  std::vector<std::byte> chunk(kChunk);
  base::Status status;
  for (std::uint64_t done = 0; done < file.remote.size && status.ok();) {
    const auto part =
        std::span(chunk).first(std::min<std::uint64_t>(kChunk, file.remote.size - done));
    status = file.artifact->ReadBack(done, part);
    hash.Update(part);
    done += part.size();
  }
  if (status.ok() && base::ToHex(hash.Finish()) == file.sha256) {
    const base::MutexLock lock(mutex_);
    const auto at = held_.find(file.identity);
    if (at != held_.end()) at->second.verified = true;
    return {};
  }
  base::LogWarning("a cached file has changed on the disk, it is fetched again",
                   {{"object", file.remote.name}, {"sha256", file.sha256}});
  Forget(file.identity);
  return base::Unavailable(
      fmt::format("the cached copy of '{}' has changed on the disk", file.remote.name));
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
    SetOnDisk(oldest->first, 0);
    held_.erase(oldest);
  }
  promised_ += size;
  return true;
}

void ArtifactCache::TakeBackPromise(Arriving& file) {
  const base::MutexLock lock(mutex_);
  promised_ -= std::exchange(file.promised, 0);
}

base::StatusOr<ArtifactCache::Arriving> ArtifactCache::Make(const Remote& remote,
                                                            std::string identity, bool keep) {
  Arriving file;
  file.remote = remote;
  file.identity = std::move(identity);
  int fd = -1;
  if (keep && MakeRoom(remote.size)) {
    file.promised = remote.size;
    auto part = AtomicFile::Create(ObjectPath(file.identity + ".fetched"));
    base::Status made = part.ok() ? part->Resize(remote.size) : part.CloneStatus();
    auto copy = made.ok() ? part->Duplicate() : base::StatusOr<int>(std::move(made));
    if (!copy.ok()) {
      TakeBackPromise(file);
      return std::move(copy).status();
    }
    fd = *copy;
    file.part.emplace(*std::move(part));
  } else {
    auto nameless = NamelessFile(ScratchDirectory(), remote.size);
    if (!nameless.ok()) {
      const std::string what = fmt::format("no file can be made in '{}': {}; set --cache-dir",
                                           ScratchDirectory(), nameless.message());
      return nameless.code() == base::StatusCode::kResourceExhausted ? base::ResourceExhausted(what)
                                                                     : base::PermissionDenied(what);
    }
    fd = *nameless;
  }
  file.artifact = std::make_shared<const Artifact>(fd, remote.size);
  return file;
}

base::StatusOr<ArtifactCache::Arriving> ArtifactCache::Provide(const Wanted& wanted,
                                                               const Remote& remote, bool keep) {
  const ObjectStore& store = wanted.request.store;
  const std::string name = JoinName(wanted.request.directory, remote.name);
  if (remote.size > wanted.request.fetch.max_bytes) {
    return base::InvalidArgument(fmt::format("'{}' of {} has {} bytes; at most {} are fetched",
                                             name, store.url(), remote.size,
                                             wanted.request.fetch.max_bytes));
  }
  std::string identity = IdentityOf(store.url(), name, remote.size, remote.tag);
  if (auto held = TakeHeld(remote, identity)) return *std::move(held);
  {
    const base::MutexLock lock(mutex_);
    ++counts_.misses;
  }
  return Make(remote, std::move(identity), keep);
}

base::StatusOr<std::shared_ptr<ArtifactCache::Delivery>> ArtifactCache::Order(const Wanted& wanted,
                                                                              bool keep,
                                                                              FetchedTree& tree) {
  auto delivery = std::make_shared<Delivery>(wanted.request);
  const auto add = [&](const Remote& remote) -> base::Status {
    HADRON_ASSIGN_OR_RETURN(Arriving file, Provide(wanted, remote, keep));
    tree.files_[remote.name] = file.artifact;
    tree.fetched_ = tree.fetched_ || !file.pinned;
    delivery->files.push_back(std::move(file));
    return {};
  };
  base::Status status;
  for (const bool first : {true, false}) {
    for (const Remote& remote : wanted.files) {
      if (status.ok() && (remote.name == wanted.request.first) == first) status = add(remote);
    }
  }
  if (status.ok()) {
    tree.on_disk_ = Watch(*delivery);
    return delivery;
  }
  for (Arriving& file : delivery->files) {
    if (file.pinned) Unpin(file.identity);
    TakeBackPromise(file);
  }
  return status;
}

BytesOnDisk ArtifactCache::Watch(const Delivery& delivery) {
  std::vector<std::shared_ptr<const BytesOnDisk::File>> files;
  const base::MutexLock lock(mutex_);
  std::erase_if(watched_, [](const auto& entry) { return entry.second.expired(); });
  for (const Arriving& file : delivery.files) {
    std::weak_ptr<BytesOnDisk::File>& watched = watched_[file.identity];
    auto counter = watched.lock();
    if (counter == nullptr) {
      const auto held = held_.find(file.identity);
      counter = std::make_shared<BytesOnDisk::File>(held == held_.end() ? 0 : held->second.size);
      watched = counter;
    }
    files.push_back(std::move(counter));
  }
  return BytesOnDisk(std::move(files));
}

void ArtifactCache::SetOnDisk(const std::string& identity, std::uint64_t bytes) {
  const auto watched = watched_.find(identity);
  if (watched == watched_.end()) return;
  if (const auto counter = watched->second.lock()) counter->store(bytes);
}

/// One file: it is right and others may have it, or why not.
base::Status ArtifactCache::Bring(Delivery& delivery, Arriving& file) {
  if (file.here) return {};
  if (!file.sha256.empty()) {
    base::Status status = Verify(file);
    if (!status.ok()) delivery.wrong_bytes = true;
    return status;
  }
  base::Sha256Digest digest{};
  FetchOptions options = delivery.fetch;
  options.expected_tag = file.remote.tag;
  options.digest = &digest;
  ArtifactTarget target(*file.artifact);
  base::Status status = delivery.store.FetchInto(delivery.NameOf(file.remote), target, options);
  if (target.used()) delivery.wrong_bytes = true;
  HADRON_RETURN_IF_ERROR(std::move(status));
  file.sha256 = base::ToHex(digest);
  Publish(file, digest);
  return {};
}

/// The copy is there for others from here on. What is wrong with the disk is no trouble of the
/// load, which has the file open.
void ArtifactCache::Publish(Arriving& file, const base::Sha256Digest& digest) {
  if (!file.part) return;
  const CopyName name{file.identity, base::ToHex(digest), file.remote.size};
  const base::Status status = file.part->Publish(ObjectPath(name.Text()));
  TakeBackPromise(file);
  if (!status.ok()) {
    base::LogWarning("a model file cannot be kept", {{"reason", status.message()}});
    file.part.reset();
    return;
  }
  const base::MutexLock lock(mutex_);
  const auto [at, is_new] = held_.try_emplace(file.identity);
  if (!is_new) return;
  at->second = {name.Text(), name.sha256, name.size, clock_.WallMs(), 1, true};
  counts_.bytes += name.size;
  SetOnDisk(file.identity, name.size);
  file.pinned = true;
}

/// Brings one file after the other; the first that fails ends it.
void ArtifactCache::Deliver(Delivery& delivery) {
  base::Status status;
  for (Arriving& file : delivery.files) {
    if (status.ok()) status = Bring(delivery, file);
    if (file.promised > 0) TakeBackPromise(file);
    file.artifact->arrival().End(status.Clone());
  }
  // Nobody waits for the disk.
  for (Arriving& file : delivery.files) {
    if (!file.part || !status.ok()) continue;
    const base::Status synced = file.part->Sync();
    if (synced.ok()) continue;
    base::LogWarning("a model file cannot be kept", {{"reason", synced.message()}});
    Forget(file.identity);
  }
}

base::Status ArtifactCache::UseOnce(Wanted& wanted, bool keep, const TreeUser& use) {
  FetchedTree tree;
  HADRON_ASSIGN_OR_RETURN(const auto delivery, Order(wanted, keep, tree));
  if (fetcher_ == nullptr) {
    Deliver(*delivery);
  } else {
    fetcher_->Post([this, delivery] { Deliver(*delivery); });
  }
  wanted.used = fetcher_ == nullptr ? delivery->Settle() : base::OkStatus();
  if (wanted.used.ok()) wanted.used = use(tree);
  if (wanted.used.code() == base::StatusCode::kCancelled) delivery->cancelled = true;
  // What became of the files says more than what somebody could not do with them.
  base::Status came = delivery->Settle();
  if (came.ok()) came = CheckTree(*delivery, wanted);
  for (const Arriving& file : delivery->files) {
    if (file.pinned) Unpin(file.identity);
  }
  wanted.again = wanted.again || delivery->wrong_bytes;
  return came;
}

base::Status ArtifactCache::CheckTree(const Delivery& delivery, Wanted& wanted) {
  std::map<std::string, std::string> sums;
  const Artifact* listed = nullptr;
  for (const Arriving& file : delivery.files) {
    sums[file.remote.name] = file.sha256;
    if (file.remote.name == kSums) listed = file.artifact.get();
  }
  if (listed == nullptr) return {};
  if (listed->size() > kMaxSumsBytes) {
    return base::InvalidArgument(fmt::format("{} has {} bytes", kSums, listed->size()));
  }
  HADRON_ASSIGN_OR_RETURN(const base::IoBuf text, base::ReadRange(*listed, 0, listed->size()));
  base::Status right = CheckSums(text.ToString(), sums);
  if (right.ok()) return right;
  wanted.again = true;
  for (const Arriving& file : delivery.files) Forget(file.identity);
  return std::move(right).With(fmt::format("{}/{}", delivery.store.url(), delivery.directory));
}

base::Status ArtifactCache::UseTree(const TreeRequest& request, const TreeUser& use) {
  Wanted wanted{request, {}, false, {}};
  if (request.listed != nullptr) {
    wanted.files = Files(*request.listed);
  } else {
    HADRON_ASSIGN_OR_RETURN(wanted.files, ListFiles(request.store, request.directory));
  }
  bool keep = writable_;
  for (int tried = 1;; ++tried) {
    base::Status status = UseOnce(wanted, keep, use);
    if (status.ok() || wanted.used.code() == base::StatusCode::kCancelled) {
      return std::move(wanted.used);
    }
    if (status.code() == base::StatusCode::kCancelled) return status;
    if (keep && IsOfDisk(status.code())) {
      base::LogWarning("model files cannot be kept, they are fetched without the cache",
                       {{"directory", options_.directory}, {"reason", status.message()}});
      keep = false;
      status = UseOnce(wanted, keep, use);
      if (status.ok()) return std::move(wanted.used);
    }
    // Torn or gone: another listing says whether something was replaced meanwhile.
    auto now = ListFiles(request.store, request.directory);
    if (!now.ok() || tried == kTries) return status;
    if (*now == wanted.files && !std::exchange(wanted.again, false)) return status;
    base::LogVerbose(1, "model files are fetched again", {{"why", status.message()}});
    wanted.files = std::move(now).value();
  }
}

}  // namespace hadron::storage
