#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "storage/object_store.h"

namespace hadron::storage {

/// What a store holds at one moment, asked for at once and read directory by directory.
/// Immutable.
///
///     HADRON_ASSIGN_OR_RETURN(const TreeListing tree, TreeListing::Read(store));
///     HADRON_ASSIGN_OR_RETURN(const auto models, tree.List(""));
class TreeListing {
 public:
  /// All of it, or what lies below a directory.
  static base::StatusOr<TreeListing> Read(ObjectStore& store, const std::string& directory = "");

  /// As ObjectStore::List.
  base::StatusOr<std::vector<Entry>> List(std::string_view directory) const;

 private:
  void Add(const Entry& file);

  std::string url_;
  /// Children by directory, by their name.
  std::map<std::string, std::map<std::string, Entry, std::less<>>, std::less<>> directories_;
};

}  // namespace hadron::storage
