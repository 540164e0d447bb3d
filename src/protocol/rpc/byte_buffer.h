#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include "base/io_buf.h"
#include "base/status.h"
#include "net/memory_budget.h"

/// The border between gRPC's types and ours.
namespace hadron::protocol::rpc {

/// The bytes of a message, shared: the chain keeps gRPC's slices alive, and the booking with them.
/// RESOURCE_EXHAUSTED when `budget` (may be null) has no room.
base::StatusOr<base::IoBuf> FromByteBuffer(const grpc::ByteBuffer& buffer,
                                           net::MemoryBudget* budget);

/// A message that refers to the chain's bytes and keeps their owners alive until gRPC has written
/// them.
grpc::ByteBuffer ToByteBuffer(const base::IoBuf& bytes);

/// Code and text, the text cut to what fits into a trailer.
grpc::Status ToGrpc(const base::Status& status);

}  // namespace hadron::protocol::rpc
