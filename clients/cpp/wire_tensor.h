#pragma once

#include "base/io_buf.h"
#include "base/status.h"
#include "hadron/client.h"

namespace hadron::client {

/// The tensor's content as both protocols carry it. INVALID_ARGUMENT when bytes or strings do not
/// fit shape and datatype. The result may refer to the tensor's memory.
base::StatusOr<base::IoBuf> ToWire(const Tensor& tensor);

/// Fills in the content of `tensor`, whose name, datatype and shape are set, from the wire.
/// INVALID_ARGUMENT when it does not fit.
base::Status FromWire(const base::IoBuf& bytes, Tensor& tensor);

}  // namespace hadron::client
