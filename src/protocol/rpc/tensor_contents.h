#pragma once

#include "base/io_buf.h"
#include "base/status.h"
#include "net/memory_budget.h"
#include "tensor/host_tensor.h"

namespace hadron::protocol::rpc {

/// The typed contents of an input (InferTensorContents on the wire, packed or not) as the bytes of
/// a tensor of `desc.type`. How many elements there are is not compared with the shape. The bytes
/// are booked in `budget` (may be null) as long as they live. INVALID_ARGUMENT "unexpected explicit
/// tensor data for input tensor '<n>'" when another field than the type's is filled (FP16 and BF16
/// have none), and for values outside the type's range; RESOURCE_EXHAUSTED when the budget has no
/// room.
base::StatusOr<base::IoBuf> ConvertContents(const tensor::TensorDesc& desc,
                                            const base::IoBuf& contents, net::MemoryBudget* budget);

}  // namespace hadron::protocol::rpc
