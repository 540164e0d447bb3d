#include "bench/front_message.h"

#include <fmt/format.h>

#include <random>

#include "base/bytes.h"

namespace hadron::bench {
namespace {

template <typename T>
void Append(std::string& bytes, T value) {
  bytes.append(base::AsText(std::as_bytes(std::span(&value, 1))));
}

}  // namespace

std::string_view ProtocolName(Protocol protocol) {
  switch (protocol) {
    case Protocol::kRestJson:
      return "rest_json";
    case Protocol::kRestBinary:
      return "rest_binary";
    case Protocol::kGrpcRaw:
      return "grpc_raw";
    case Protocol::kGrpcTyped:
      return "grpc_typed";
    case Protocol::kGrpcStream:
      return "grpc_stream";
  }
  return "";
}

std::size_t Payload::bytes() const {
  std::size_t sum = 0;
  for (const Tensor& input : inputs) sum += input.bytes.size();
  return sum;
}

Payload IdentityPayload(std::string label, std::int64_t elements) {
  Tensor tensor{"INPUT", false, {elements}, {}};
  std::mt19937 random(1);
  for (std::int64_t i = 0; i < elements; ++i) {
    // Not std::uniform_real_distribution: its numbers depend on the library.
    Append(tensor.bytes, static_cast<float>(random()) / 4294967296.0F - 0.5F);
  }
  Tensor output = tensor;
  output.name = "OUTPUT";
  return {std::move(label),
          fmt::format("identity_{}", elements),
          {std::move(tensor)},
          {std::move(output)}};
}

Payload SimplePayload() {
  constexpr std::int32_t kElements = 16;
  const std::vector<std::int64_t> shape = {1, kElements};
  Payload payload{"simple", "simple", {}, {}};
  for (const char* name : {"INPUT0", "INPUT1"}) payload.inputs.push_back({name, true, shape, {}});
  for (const char* name : {"OUTPUT0", "OUTPUT1"})
    payload.outputs.push_back({name, true, shape, {}});
  for (std::int32_t i = 0; i < kElements; ++i) {
    const std::int32_t other = 7 - 3 * i;
    Append(payload.inputs[0].bytes, i);
    Append(payload.inputs[1].bytes, other);
    Append(payload.outputs[0].bytes, i + other);
    Append(payload.outputs[1].bytes, i - other);
  }
  return payload;
}

WireRequest Encode(Protocol protocol, const Payload& payload) {
  return IsRest(protocol) ? EncodeRest(protocol, payload) : EncodeGrpc(protocol, payload);
}

base::Status CheckTensors(Protocol protocol, std::string_view answer,
                          std::span<const Tensor> expected) {
  return IsRest(protocol) ? CheckRest(protocol, answer, expected)
                          : CheckGrpc(protocol, answer, expected);
}

base::Status CheckBytes(const Tensor& expected, std::string_view bytes) {
  if (bytes == expected.bytes) return {};
  return base::Internal(fmt::format("output '{}': wrong bytes ({} came, {} expected)",
                                    expected.name, bytes.size(), expected.bytes.size()));
}

}  // namespace hadron::bench
