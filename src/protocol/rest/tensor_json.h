#pragma once

#include <cstdint>
#include <string>

#include "base/io_buf.h"
#include "base/status.h"
#include "protocol/rest/json_reader.h"
#include "tensor/host_tensor.h"

/// Tensor data as JSON: nested or flat arrays in, flat arrays out, straight to and from typed
/// bytes.
namespace hadron::protocol {

/// Reads the array that comes next as the elements of `desc` (type and shape are set). Nesting is
/// not compared with the shape, the number of elements is. Numbers must fit their type; NaN and
/// infinities are taken for floats; BOOL takes 0 and 1 too. Memory is bounded by the text's own
/// size and by `max_bytes` (--http-max-input-size). INVALID_ARGUMENT names the input.
base::StatusOr<base::IoBuf> ReadTensorData(JsonReader& json, const tensor::TensorDesc& desc,
                                           std::uint64_t max_bytes);

/// INVALID_ARGUMENT when tensors of this type do not travel as JSON (FP16, BF16); `direction` is
/// "receiving" or "sending".
base::Status CheckJsonType(tensor::DataType type, std::string_view direction);

/// Appends "[1.5,2.0]": the shortest text that reads back as the same value of the type; NaN,
/// Infinity and -Infinity as bare tokens. The type must have passed CheckJsonType; strings must be
/// well formed.
void WriteTensorData(const tensor::HostTensor& tensor, std::string& out);

}  // namespace hadron::protocol
