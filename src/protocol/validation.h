#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "serving/inference_request.h"

/// The rules of the V2 protocol that REST and gRPC share. A codec fills an InferenceRequest (model
/// handle, id, inputs in the order they came, requested outputs) and calls ValidateRequest.
namespace hadron::protocol {

/// "[request id: 7] " or "[request id: <id_unknown>] ": what core messages begin with.
std::string RequestPrefix(std::string_view id);

/// Bytes that a tensor of this description has; 0 for strings. INVALID_ARGUMENT when a dimension is
/// negative ("negative dimension"), when there are more than int64 elements ("causes total element
/// count to exceed maximum size of") or bytes ("byte size overflow for input"). No prefix.
base::StatusOr<std::uint64_t> InputByteSize(const tensor::TensorDesc& desc);

/// Checks the request against its model's configuration, in the order of the reference, and
/// completes it: duplicate names, number of inputs, batch, types, shapes, byte sizes, string
/// elements; requested outputs. On success inputs and requested outputs are in the order of the
/// configuration and `rows` is set (0 for empty tensors); the message of a failure
/// (INVALID_ARGUMENT) carries RequestPrefix. Shapes stay the client's: the configuration's
/// `reshape` is applied where the model runs. `request.model` must be set. Bytes of an input may be
/// a chain.
base::Status ValidateRequest(serving::InferenceRequest& request);

/// Takes what a wait for the model has used up off the request's timeout.
void ShortenTimeout(serving::InferenceRequest& request, base::Duration waited);

/// Keys with a meaning of their own, which no custom parameter or forwarded header may use.
bool IsReservedParameter(std::string_view key);

/// INVALID_ARGUMENT for keys beginning with "triton_".
base::Status CheckParameterKey(std::string_view key);

/// Puts one request parameter where it belongs: `priority` and `timeout` into their members, the
/// rest into `parameters`. INVALID_ARGUMENT when the key is reserved ("triton_...") or the value
/// has the wrong kind for its key; `wrong_kind` is then the whole message ("Unable to parse
/// 'priority'" on REST, "invalid value type for 'priority' parameter" on gRPC).
/// `binary_data_output` and `triton_enable_empty_final_response` are the codec's business and must
/// not come here.
base::Status SetParameter(serving::InferenceRequest& request, std::string_view key,
                          serving::ParameterValue value, std::string wrong_kind);

}  // namespace hadron::protocol
