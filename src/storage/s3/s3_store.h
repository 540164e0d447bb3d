#pragma once

#include <memory>
#include <string>

#include "storage/object_store.h"
#include "storage/s3/client.h"
#include "storage/s3/download.h"

namespace hadron::storage::s3 {

/// ObjectStore over a bucket, or what lies below a prefix of it. "Directories" are what keys have
/// in common up to a '/'. Thread-safe; blocks on the network.
class S3Store final : public ObjectStore {
 public:
  S3Store(std::unique_ptr<Client> client, DownloadOptions options)
      : client_(std::move(client)), options_(options) {}

  const std::string& url() const override { return client_->location().url; }
  base::StatusOr<std::vector<Entry>> List(std::string_view directory) override;
  base::StatusOr<std::vector<Entry>> ListTree(std::string_view directory) override;
  base::StatusOr<Entry> Stat(std::string_view name) override;
  base::StatusOr<base::IoBuf> Fetch(std::string_view name, const FetchOptions& options) override;
  base::Status FetchInto(std::string_view name, FetchTarget& target,
                         const FetchOptions& options) override;
  std::optional<std::string> LocalPath(std::string_view) override { return std::nullopt; }

 private:
  struct Page;

  std::string KeyOf(std::string_view name) const;
  base::Status CheckFileName(std::string_view name) const;
  /// All that begins with the directory's name: its own children, or everything `below` it.
  base::StatusOr<std::vector<Entry>> ListAll(std::string_view directory, bool below);
  base::StatusOr<Page> ListPage(const std::string& prefix, const std::string& token, bool below,
                                int max_keys) const;
  /// A prefix that some key begins with.
  base::StatusOr<bool> HasKeys(const std::string& prefix) const;

  const std::unique_ptr<Client> client_;
  const DownloadOptions options_;
};

}  // namespace hadron::storage::s3
