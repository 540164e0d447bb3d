#pragma once

#include <span>
#include <string>

#include "storage/local/open_beneath.h"
#include "storage/object_store.h"

namespace hadron::storage::local {

/// ObjectStore over a directory. Links in the directory part of a name are the operator's and are
/// followed (mounted volumes consist of them); the object itself must lie beneath the directory
/// that was opened, and be a regular file. Thread-safe: holds no state but the path.
class LocalStore final : public ObjectStore {
 public:
  explicit LocalStore(std::string root) : root_(std::move(root)) {}

  const std::string& url() const override { return root_; }
  base::StatusOr<std::vector<Entry>> List(std::string_view directory) override;
  base::StatusOr<Entry> Stat(std::string_view name) override;
  base::StatusOr<base::IoBuf> Fetch(std::string_view name, const FetchOptions& options) override;
  base::Status FetchInto(std::string_view name, FetchTarget& target,
                         const FetchOptions& options) override;
  std::optional<std::string> LocalPath(std::string_view directory) override;

 private:
  /// A file opened for reading.
  struct Source {
    Fd fd;
    std::uint64_t size = 0;
    std::string tag;
  };

  std::string PathOf(std::string_view name) const;
  base::Status Error(std::string_view name) const;
  base::Status Changed(std::string_view name) const;
  base::StatusOr<Fd> OpenDirectory(std::string_view name) const;
  base::StatusOr<Source> OpenFile(std::string_view name, std::uint64_t max_bytes) const;
  /// Fills `to` from `offset`; UNAVAILABLE when the file has become shorter.
  base::Status ReadAt(const Source& source, std::string_view name, std::uint64_t offset,
                      std::span<std::byte> to) const;
  /// UNAVAILABLE when the file is not what it was when it was opened.
  base::Status CheckUnchanged(const Source& source, std::string_view name) const;

  /// UNAVAILABLE when it is not the object that the caller wants.
  base::Status CheckExpected(const Source& source, std::string_view name,
                             const FetchOptions& options) const;

  std::string root_;
};

}  // namespace hadron::storage::local
