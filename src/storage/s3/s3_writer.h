#pragma once

#include <memory>
#include <string>

#include "storage/object_writer.h"
#include "storage/s3/client.h"

namespace hadron::storage::s3 {

/// ObjectWriter over a bucket: small objects by one PUT, large ones in parts, each with its SHA-256
/// as metadata. Thread-safe; blocks on the network.
class S3Writer final : public ObjectWriter {
 public:
  struct Options {
    std::size_t parallel = 4;
    std::uint64_t part_bytes = std::uint64_t{16} << 20;
  };
  S3Writer(std::unique_ptr<Client> client, Options options)
      : client_(std::move(client)), options_(options) {}

  const std::string& url() const override { return client_->location().url; }
  base::Status Put(std::string_view name, const base::IoBuf& bytes) override;
  base::Status PutFile(std::string_view name, const std::string& path,
                       const PutOptions& options) override;
  base::StatusOr<std::optional<std::string>> Sha256Of(std::string_view name) override;
  base::Status Remove(std::string_view name) override;

 private:
  struct Source;

  base::StatusOr<std::string> KeyOf(std::string_view name) const;
  base::Status PutParts(const std::string& key, const Source& source, const PutOptions& options);
  base::Status Complete(const std::string& key, const std::string& upload,
                        const std::vector<std::string>& etags);

  const std::unique_ptr<Client> client_;
  const Options options_;
};

}  // namespace hadron::storage::s3
