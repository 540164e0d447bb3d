#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/sha256.h"
#include "base/status.h"
#include "base/sync.h"
#include "storage/object_store.h"

namespace hadron::storage {

class ArtifactCache;

/// A directory of a store as files of this machine, for as long as this lives. Move-only.
class LocalTree {
 public:
  LocalTree() = default;
  LocalTree(LocalTree&& other) noexcept;
  LocalTree& operator=(LocalTree&& other) noexcept;
  ~LocalTree();

  const std::string& path() const { return path_; }

 private:
  friend class ArtifactCache;

  ArtifactCache* cache_ = nullptr;
  std::string path_;
  int lock_ = -1;                    ///< tells other processes that somebody uses the directory
  std::vector<std::string> pinned_;  ///< identities
};

/// Verified copies of remote objects on disk, kept from one start to the next, the least recently
/// used go first. A copy is known by where it came from, size and tag, and by the SHA-256 of its
/// bytes; both are its file's name, so that the index is the directory itself: what a killed
/// process leaves is a stale `.part`, never a wrong entry. Several processes may share the
/// directory. Where the disk is full or may not be written, things are fetched again instead of
/// kept.
///
/// Owner: the server's wiring. Outlives its trees. Thread-safe; blocks on disk and network.
///
///     HADRON_ASSIGN_OR_RETURN(LocalTree tree, cache.FetchTree(store, "digits/1", {}));
///     LoadOnnxFile(tree.path() + "/model.onnx", limits);
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
  };

  /// Reads what is there and removes what is of no use.
  ArtifactCache(Options options, const base::Clock& clock);
  ArtifactCache(const ArtifactCache&) = delete;
  ArtifactCache& operator=(const ArtifactCache&) = delete;

  /// Everything below `directory`, as one listing says: an object that is replaced meanwhile makes
  /// it start over. A file SHA256SUMS among it must be right about the others. Errors as the
  /// store's; RESOURCE_EXHAUSTED and PERMISSION_DENIED also name the places on this machine that
  /// could not take the files.
  base::StatusOr<LocalTree> FetchTree(ObjectStore& store, const std::string& directory,
                                      const FetchOptions& options);
  Counts counts() const;

 private:
  friend class LocalTree;

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

  std::string ObjectPath(const std::string& file) const;
  bool CanWrite() const;
  void ReadDirectory() HADRON_REQUIRES(mutex_);
  void RemoveStaleTrees() const;
  base::StatusOr<std::vector<Remote>> ListFiles(ObjectStore& store,
                                                const std::string& directory) const;
  base::StatusOr<LocalTree> NewTree(bool scratch);
  base::StatusOr<LocalTree> FillTree(Wanted& wanted, bool keep);
  /// The content's SHA-256.
  base::StatusOr<std::string> Provide(const Wanted& wanted, const Remote& remote, bool keep,
                                      LocalTree& tree);
  base::StatusOr<std::string> Keep(const Wanted& wanted, const Remote& remote,
                                   const std::string& identity);
  /// True: the file is in the tree, `sha256` says what it holds.
  bool TakeHeld(const std::string& identity, const std::string& target, LocalTree& tree,
                std::string& sha256);
  bool Verify(const std::string& identity, const Held& held);
  void Forget(const std::string& identity);
  bool MakeRoom(std::uint64_t size);
  bool IsOfDisk(base::StatusCode code) const;
  void Release(LocalTree& tree);

  const Options options_;
  const base::Clock& clock_;
  bool writable_ = false;
  mutable base::Mutex mutex_;
  std::uint64_t budget_ HADRON_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Held> held_ HADRON_GUARDED_BY(mutex_);  ///< by identity
  std::uint64_t promised_ HADRON_GUARDED_BY(mutex_) = 0;        ///< bytes on their way
  Counts counts_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::storage
