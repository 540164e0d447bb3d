#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support/recorded_model.h"

namespace hadron::test {

/// The networks that tools/models/make_topologies.py wrote: HADRON_TOPOLOGIES is the repository,
/// the recorded tensors lie beside it.
inline std::string TopologyVariable(const char* name, const char* otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

inline std::string TopologyRepository() { return TopologyVariable("HADRON_TOPOLOGIES", ""); }
/// HADRON_TEST_DEVICE, "cpu" where it is not set.
inline std::string TopologyDevice() { return TopologyVariable("HADRON_TEST_DEVICE", "cpu"); }

/// Names of the networks there are, sorted.
inline std::vector<std::string> Topologies() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(TopologyRepository(), error)) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

/// The network of that name in the size that is there: "resnet50" or "resnet50_small"; "" for none.
inline std::string FindTopology(const std::string& stem) {
  for (const std::string& name : Topologies()) {
    if (name == stem || name == stem + "_small") return name;
  }
  return "";
}

inline RecordedModel TopologyModel(const std::string& name) {
  return RecordedModel::Read(TopologyRepository() + "/" + name + "/1/model.onnx",
                             TopologyRepository() + ".recorded/" + name);
}

}  // namespace hadron::test
