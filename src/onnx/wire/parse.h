#pragma once

#include <memory>
#include <vector>

#include "base/byte_source.h"
#include "base/status.h"
#include "onnx/limits.h"
#include "onnx/wire/messages.h"
#include "onnx/wire/scan.h"

namespace hadron::onnx {

/// A file's messages, and where in the file the values are that they lack.
struct ParsedModel {
  std::unique_ptr<::onnx_wire::ModelProto> proto;
  std::vector<Skeleton::Range> left;
};

/// Bytes to messages, after ScanWire has found them bearable. INVALID_ARGUMENT "not an ONNX model:
/// ..." for anything that is not one.
base::StatusOr<ParsedModel> ParseModel(const base::ByteSource& file, const LoadLimits& limits);

}  // namespace hadron::onnx
