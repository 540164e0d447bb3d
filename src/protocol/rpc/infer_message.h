#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/io_buf.h"
#include "base/status.h"
#include "serving/inference_request.h"

/// ModelInferRequest as it lies on the wire, before any rule of the protocol is applied.
namespace hadron::protocol::rpc {

struct ParameterField {
  std::string key;
  std::optional<serving::ParameterValue> value;  ///< nothing when no choice of the oneof is set
};

/// A map on the wire; of equal keys the last one counts.
using ParameterFields = std::vector<ParameterField>;

/// The field of that key; null when there is none.
const ParameterField* FindParameter(const ParameterFields& parameters, std::string_view key);

struct InputField {
  std::string name;
  std::string datatype;
  std::vector<std::int64_t> shape;
  ParameterFields parameters;
  std::optional<base::IoBuf> contents;  ///< bytes of InferTensorContents, shared
};

struct OutputField {
  std::string name;
  ParameterFields parameters;
};

struct InferMessage {
  std::string model_name;
  std::string model_version;
  std::string id;
  ParameterFields parameters;
  std::vector<InputField> inputs;
  std::vector<OutputField> outputs;
  std::vector<base::IoBuf> raw_inputs;  ///< shared with the message

  /// More of anything repeated is refused: what is kept of a message is a small multiple of its
  /// size, whoever wrote it.
  static constexpr std::size_t kMaxItems = 10'000;
};

/// INVALID_ARGUMENT for what is not a ModelInferRequest; `message` is then filled up to where the
/// failure is, so that an answer can carry the id. Unknown fields are skipped. The bytes are
/// shared, not copied.
base::Status DecodeInferMessage(const base::IoBuf& bytes, InferMessage& message);

}  // namespace hadron::protocol::rpc
