#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arrival.h"
#include "base/io_buf.h"
#include "base/sha256.h"
#include "base/status.h"

namespace hadron::storage {

/// One child of a directory.
struct Entry {
  std::string name;  ///< last component only
  bool directory = false;
  std::uint64_t size = 0;  ///< of files
  /// Of files: changes when the content may have changed; compared, never interpreted.
  std::string tag;
};

struct FetchOptions {
  /// Larger objects are refused with RESOURCE_EXHAUSTED before anything is allocated.
  std::uint64_t max_bytes = std::uint64_t{1} << 31;
  /// Not "": the object must be the one with this tag; else UNAVAILABLE.
  std::string expected_tag{};
  /// Not null: gets the SHA-256 of what was fetched.
  base::Sha256Digest* digest = nullptr;
  /// Called after every chunk of at most a few MiB; returning false ends the fetch with CANCELLED.
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress{};
};

/// Where an object's bytes go, in any order. One thread at a time.
class FetchTarget {
 public:
  virtual ~FetchTarget() = default;
  /// Makes room for an object of that size; again when the fetch starts over.
  virtual base::Status Begin(std::uint64_t size) = 0;
  virtual base::Status Write(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  /// Bytes that were written before.
  virtual base::Status Read(std::uint64_t offset, std::span<std::byte> to) = 0;
  /// The bytes that came are wrong. False: they were used already, the fetch has to fail.
  virtual bool MayStartOver() { return true; }
  /// A range that somebody waits for and that is worth a request of its own.
  virtual std::optional<base::Arrival::Range> TakeWanted() { return std::nullopt; }
};

/// A directory given with more children than this is refused, not read.
inline constexpr std::size_t kMaxEntries = 100'000;
/// So is one whose directories lie deeper in each other.
inline constexpr int kMaxDirectoryDepth = 16;

/// Read access to a tree of named byte objects: a model repository. Names are relative, with '/'
/// between components ("" is the root); names that could mean something outside the tree are
/// refused with INVALID_ARGUMENT (object_name.h). Objects may change between two calls, never
/// within what one Fetch returns.
///
/// Owner: the server's wiring. Thread-safe.
/// Errors: NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE (worth another attempt), CANCELLED,
/// RESOURCE_EXHAUSTED; messages name the store and the object.
///
///     HADRON_ASSIGN_OR_RETURN(auto models, store.List(""));
///     HADRON_ASSIGN_OR_RETURN(IoBuf text, store.Fetch("digits/config.pbtxt", {.max_bytes = 1 <<
///     20}));
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// How messages and humans call it: "/models", "s3://bucket/prefix".
  virtual const std::string& url() const = 0;

  /// The children of a directory, sorted by name. Names that begin with '.' and names that this
  /// interface could not fetch are left out. NOT_FOUND when there is no such directory.
  virtual base::StatusOr<std::vector<Entry>> List(std::string_view directory) = 0;

  /// Every object below a directory, sorted by name, which is the whole path from there: what List
  /// says of it and of all directories in it. RESOURCE_EXHAUSTED above kMaxEntries. Where a
  /// directory costs a request, all of them together cost less here.
  virtual base::StatusOr<std::vector<Entry>> ListTree(std::string_view directory);

  /// The entry of one object or directory; NOT_FOUND when there is none.
  virtual base::StatusOr<Entry> Stat(std::string_view name) = 0;

  /// The whole object in memory.
  virtual base::StatusOr<base::IoBuf> Fetch(std::string_view name,
                                            const FetchOptions& options = {}) = 0;

  /// The whole object, piece by piece. The target may use what it has got at once; the object is
  /// right only when this returns OK.
  virtual base::Status FetchInto(std::string_view name, FetchTarget& target,
                                 const FetchOptions& options = {}) = 0;

  /// The directory's path on this machine if its objects are files there already, so that nothing
  /// needs to be fetched; nothing for remote stores.
  virtual std::optional<std::string> LocalPath(std::string_view directory) = 0;
};

}  // namespace hadron::storage
