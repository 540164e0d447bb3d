#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "storage/object_store.h"
#include "storage/object_writer.h"

namespace hadron::storage {

/// The store over a directory of this machine. NOT_FOUND when there is no such directory.
base::StatusOr<std::unique_ptr<ObjectStore>> OpenLocalStore(std::string root);

/// The same place for writing.
base::StatusOr<std::unique_ptr<ObjectWriter>> OpenLocalWriter(std::string root);

}  // namespace hadron::storage
