#include "storage/object_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/object_name.h"

namespace hadron::storage {
namespace {

base::Status Walk(ObjectStore& store, std::string_view top, const std::string& below, int depth,
                  std::vector<Entry>& files) {
  const std::string directory = JoinName(top, below);
  if (depth > kMaxDirectoryDepth) {
    return base::InvalidArgument(fmt::format("'{}' of {} lies more than {} directories deep",
                                             directory, store.url(), kMaxDirectoryDepth));
  }
  HADRON_ASSIGN_OR_RETURN(auto entries, store.List(directory));
  for (Entry& entry : entries) {
    entry.name = JoinName(below, entry.name);
    if (entry.directory) {
      HADRON_RETURN_IF_ERROR(Walk(store, top, entry.name, depth + 1, files));
      continue;
    }
    files.push_back(std::move(entry));
    if (files.size() > kMaxEntries) {
      return base::ResourceExhausted(
          fmt::format("'{}' of {} has more than {} files", top, store.url(), kMaxEntries));
    }
  }
  return {};
}

}  // namespace

base::StatusOr<std::vector<Entry>> ObjectStore::ListTree(std::string_view directory) {
  std::vector<Entry> files;
  HADRON_RETURN_IF_ERROR(Walk(*this, directory, "", 0, files));
  std::ranges::sort(files, {}, &Entry::name);
  return files;
}

}  // namespace hadron::storage
