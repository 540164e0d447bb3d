#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/status.h"
#include "onnx.pb.h"
#include "onnx/loader.h"
#include "support/onnx_writer.h"

namespace hadron::onnx {

/// x:[batch,2] -> Add(b) -> Relu -> y. Valid; tests spoil one thing of it.
::onnx_wire::ModelProto ValidModel();

base::StatusOr<LoadedModel> Load(const ::onnx_wire::ModelProto& model, const LoadLimits& = {});
base::StatusOr<LoadedModel> Load(const test::OnnxWriter& writer, const LoadLimits& = {});

/// Adds a node without attributes.
::onnx_wire::NodeProto& AddNode(::onnx_wire::GraphProto& graph, std::string_view op,
                                std::string_view input, std::string_view output);

/// A directory of its own for one test, removed at its end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void Write(const std::string& name, std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

}  // namespace hadron::onnx
