#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hadron::bench {

/// A way of asking for an inference.
enum class Protocol : std::uint8_t { kRestJson, kRestBinary, kGrpcRaw, kGrpcTyped, kGrpcStream };

inline constexpr Protocol kProtocols[] = {Protocol::kRestJson, Protocol::kRestBinary,
                                          Protocol::kGrpcRaw, Protocol::kGrpcTyped,
                                          Protocol::kGrpcStream};

/// "rest_json", ...
std::string_view ProtocolName(Protocol protocol);
inline bool IsRest(Protocol protocol) { return protocol <= Protocol::kRestBinary; }

/// FP32, or INT32 when `integer`; bytes in row-major little-endian order.
struct Tensor {
  std::string name;
  bool integer = false;
  std::vector<std::int64_t> shape;
  std::string bytes;

  std::string_view datatype() const { return integer ? "INT32" : "FP32"; }
};

/// One inference: what is sent and what must come back.
struct Payload {
  std::string label;  ///< "64 KiB"
  std::string model;
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;

  std::size_t bytes() const;  ///< of the inputs
};

/// FP32 [elements] of model identity_<elements>; pseudo-random numbers that depend on nothing.
Payload IdentityPayload(std::string label, std::int64_t elements);
/// Sum and difference of two INT32 [1, 16].
Payload SimplePayload();

/// A request as bytes: where to, HTTP header lines (each ends with CR LF, none for gRPC), body.
struct WireRequest {
  std::string path;
  std::string headers;
  std::string body;
};

WireRequest Encode(Protocol protocol, const Payload& payload);

/// Compares every byte of the tensors in an answer with `expected`, in order. INTERNAL when they
/// differ.
base::Status CheckTensors(Protocol protocol, std::string_view answer,
                          std::span<const Tensor> expected);

// The parts for each family of protocols, front_message_rest.cc and front_message_grpc.cc.
WireRequest EncodeRest(Protocol protocol, const Payload& payload);
WireRequest EncodeGrpc(Protocol protocol, const Payload& payload);
base::Status CheckRest(Protocol protocol, std::string_view answer,
                       std::span<const Tensor> expected);
base::Status CheckGrpc(Protocol protocol, std::string_view answer,
                       std::span<const Tensor> expected);
/// INTERNAL "<name>: wrong bytes" unless both are the same.
base::Status CheckBytes(const Tensor& expected, std::string_view bytes);

}  // namespace hadron::bench
