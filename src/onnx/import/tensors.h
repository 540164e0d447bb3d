#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/byte_source.h"
#include "base/io_buf.h"
#include "base/status.h"
#include "graph/constant.h"
#include "onnx/external_data.h"
#include "onnx/import/diagnostics.h"
#include "onnx/limits.h"
#include "onnx/wire/element_type.h"
#include "onnx/wire/messages.h"
#include "onnx/wire/scan.h"

namespace hadron::onnx {

/// Where the values are that the messages of a model do not hold. Outlives the import.
struct ModelFiles {
  std::shared_ptr<const base::ByteSource> model;
  std::vector<Skeleton::Range> left;  ///< in the model's file
  const ExternalData& external;
};

/// Turns the tensors of one model into constants. Values that lie in raw_data or string_data are
/// moved out of the message, not copied; typed fields are narrowed to the tensor's type; large ones
/// in files are read when somebody needs them. Sizes must match exactly. Externally synchronised;
/// lives for one load.
class TensorReader {
 public:
  TensorReader(const LoadLimits& limits, const ModelFiles& files, Diagnostics& diagnostics)
      : limits_(limits), files_(files), diagnostics_(diagnostics) {
    used_files_.push_back(files.model);
  }

  /// `name` becomes the constant's name; `label` ("initializer 'w'") calls the tensor where it is
  /// listed as unsupported or warned of: errors are for the caller to put a context before.
  /// A tensor that is read again (a function's body is inlined twice) is the same constant.
  /// UNIMPLEMENTED for element types that Hadron lacks.
  base::StatusOr<graph::ConstantRef> Read(::onnx_wire::TensorProto& tensor, std::string name,
                                          std::string_view label);

  /// Every file that a tensor of the model lies in.
  std::vector<std::shared_ptr<const base::ByteSource>> TakeUsedFiles() {
    return std::move(used_files_);
  }
  /// Bytes of the largest constant that is read later.
  std::uint64_t largest_stored() const { return largest_stored_; }

 private:
  /// Bytes of a file that are a tensor's values.
  struct Stored {
    std::shared_ptr<const base::ByteSource> file;
    std::uint64_t offset = 0;
    std::uint64_t count = 0;
    std::uint64_t order = 0;  ///< see Constant
  };

  /// Counts bytes against the model's limit.
  base::Status Charge(std::uint64_t bytes);
  base::StatusOr<graph::ConstantRef> ReadTensor(::onnx_wire::TensorProto& tensor, std::string name,
                                                std::string_view label);
  base::StatusOr<graph::ConstantRef> FromFile(Stored stored, tensor::TensorDesc desc);
  base::StatusOr<base::IoBuf> ReadBytes(::onnx_wire::TensorProto& tensor, ElementType element,
                                        std::int64_t elements);
  base::StatusOr<base::IoBuf> ReadStrings(::onnx_wire::TensorProto& tensor, std::int64_t elements);
  base::StatusOr<Stored> FindExternal(const ::onnx_wire::TensorProto& tensor,
                                      std::string_view label, std::uint64_t bytes);
  base::StatusOr<Stored> FindLeft(const ::onnx_wire::TensorProto& tensor, std::uint64_t elements);
  base::StatusOr<std::shared_ptr<const base::ByteSource>> OpenExternal(const std::string& location);

  const LoadLimits& limits_;
  const ModelFiles& files_;
  Diagnostics& diagnostics_;
  std::uint64_t charged_ = 0;
  std::unordered_map<const ::onnx_wire::TensorProto*, graph::ConstantRef> done_;
  // Usually every tensor lies in the same file: one is kept open, not as many as the model names.
  std::string open_location_;
  std::shared_ptr<const base::ByteSource> open_file_;
  std::uint64_t open_order_ = 0;  ///< bytes of all files before it
  std::vector<std::shared_ptr<const base::ByteSource>> used_files_;
  std::uint64_t largest_stored_ = 0;
};

}  // namespace hadron::onnx
