#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/io_buf.h"
#include "base/status.h"
#include "serving/inference_request.h"
#include "tensor/host_tensor.h"

namespace hadron::protocol {

/// One element of "inputs".
struct InferHeaderInput {
  tensor::TensorDesc desc;
  std::optional<base::IoBuf> data;           ///< the field `data`, already as typed bytes
  std::optional<std::uint64_t> binary_size;  ///< parameter binary_data_size
};

/// One element of "outputs".
struct InferHeaderOutput {
  std::string name;
  std::optional<bool> binary;  ///< parameter binary_data
  std::uint64_t classification = 0;
};

/// The JSON part of an inference request, nothing of it compared with a model yet.
struct InferHeader {
  std::string id;
  std::vector<std::pair<std::string, serving::ParameterValue>> parameters;
  bool binary_data_output = false;
  std::vector<InferHeaderInput> inputs;
  std::vector<InferHeaderOutput> outputs;
};

/// Parses the JSON part in one pass; tensor data goes straight into typed bytes (a second look at
/// it is taken only when `data` stands before `datatype` or `shape`). INVALID_ARGUMENT with the
/// reference's texts; UNIMPLEMENTED for shared memory, which is switched off.
base::StatusOr<InferHeader> ParseInferHeader(std::string_view json, std::uint64_t max_input_bytes);

/// The member `ready` of an index request's body (empty = false).
base::StatusOr<bool> ParseIndexRequest(std::string_view json);

}  // namespace hadron::protocol
