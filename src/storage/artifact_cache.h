#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/sha256.h"
#include "base/status.h"
#include "base/sync.h"
#include "storage/artifact.h"
#include "storage/bytes_on_disk.h"
#include "storage/object_store.h"

namespace hadron::storage {

class ArtifactCache;

/// The files of a directory of a store, there or on their way. Lives for one use of them.
class FetchedTree {
 public:
  /// Null when there is none of that name.
  std::shared_ptr<const base::ByteSource> Find(const std::string& name) const;
  /// All of them by name.
  const std::map<std::string, std::shared_ptr<const Artifact>>& files() const { return files_; }
  /// Something of it was not held and comes from the store.
  bool fetched() const { return fetched_; }
  /// What the cache holds of them, from now on and whatever becomes of this.
  const BytesOnDisk& on_disk() const { return on_disk_; }

 private:
  friend class ArtifactCache;

  std::map<std::string, std::shared_ptr<const Artifact>> files_;
  bool fetched_ = false;
  BytesOnDisk on_disk_;
};

/// Verified copies of remote objects on disk, kept from one start to the next, the least recently
/// used go first. A copy is known by where it came from, size and tag, and by the SHA-256 of its
/// bytes; both are its file's name, so that the index is the directory itself: what a killed
/// process leaves is a stale `.part`, never a wrong entry. Several processes may share the
/// directory. Where the disk is full or may not be written, things are fetched again instead of
/// kept. Copies get their names before they are surely on disk, since the names say what they hold.
///
/// Owner: the server's wiring. Outlives the tasks that it posts. Thread-safe; blocks on disk and
/// network.
///
///     HADRON_RETURN_IF_ERROR(cache.UseTree({store, "digits/1"}, [](const FetchedTree& tree) {
///       return LoadOnnx(tree.Find("model.onnx"), ExternalData::None(), limits).status();
///     }));
class ArtifactCache {
 public:
  struct Options {
    std::string directory;  ///< "" = keep nothing
    std::uint64_t budget = 0;
    bool budget_beside_held = false;  ///< what is held already comes on top of the budget
    std::uint64_t keep_free = std::uint64_t{1} << 30;  ///< of the disk, for others
    std::string scratch;  ///< for what cannot be kept; "" = the system's directory for that
  };
  struct Counts {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t evictions = 0;
    std::uint64_t budget = 0;  ///< what `bytes` may come to
  };

  /// What is wanted of a store.
  struct TreeRequest {
    ObjectStore& store;
    std::string directory;
    FetchOptions fetch{};
    std::string first{};  ///< the file that comes before the others
    /// What a listing said not long ago: every file with its path below the directory; null: ask.
    const std::vector<Entry>* listed = nullptr;
  };
  /// May be called several times: what it made of files that then turn out to be wrong is void.
  using TreeUser = std::function<base::Status(const FetchedTree&)>;

  /// Reads what is there and removes what is of no use. Files come on `fetcher` while they are
  /// used; null: they come first.
  ArtifactCache(Options options, const base::Clock& clock, base::Executor* fetcher = nullptr);
  ArtifactCache(const ArtifactCache&) = delete;
  ArtifactCache& operator=(const ArtifactCache&) = delete;

  /// Calls `use` with everything below the directory, as one listing says. OK when `use` says so
  /// and all files have come and are right. An object that is replaced meanwhile or comes wrong
  /// makes it start over. A file SHA256SUMS among them must be right about the others. Errors as
  /// the store's; RESOURCE_EXHAUSTED and PERMISSION_DENIED also name the places on this machine
  /// that could not take the files.
  base::Status UseTree(const TreeRequest& request, const TreeUser& use);
  Counts counts() const;

 private:
  struct Held {
    std::string file;  ///< name in objects/
    std::string sha256;
    std::uint64_t size = 0;
    std::int64_t used_ms = 0;
    int pins = 0;
    bool verified = false;  ///< its bytes were hashed by this process
  };
  struct Remote {
    std::string name;  ///< below the tree
    std::uint64_t size = 0;
    std::string tag;

    bool operator==(const Remote&) const = default;
  };
  struct Wanted;
  struct Arriving;
  class Delivery;

  std::string ObjectPath(const std::string& file) const;
  bool CanWrite() const;
  void ReadDirectory() HADRON_REQUIRES(mutex_);
  base::StatusOr<std::vector<Remote>> ListFiles(ObjectStore& store,
                                                const std::string& directory) const;
  static std::vector<Remote> Files(const std::vector<Entry>& entries);
  base::Status UseOnce(Wanted& wanted, bool keep, const TreeUser& use);
  base::StatusOr<std::shared_ptr<Delivery>> Order(const Wanted& wanted, bool keep,
                                                  FetchedTree& tree);
  base::StatusOr<Arriving> Provide(const Wanted& wanted, const Remote& remote, bool keep);
  /// The file that will be the object's copy.
  base::StatusOr<Arriving> Make(const Remote& remote, std::string identity, bool keep);
  std::optional<Arriving> TakeHeld(const Remote& remote, const std::string& identity);
  void Deliver(Delivery& delivery);
  base::Status Bring(Delivery& delivery, Arriving& file);
  base::Status CheckTree(const Delivery& delivery, Wanted& wanted);
  base::Status Verify(const Arriving& file);
  void Publish(Arriving& file, const base::Sha256Digest& digest);
  void Forget(const std::string& identity);
  void Unpin(const std::string& identity);
  bool MakeRoom(std::uint64_t size);
  void TakeBackPromise(Arriving& file);
  /// Counters of these files; those that nobody asks any more are dropped.
  BytesOnDisk Watch(const Delivery& delivery);
  void SetOnDisk(const std::string& identity, std::uint64_t bytes) HADRON_REQUIRES(mutex_);
  bool IsOfDisk(base::StatusCode code) const;
  std::string ScratchDirectory() const;

  const Options options_;
  const base::Clock& clock_;
  base::Executor* const fetcher_;
  bool writable_ = false;
  mutable base::Mutex mutex_;
  std::uint64_t budget_ HADRON_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Held> held_ HADRON_GUARDED_BY(mutex_);  ///< by identity
  /// By identity: what is held of files that somebody watches.
  std::map<std::string, std::weak_ptr<BytesOnDisk::File>> watched_ HADRON_GUARDED_BY(mutex_);
  std::uint64_t promised_ HADRON_GUARDED_BY(mutex_) = 0;  ///< bytes on their way
  Counts counts_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::storage
