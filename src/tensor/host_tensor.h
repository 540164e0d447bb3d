#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/io_buf.h"
#include "tensor/data_type.h"
#include "tensor/shape.h"

namespace hadron::tensor {

/// What a tensor is called and looks like. In model metadata a dimension of -1 means "any".
struct TensorDesc {
  std::string name;
  DataType type = DataType::kInvalid;
  Shape shape;
};

/// Bytes that are not in host memory. Whoever has made them knows where they are.
class RemoteBytes {
 public:
  virtual ~RemoteBytes() = default;
  virtual std::uint64_t size() const = 0;
};

/// A tensor in host memory: row-major little-endian elements, BOOL one byte each, strings in the
/// wire form of string_tensor.h. The bytes are shared and immutable; they may be a chain.
///
/// Between the steps of an ensemble the same elements may be on the device: then `bytes` is empty
/// and `remote` is not null. Clients never send or get such tensors.
struct HostTensor {
  TensorDesc desc;
  base::IoBuf bytes;
  std::shared_ptr<const RemoteBytes> remote = nullptr;
};

}  // namespace hadron::tensor
