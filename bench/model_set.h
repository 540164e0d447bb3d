#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "bench/front_message.h"

namespace hadron::bench {

/// A chain of square Gemm and Relu layers from "x" to "y", FP32 [rows, width]. Name, sizes and
/// seeds decide every byte.
struct MlpSpec {
  std::string name;
  std::int64_t width = 0;
  int depth = 8;
  std::uint64_t seed = 0;
  /// The first `shared_layers` are drawn from this seed instead: equal in all models that share it.
  std::uint64_t shared_seed = 0;
  int shared_layers = 0;
  std::int64_t max_batch = 512;

  std::uint64_t weight_bytes() const;
  std::uint64_t shared_bytes() const;
};

/// mlp-1, mlp-8, mlp-32, mlp-128, mlp-512, zoo100, zoo100eq, family100 or tiny1000. `scale` divides
/// the weight bytes (not those of tiny1000), `count` cuts the set short; 0 = all of it.
/// INVALID_ARGUMENT for another name.
struct SetRequest {
  std::string set;
  std::uint64_t seed = 1;
  double scale = 1;
  std::size_t count = 0;
};
base::StatusOr<std::vector<MlpSpec>> ModelSet(const SetRequest& request);

/// model.onnx and config.pbtxt.
std::string MlpModel(const MlpSpec& spec);
std::string MlpConfig(const MlpSpec& spec);
/// `rows` of input that follow from the seed, and what the model answers, computed with plain loops
/// in double precision.
Payload MlpPayload(const MlpSpec& spec, std::int64_t rows);

/// <directory>/<model>/config.pbtxt alone, anew.
base::Status WriteConfig(const MlpSpec& spec, const std::string& directory);
/// <directory>/<model>/{config.pbtxt,1/model.onnx}; with `expected` also expected.bin, one row of
/// input and its answer.
base::Status WriteModel(const MlpSpec& spec, const std::string& directory, bool expected);
base::Status WriteModelSet(const std::vector<MlpSpec>& set, const std::string& directory,
                           bool expected);

/// INTERNAL unless all of `answer` are within the tolerance of the set: 1e-4 of the largest.
base::Status CheckClose(std::string_view answer, const Tensor& expected);

}  // namespace hadron::bench
