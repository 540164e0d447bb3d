#pragma once

#include <optional>
#include <string_view>

#include "base/status.h"

namespace hadron::protocol {

/// The one table that turns our codes into those of the wire.
///
///   code                 HTTP   gRPC
///   INVALID_ARGUMENT     400    3      bad shape, type, parameter, JSON, configuration
///   ALREADY_EXISTS       400    6
///   CANCELLED            400    1      the client went away
///   UNKNOWN              400    2
///   NOT_FOUND            404    5      unknown model, version, region
///   INTERNAL             500    13     device or backend failure
///   UNIMPLEMENTED        501    12     switched off, unsupported encoding
///   UNAVAILABLE          503    14     queue full, shutting down, not ready, not allowed in this
///   mode RESOURCE_EXHAUSTED   503    8      memory; 429 when the cause is the tenant's own quota
///   UNAUTHENTICATED      401    16
///   PERMISSION_DENIED    403    7
int HttpStatus(const base::Status& status);

/// Number of the gRPC code (grpc::StatusCode has the same values as ours).
int GrpcStatus(const base::Status& status);

/// Seconds for `Retry-After` (HTTP) and `retry-after` (gRPC trailer) where one belongs: refusals
/// for a full queue, a deadline, memory pressure or a quota; nothing otherwise. What the refusal
/// says itself, rounded up, else 1.
std::optional<int> RetryAfterSeconds(const base::Status& status);

}  // namespace hadron::protocol
