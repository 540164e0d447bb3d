#include "storage/s3/factory.h"

#include "storage/s3/client.h"
#include "storage/s3/s3_store.h"
#include "storage/s3/s3_writer.h"
#include "storage/s3/settings.h"

namespace hadron::storage {
namespace {

base::StatusOr<std::unique_ptr<s3::Client>> MakeClient(const std::string& url,
                                                       const S3Options& options,
                                                       const base::Clock& clock) {
  s3::Client::Options made;
  HADRON_ASSIGN_OR_RETURN(made.location, s3::ParseLocation(url));
  HADRON_ASSIGN_OR_RETURN(made.settings, s3::ResolveSettings(made.location, options));
  made.require_tls = options.require_tls;
  made.retry_base = options.retry_base;
  made.cancel = options.cancel;
  return s3::Client::Create(std::move(made), clock);
}

}  // namespace

base::StatusOr<std::unique_ptr<ObjectStore>> OpenS3Store(const std::string& url,
                                                         const S3Options& options,
                                                         const base::Clock& clock) {
  HADRON_ASSIGN_OR_RETURN(auto client, MakeClient(url, options, clock));
  const s3::DownloadOptions download{options.connections, options.part_bytes, options.verify_etag};
  return std::unique_ptr<ObjectStore>(std::make_unique<s3::S3Store>(std::move(client), download));
}

base::StatusOr<std::unique_ptr<ObjectWriter>> OpenS3Writer(const std::string& url,
                                                           const S3Options& options,
                                                           const base::Clock& clock) {
  HADRON_ASSIGN_OR_RETURN(auto client, MakeClient(url, options, clock));
  return std::unique_ptr<ObjectWriter>(
      std::make_unique<s3::S3Writer>(std::move(client), s3::S3Writer::Options()));
}

}  // namespace hadron::storage
