#include "storage/tree_listing.h"

#include <fmt/format.h>

#include "storage/object_name.h"

namespace hadron::storage {

base::StatusOr<TreeListing> TreeListing::Read(ObjectStore& store, const std::string& directory) {
  HADRON_ASSIGN_OR_RETURN(auto files, store.ListTree(directory));
  TreeListing tree;
  tree.url_ = store.url();
  tree.directories_[""];
  for (Entry& file : files) {
    file.name = JoinName(directory, file.name);
    tree.Add(file);
  }
  return tree;
}

void TreeListing::Add(const Entry& file) {
  std::string_view path = file.name;
  bool directory = false;
  while (true) {
    const std::size_t slash = path.rfind('/');
    const bool top = slash == std::string_view::npos;
    const std::string name(top ? path : path.substr(slash + 1));
    auto& children = directories_[std::string(top ? "" : path.substr(0, slash))];
    Entry& entry = children[name];
    if (directory && entry.directory) return;  // and so are all above it
    if (directory || !entry.directory) {
      entry = directory ? Entry{.name = name, .directory = true, .tag = {}} : file;
      entry.name = name;
    }
    if (top) return;
    path = path.substr(0, slash);
    directory = true;
  }
}

base::StatusOr<std::vector<Entry>> TreeListing::List(std::string_view directory) const {
  const auto found = directories_.find(directory);
  if (found == directories_.end()) {
    return base::NotFound(fmt::format("'{}' of {} does not exist", directory, url_));
  }
  std::vector<Entry> entries;
  for (const auto& [name, entry] : found->second) entries.push_back(entry);
  return entries;
}

}  // namespace hadron::storage
