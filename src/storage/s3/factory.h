#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "storage/object_store.h"
#include "storage/object_writer.h"
#include "storage/s3/options.h"

namespace hadron::storage {

/// The store over s3://... Sends nothing yet: a server that cannot be reached, or that refuses, is
/// the failure of the first call. INVALID_ARGUMENT for a bad URL or setting, NOT_FOUND for a file
/// of credentials that is missing. `clock` outlives the store.
base::StatusOr<std::unique_ptr<ObjectStore>> OpenS3Store(const std::string& url,
                                                         const S3Options& options,
                                                         const base::Clock& clock);

/// The same place for writing.
base::StatusOr<std::unique_ptr<ObjectWriter>> OpenS3Writer(const std::string& url,
                                                           const S3Options& options,
                                                           const base::Clock& clock);

}  // namespace hadron::storage
