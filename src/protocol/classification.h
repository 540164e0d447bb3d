#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "tensor/host_tensor.h"

namespace hadron::protocol {

/// INVALID_ARGUMENT when results of this type cannot be classified (FP16, BF16, BOOL, BYTES).
base::Status CheckClassifiable(const std::string& output, tensor::DataType type);

/// The classification extension: replaces an output by its `k` largest elements for each batch
/// item, as BYTES "<value>:<index>" or "<value>:<index>:<label>", largest first, ties by lower
/// index. Shape [batch, min(k, C)], without the batch dimension for models that do not batch.
/// `labels` may be null or shorter than the classes. INVALID_ARGUMENT for other types and above
/// 1000000 elements.
base::StatusOr<tensor::HostTensor> Classify(const tensor::HostTensor& output, std::uint64_t k,
                                            bool batched, const std::vector<std::string>* labels);

}  // namespace hadron::protocol
