#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "base/status.h"
#include "cli/image.h"
#include "hadron/client.h"

namespace hadron::cli {

/// `--input name=SOURCE` taken apart.
struct InputSpec {
  std::string name;
  std::string source;
};
base::StatusOr<InputSpec> ParseInputSpec(std::string_view text);

struct InputOptions {
  /// Rows wanted; without, as many as the source has, else one.
  std::optional<std::int64_t> batch;
  bool invert = false;
  std::optional<double> scale;
  bool batching = true;  ///< the model's first dimension is the batch
};

/// A tensor to send, and the picture it came from.
struct BuiltInput {
  client::Tensor tensor;
  std::optional<Image> picture;  ///< as the model sees it
};

/// Makes the tensor that `info` describes out of a source: a .npy or .json file, a .pgm or .png
/// picture, a list of values "1,2.5,3" (strings for BYTES), or the words zeros or random.
/// INVALID_ARGUMENT names the input and what does not fit.
base::StatusOr<BuiltInput> BuildInput(const client::TensorInfo& info, const std::string& source,
                                      const InputOptions& options, std::mt19937& random);

/// "'image' FP32 [-1,1,8,8]".
std::string Describe(const client::TensorInfo& info);

}  // namespace hadron::cli
