// Which stores models are pushed to, by the scheme of their URL, as the server's wiring does it.
#include "cli/push/wiring.h"

#include <fmt/format.h>

#include "storage/local/factory.h"
#include "storage/s3/factory.h"

namespace hadron::cli::push {

using base::StatusOr;

StatusOr<Place> OpenDestination(const Options& options, const base::Clock& clock) {
  const std::string& url = options.destination;
  Place place;
  if (url.find("://") == std::string::npos) {
    HADRON_ASSIGN_OR_RETURN(place.store, storage::OpenLocalStore(url));
    HADRON_ASSIGN_OR_RETURN(place.writer, storage::OpenLocalWriter(url));
    return place;
  }
  if (!url.starts_with("s3://")) {
    return base::InvalidArgument(
        fmt::format("'{}' is no place to push to; a directory or s3://bucket/prefix is", url));
  }
  storage::S3Options s3;
  s3.addressing = options.s3_addressing;
  s3.require_tls = options.s3_require_tls;
  s3.anonymous = options.s3_anonymous;
  s3.instance_credentials = options.s3_instance_credentials;
  s3.cancel = options.interrupted;
  HADRON_ASSIGN_OR_RETURN(place.store, storage::OpenS3Store(url, s3, clock));
  HADRON_ASSIGN_OR_RETURN(place.writer, storage::OpenS3Writer(url, s3, clock));
  return place;
}

StatusOr<std::unique_ptr<storage::ObjectStore>> OpenDirectory(const std::string& path) {
  return storage::OpenLocalStore(path);
}

}  // namespace hadron::cli::push
