#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/status.h"
#include "graph/constant.h"
#include "graph/graph.h"

namespace hadron::onnx {

/// A model file as the rest of Hadron sees it. The graph is canonical (every node in the newest
/// version of its operator), its functions are inlined and its types and shapes inferred.
struct LoadedModel {
  graph::Graph graph;
  std::map<std::string, std::string> metadata;  ///< the file's metadata_props
  std::int64_t ir_version = 0;
  std::map<std::string, int> opsets;  ///< by domain; "" is ai.onnx
  std::string producer;               ///< name and version of the exporter
  /// What inputs have whom the caller called optional, and a request may leave out.
  std::map<std::string, graph::ConstantRef> defaults;
  /// What is odd but harmless, for the log: each one sentence that names the thing.
  std::vector<std::string> warnings;
  /// Where constants that have not been read yet lie.
  std::vector<std::shared_ptr<const base::ByteSource>> files;
  std::uint64_t largest_stored = 0;  ///< bytes of the largest of these constants

  /// When all constants have been read: waits until it is known whether what was read is what the
  /// files hold.
  base::Status Settle() const;
};

}  // namespace hadron::onnx
