#include "protocol/rpc/byte_buffer.h"

#include <fmt/format.h>
#include <grpc/slice.h>

#include <bit>
#include <memory>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "protocol/rpc/infer_exchange.h"
#include "protocol/status_map.h"

namespace hadron::protocol::rpc {
namespace {

struct Received {
  std::vector<grpc::Slice> slices;
  net::MemoryBudget::Booking booking;
};

using Owner = std::shared_ptr<const void>;

void DropOwner(void* owner) { std::unique_ptr<Owner> drop(static_cast<Owner*>(owner)); }

grpc::Slice ToSlice(const base::IoBuf::Slice& slice) {
  // Bytes that fit into the slice itself (framing between tensors) are cheaper copied than shared.
  if (slice.bytes.size() < GRPC_SLICE_INLINED_SIZE) {
    return {slice.bytes.data(), slice.bytes.size()};
  }
  auto owner = std::make_unique<Owner>(slice.owner);
  // gRPC's signature lacks the const; it never writes to a slice that it sends.
  auto* data = std::bit_cast<void*>(slice.bytes.data());
  return {data, slice.bytes.size(), DropOwner, owner.release()};
}

}  // namespace

base::StatusOr<base::IoBuf> FromByteBuffer(const grpc::ByteBuffer& buffer,
                                           net::MemoryBudget* budget) {
  auto received = std::make_shared<Received>();
  if (budget != nullptr) {
    auto booking = budget->Book(buffer.Length());
    if (!booking) {
      return base::ResourceExhausted(fmt::format(
          "the message has {} bytes, more than --request-memory-budget has left; try again later",
          buffer.Length()));
    }
    received->booking = std::move(*booking);
  }
  if (const grpc::Status dumped = buffer.Dump(&received->slices); !dumped.ok()) {
    return base::InvalidArgument("failed to read the request message: " + dumped.error_message());
  }
  // Small slices hold their bytes themselves: only now that the vector is complete do they stay
  // put.
  base::IoBuf bytes;
  for (const grpc::Slice& slice : received->slices) {
    bytes.Append(base::IoBuf::Wrap({base::AsBytes(slice.begin()), slice.size()}, received));
  }
  return bytes;
}

grpc::ByteBuffer ToByteBuffer(const base::IoBuf& bytes) {
  std::vector<grpc::Slice> slices;
  slices.reserve(bytes.slices().size());
  for (const base::IoBuf::Slice& slice : bytes.slices()) slices.push_back(ToSlice(slice));
  return {slices.data(), slices.size()};
}

grpc::Status ToGrpc(const base::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(GrpcStatus(status)), WireText(status)};
}

}  // namespace hadron::protocol::rpc
