#pragma once

#include <memory>

#include "base/io_buf.h"
#include "base/status.h"
#include "onnx/limits.h"
#include "onnx/wire/messages.h"

namespace hadron::onnx {

/// Bytes to messages, after ScanWire has found them bearable. INVALID_ARGUMENT "not an ONNX model:
/// ..." for anything that is not one.
base::StatusOr<std::unique_ptr<::onnx_wire::ModelProto>> ParseModel(const base::IoBuf& file,
                                                                    const LoadLimits& limits);

}  // namespace hadron::onnx
