#pragma once

#include <string>
#include <string_view>

#include "base/byte_source.h"
#include "storage/artifact.h"
#include "storage/atomic_file.h"
#include "storage/object_store.h"

namespace hadron::storage::test {

/// An object as a file that appears complete or not at all.
inline base::Status FetchIntoFile(ObjectStore& store, std::string_view name,
                                  const std::string& path, const FetchOptions& options = {}) {
  HADRON_ASSIGN_OR_RETURN(const Entry entry, store.Stat(name));
  HADRON_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  HADRON_ASSIGN_OR_RETURN(const int fd, file.Duplicate());
  const Artifact artifact(fd, entry.size);
  ArtifactTarget target(artifact);
  HADRON_RETURN_IF_ERROR(store.FetchInto(name, target, options));
  return file.Commit();
}

}  // namespace hadron::storage::test
