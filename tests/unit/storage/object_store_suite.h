#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "storage/object_store.h"
#include "unit/storage/temp_directory.h"

namespace hadron::storage::test {

/// What every ObjectStore promises. A store's test makes a harness (a place with objects and the
/// store over it) and instantiates the suite:
///
///     INSTANTIATE_TEST_SUITE_P(Local, ObjectStoreSuite, testing::Values(&MakeLocalHarness));
class StoreHarness {
 public:
  virtual ~StoreHarness() = default;
  virtual void Put(const std::string& name, std::string_view text) = 0;
  virtual void Remove(const std::string& name) = 0;
  virtual ObjectStore& store() = 0;
};

using HarnessFactory = std::function<std::unique_ptr<StoreHarness>()>;

class ObjectStoreSuite : public testing::TestWithParam<HarnessFactory> {
 protected:
  ObjectStoreSuite() : harness_(GetParam()()) {}
  ObjectStore& store() { return harness_->store(); }
  void Put(const std::string& name, std::string_view text) { harness_->Put(name, text); }
  void Remove(const std::string& name) { harness_->Remove(name); }

  /// "dir/ file:size".
  std::vector<std::string> Names(std::string_view directory) {
    auto entries = store().List(directory);
    EXPECT_TRUE(entries.ok()) << (entries.ok() ? "" : entries.message());
    std::vector<std::string> names;
    if (!entries.ok()) return names;
    for (const Entry& entry : *entries) {
      names.push_back(entry.directory ? entry.name + "/"
                                      : entry.name + ":" + std::to_string(entry.size));
    }
    return names;
  }

 private:
  std::unique_ptr<StoreHarness> harness_;
};

}  // namespace hadron::storage::test
