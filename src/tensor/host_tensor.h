#pragma once

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

/// A tensor in host memory: row-major little-endian elements, BOOL one byte each, strings in the
/// wire form of string_tensor.h. The bytes are shared and immutable; they may be a chain.
struct HostTensor {
  TensorDesc desc;
  base::IoBuf bytes;
};

}  // namespace hadron::tensor
