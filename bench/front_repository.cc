#include "bench/front_repository.h"

#include <stdlib.h>  // NOLINT: POSIX, for mkdtemp

#include <filesystem>
#include <fstream>
#include <system_error>

#include "support/onnx_writer.h"

namespace hadron::bench {
namespace {

using base::Status;
using test::OnnxWriter;
using DataType = tensor::DataType;

std::string IdentityModel(const Payload& payload) {
  const std::int64_t elements = payload.inputs[0].shape[0];
  OnnxWriter writer;
  writer.Input("INPUT", DataType::kFp32, {elements}).Output("OUTPUT", DataType::kFp32, {elements});
  writer.Node({"Identity", {"INPUT"}, {"OUTPUT"}});
  return writer.Serialize();
}

std::string SimpleModel() {
  OnnxWriter writer;
  for (const char* name : {"INPUT0", "INPUT1"}) writer.Input(name, DataType::kInt32, {"batch", 16});
  for (const char* name : {"OUTPUT0", "OUTPUT1"}) {
    writer.Output(name, DataType::kInt32, {"batch", 16});
  }
  writer.Node({"Add", {"INPUT0", "INPUT1"}, {"OUTPUT0"}});
  writer.Node({"Sub", {"INPUT0", "INPUT1"}, {"OUTPUT1"}});
  return writer.Serialize();
}

}  // namespace

base::StatusOr<TempDir> TempDir::Make() {
  std::string path = std::filesystem::temp_directory_path() / "hadron-bench-XXXXXX";
  if (mkdtemp(path.data()) == nullptr)
    return base::Unavailable("cannot make the directory " + path);
  return TempDir(std::move(path));
}

TempDir::~TempDir() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

Status WriteRepository(const std::vector<Payload>& payloads, const std::string& directory) {
  for (const Payload& payload : payloads) {
    const bool simple = payload.model == "simple";
    const std::string model = directory + "/" + payload.model;
    std::error_code error;
    std::filesystem::create_directories(model + "/1", error);
    std::ofstream(model + "/config.pbtxt") << "max_batch_size: " << (simple ? 8 : 0) << "\n";
    std::ofstream file(model + "/1/model.onnx", std::ios::binary);
    file << (simple ? SimpleModel() : IdentityModel(payload)) << std::flush;
    if (!file) return base::Unavailable("cannot write " + model);
  }
  return {};
}

}  // namespace hadron::bench
