#pragma once

#include <string_view>

#include "base/io_buf.h"
#include "base/status.h"
#include "onnx/wire/element_type.h"
#include "onnx/wire/messages.h"
#include "tensor/shape.h"

namespace hadron::onnx {

/// The dimensions, checked: none negative, products within 64 bits, at most `max_rank`.
base::StatusOr<tensor::Shape> ReadShape(const ::onnx_wire::TensorProto& tensor, int max_rank);

/// That no more than the one value field is filled that the type allows; `why_none`, when not
/// empty, says why there must be none at all ("it has no elements").
base::Status CheckValueFields(const ::onnx_wire::TensorProto& tensor, ElementType element,
                              std::string_view why_none);

/// That raw_data of so many bytes holds exactly the tensor's elements.
base::Status CheckRawBytes(std::uint64_t have, tensor::DataType type, std::uint64_t elements);

/// The values of a non-empty numeric tensor as row-major little-endian bytes; takes raw_data.
base::StatusOr<base::IoBuf> TakeValues(::onnx_wire::TensorProto& tensor, ElementType element,
                                       std::uint64_t elements);

}  // namespace hadron::onnx
