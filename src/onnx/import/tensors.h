#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/io_buf.h"
#include "base/status.h"
#include "graph/constant.h"
#include "onnx/external_data.h"
#include "onnx/import/diagnostics.h"
#include "onnx/limits.h"
#include "onnx/wire/messages.h"

namespace hadron::onnx {

/// Turns the tensors of one model into constants. Values that lie in raw_data or string_data are
/// moved out of the message, not copied; typed fields are narrowed to the tensor's type. Sizes must
/// match exactly. Externally synchronised; lives for one load.
class TensorReader {
 public:
  TensorReader(const LoadLimits& limits, const ExternalData& external, Diagnostics& diagnostics)
      : limits_(limits), external_(external), diagnostics_(diagnostics) {}

  /// `name` becomes the constant's name; `label` ("initializer 'w'") calls the tensor where it is
  /// listed as unsupported or warned of: errors are for the caller to put a context before.
  /// A tensor that is read again (a function's body is inlined twice) is the same constant.
  /// UNIMPLEMENTED for element types that Hadron lacks.
  base::StatusOr<graph::ConstantRef> Read(::onnx_wire::TensorProto& tensor, std::string name,
                                          std::string_view label);

 private:
  /// Counts bytes against the model's limit.
  base::Status Charge(std::uint64_t bytes);
  base::StatusOr<tensor::HostTensor> ReadTensor(::onnx_wire::TensorProto& tensor, std::string name,
                                                std::string_view label);
  base::StatusOr<base::IoBuf> ReadBytes(::onnx_wire::TensorProto& tensor, std::string_view label,
                                        std::int64_t elements);
  base::StatusOr<base::IoBuf> ReadStrings(::onnx_wire::TensorProto& tensor, std::int64_t elements);
  base::StatusOr<base::IoBuf> ReadExternal(const ::onnx_wire::TensorProto& tensor,
                                           std::string_view label, std::uint64_t bytes);
  base::StatusOr<ExternalFile> OpenExternal(const std::string& location);

  const LoadLimits& limits_;
  const ExternalData& external_;
  Diagnostics& diagnostics_;
  std::uint64_t charged_ = 0;
  std::unordered_map<const ::onnx_wire::TensorProto*, graph::ConstantRef> done_;
  // Usually every tensor lies in the same file: one is kept open, not as many as the model names.
  std::string open_location_;
  std::optional<ExternalFile> open_file_;
};

}  // namespace hadron::onnx
