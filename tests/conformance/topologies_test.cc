// Networks of well-known topologies through plans: against recorded ONNX Runtime outputs, with
// passes on and off, at several batch sizes; and every row bit-identical whatever batch it rode in.
//
// HADRON_TOPOLOGIES is the repository that tools/models/make_topologies.py wrote (the recorded
// tensors lie beside it), HADRON_TEST_DEVICE the device, "cpu" where it is not set.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "support/recorded_model.h"

namespace hadron::test {
namespace {

std::string Environment(const char* name, const char* otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

std::string Repository() { return Environment("HADRON_TOPOLOGIES", ""); }
std::string Device() { return Environment("HADRON_TEST_DEVICE", "cpu"); }

std::vector<std::string> Networks() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(Repository(), error)) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

class Topology : public ::testing::TestWithParam<std::string> {
 protected:
  RecordedModel model_ = RecordedModel::Read(Repository() + "/" + GetParam() + "/1/model.onnx",
                                             Repository() + ".recorded/" + GetParam());
};

TEST_P(Topology, AgreesWithOnnxRuntime) { ExpectAgreement(model_, Device()); }

TEST_P(Topology, RowsDoNotDependOnTheirBatch) { ExpectBatchInvariance(model_, Device()); }

INSTANTIATE_TEST_SUITE_P(Networks, Topology, ::testing::ValuesIn(Networks()),
                         [](const auto& name) { return name.param; });

TEST(Topologies, AreThere) {
  EXPECT_FALSE(Networks().empty())
      << "HADRON_TOPOLOGIES is '" << Repository() << "'; run tests/conformance/topologies.py";
}

}  // namespace
}  // namespace hadron::test
