// Networks of well-known topologies through plans: against recorded ONNX Runtime outputs, with
// passes on and off, at several batch sizes; and every row bit-identical whatever batch it rode in.
//
// HADRON_TOPOLOGIES is the repository that tools/models/make_topologies.py wrote (the recorded
// tensors lie beside it), HADRON_TEST_DEVICE the device, "cpu" where it is not set.
#include <gtest/gtest.h>

#include "conformance/topology_files.h"

namespace hadron::test {
namespace {

class Topology : public ::testing::TestWithParam<std::string> {
 protected:
  RecordedModel model_ = TopologyModel(GetParam());
};

TEST_P(Topology, AgreesWithOnnxRuntime) { ExpectAgreement(model_, TopologyDevice()); }

TEST_P(Topology, RowsDoNotDependOnTheirBatch) { ExpectBatchInvariance(model_, TopologyDevice()); }

TEST_P(Topology, PassesTheCheckOfLoads) {
  if (!TopologyDevice().starts_with("opencl")) {
    return ExpectPassesLoadCheck(model_.path, TopologyDevice());
  }
  for (const char* const family : {"opencl-cpu", "opencl-gpu"}) {
    ExpectPassesLoadCheck(model_.path, family);
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, Topology, ::testing::ValuesIn(Topologies()),
                         [](const auto& name) { return name.param; });

TEST(Topologies, AreThere) {
  EXPECT_FALSE(Topologies().empty()) << "HADRON_TOPOLOGIES is '" << TopologyRepository()
                                     << "'; run tests/conformance/topologies.py";
}

}  // namespace
}  // namespace hadron::test
