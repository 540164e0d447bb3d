#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "model/load_override.h"

/// Bodies of the load and unload calls.
namespace hadron::protocol {

/// `{"parameters": {"config": "<JSON>", "file:1/model.onnx": "<base64>"}}`, or nothing. Only the
/// form is checked; INVALID_ARGUMENT for an unknown parameter, a value of the wrong kind and broken
/// base64.
base::StatusOr<model::LoadRequest> ParseLoadRequest(std::string model, std::string_view json);

/// `{"parameters": {"unload_dependents": bool}}`, or nothing: whether the models go, too, that were
/// loaded for this one alone.
base::StatusOr<bool> ParseUnloadRequest(std::string_view json);

/// The bytes that the text stands for (RFC 4648, with its padding); INVALID_ARGUMENT otherwise.
base::StatusOr<std::string> DecodeBase64(std::string_view text);

}  // namespace hadron::protocol
