#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/byte_source.h"
#include "base/io_buf.h"
#include "base/status.h"
#include "onnx/external_data.h"
#include "onnx/limits.h"
#include "onnx/loaded_model.h"

namespace hadron::onnx {

/// Reads an ONNX model from bytes nobody vouches for. The graph's constants keep what they refer to
/// alive. Thread-safe: calls share nothing.
///
/// INVALID_ARGUMENT: the file is wrong; the message names the tensor or node. UNIMPLEMENTED: the
/// model is legal and needs what Hadron lacks; the message lists every such operator, attribute and
/// type. RESOURCE_EXHAUSTED: a limit, or memory.
///
///     HADRON_ASSIGN_OR_RETURN(auto model, LoadOnnx(bytes, ExternalData::None(), {}));
base::StatusOr<LoadedModel> LoadOnnx(const base::IoBuf& file, const ExternalData& external,
                                     const LoadLimits& limits);

/// The same for a file that need not be there yet: what is not needed to know the graph, the values
/// of large constants, is neither read nor waited for. Nothing of it may be trusted before
/// LoadedModel::Settle.
///
/// An initializer that has the name of an input is a constant, and the input none; where it is one
/// of `optional_inputs` the input stays, with the initializer as its default.
base::StatusOr<LoadedModel> LoadOnnx(std::shared_ptr<const base::ByteSource> file,
                                     const ExternalData& external, const LoadLimits& limits,
                                     const std::set<std::string>& optional_inputs = {});

/// The same for a file on disk, whose external data lies beside it. NOT_FOUND when there is none.
base::StatusOr<LoadedModel> LoadOnnxFile(const std::string& path, const LoadLimits& limits);

}  // namespace hadron::onnx
