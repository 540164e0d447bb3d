// Networks of well-known topologies through plans: against recorded ONNX Runtime outputs, with
// passes on and off, at several batch sizes; and every row bit-identical whatever batch it rode in.
//
// HADRON_TOPOLOGIES is the repository that tools/models/make_topologies.py wrote (the recorded
// tensors lie beside it), HADRON_TEST_DEVICE the device, "cpu" where it is not set.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "support/recorded_model.h"

namespace hadron::test {
namespace {

std::string Environment(const char* name, const char* otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

std::string Repository() { return Environment("HADRON_TOPOLOGIES", ""); }
std::string Device() { return Environment("HADRON_TEST_DEVICE", "cpu"); }

/// Networks that the loader does not take yet, and what it says. PyTorch computes the pads of a Pad
/// by slicing and transposing a constant matrix, whose elements inference does not follow.
constexpr std::pair<const char*, const char*> kRefused[] = {
    {"gan_padded_small", "(Pad): input 1 ('pads') must not depend on the data"},
};

/// Null for a network that must load.
const char* KnownRefusal(const std::string& network) {
  const auto* const found = std::ranges::find(
      kRefused, network, [](const auto& entry) { return std::string(entry.first); });
  return found == std::end(kRefused) ? nullptr : found->second;
}

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

TEST_P(Topology, AgreesWithOnnxRuntime) {
  if (const char* const reason = KnownRefusal(GetParam())) {
    const auto graph = model_.Load();
    ASSERT_FALSE(graph.ok()) << GetParam() << " loads now: remove it from kRefused";
    EXPECT_NE(graph.message().find(reason), std::string_view::npos) << graph.message();
    return;
  }
  ExpectAgreement(model_, Device());
}

TEST_P(Topology, RowsDoNotDependOnTheirBatch) {
  if (KnownRefusal(GetParam()) != nullptr) GTEST_SKIP() << "does not load yet";
  ExpectBatchInvariance(model_, Device());
}

INSTANTIATE_TEST_SUITE_P(Networks, Topology, ::testing::ValuesIn(Networks()),
                         [](const auto& name) { return name.param; });

TEST(Topologies, AreThere) {
  EXPECT_FALSE(Networks().empty())
      << "HADRON_TOPOLOGIES is '" << Repository() << "'; run tests/conformance/topologies.py";
}

}  // namespace
}  // namespace hadron::test
