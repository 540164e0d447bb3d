#include "protocol/rpc/infer_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "base/bytes.h"
#include "protocol/rpc/wire_reader.h"

namespace hadron::protocol::rpc {
namespace {

using base::Status;

template <typename T>
Status CheckRoom(std::string_view name, const std::vector<T>& items) {
  if (items.size() < InferMessage::kMaxItems) return {};
  return base::InvalidArgument(fmt::format("failed to parse the request message: more than {} '{}'",
                                           InferMessage::kMaxItems, name));
}

/// Goes over the fields of a message: `handle(field, reader, known)` reads the field, or sets
/// `known` to false and leaves it to be skipped.
template <typename Handle>
Status ForEachField(WireReader reader, Handle handle) {
  while (!reader.done()) {
    WireField field;
    HADRON_RETURN_IF_ERROR(reader.ReadField(field));
    bool known = true;
    HADRON_RETURN_IF_ERROR(handle(field, reader, known));
    if (!known) HADRON_RETURN_IF_ERROR(reader.Skip(field));
  }
  return {};
}

Status ReadMessage(WireReader& reader, WireReader& payload) {
  return reader.Take({0, WireType::kBytes}, payload);
}

/// A string's length is bounded by the message it came in, which is why values have no limit.
Status ReadValue(WireReader message, std::optional<serving::ParameterValue>& value) {
  return ForEachField(message, [&](const WireField& field, WireReader& reader, bool& known) {
    std::uint64_t number = 0;
    if (field.Is(3, WireType::kBytes)) {
      std::string text;
      const std::size_t limit = reader.left();
      HADRON_RETURN_IF_ERROR(reader.ReadText("string_param", text, limit));
      value = std::move(text);
    } else if (field.Is(4, WireType::kFixed64)) {
      WireReader payload;
      std::array<std::byte, sizeof(double)> bytes;
      HADRON_RETURN_IF_ERROR(reader.Take(field, payload));
      payload.CopyTo(bytes);
      value = base::LoadLe<double>(bytes.data());
    } else if (field.type != WireType::kVarint || field.number > 5 || field.number == 3 ||
               field.number == 4) {
      known = false;
    } else {
      HADRON_RETURN_IF_ERROR(reader.ReadVarint(number));
      if (field.number == 1) value = number != 0;
      if (field.number == 2) value = std::bit_cast<std::int64_t>(number);
      if (field.number == 5) value = number;
    }
    return base::OkStatus();
  });
}

Status ReadParameter(WireReader& reader, ParameterFields& parameters) {
  HADRON_RETURN_IF_ERROR(CheckRoom("parameters", parameters));
  WireReader entry;
  HADRON_RETURN_IF_ERROR(ReadMessage(reader, entry));
  ParameterField& parameter = parameters.emplace_back();
  return ForEachField(entry, [&](const WireField& field, WireReader& at, bool& known) {
    if (field.Is(1, WireType::kBytes)) return at.ReadText("parameters.key", parameter.key);
    if (field.Is(2, WireType::kBytes)) {
      WireReader value;
      HADRON_RETURN_IF_ERROR(ReadMessage(at, value));
      return ReadValue(value, parameter.value);
    }
    known = false;
    return base::OkStatus();
  });
}

Status ReadDim(WireReader& reader, std::vector<std::int64_t>& shape) {
  HADRON_RETURN_IF_ERROR(CheckRoom("shape", shape));
  std::uint64_t dim = 0;
  HADRON_RETURN_IF_ERROR(reader.ReadVarint(dim));
  shape.push_back(std::bit_cast<std::int64_t>(dim));
  return {};
}

Status ReadPackedDims(WireReader& reader, std::vector<std::int64_t>& shape) {
  WireReader payload;
  HADRON_RETURN_IF_ERROR(ReadMessage(reader, payload));
  while (!payload.done()) HADRON_RETURN_IF_ERROR(ReadDim(payload, shape));
  return {};
}

Status ReadInput(WireReader& reader, std::vector<InputField>& inputs) {
  HADRON_RETURN_IF_ERROR(CheckRoom("inputs", inputs));
  WireReader message;
  HADRON_RETURN_IF_ERROR(ReadMessage(reader, message));
  InputField& input = inputs.emplace_back();
  return ForEachField(message, [&](const WireField& field, WireReader& at, bool& known) {
    if (field.Is(3, WireType::kVarint)) return ReadDim(at, input.shape);
    known = field.type == WireType::kBytes && field.number <= 5;
    if (!known) return base::OkStatus();
    switch (field.number) {
      case 1:
        return at.ReadText("inputs.name", input.name);
      case 2:
        return at.ReadText("inputs.datatype", input.datatype);
      case 3:
        return ReadPackedDims(at, input.shape);
      case 4:
        return ReadParameter(at, input.parameters);
      default:
        break;
    }
    // A field that comes twice is one message: its payloads joined.
    base::IoBuf contents;
    HADRON_RETURN_IF_ERROR(at.ReadBytes(contents));
    if (!input.contents) input.contents.emplace();
    input.contents->Append(contents);
    return base::OkStatus();
  });
}

Status ReadOutput(WireReader& reader, std::vector<OutputField>& outputs) {
  HADRON_RETURN_IF_ERROR(CheckRoom("outputs", outputs));
  WireReader message;
  HADRON_RETURN_IF_ERROR(ReadMessage(reader, message));
  OutputField& output = outputs.emplace_back();
  return ForEachField(message, [&](const WireField& field, WireReader& at, bool& known) {
    if (field.Is(1, WireType::kBytes)) return at.ReadText("outputs.name", output.name);
    if (field.Is(2, WireType::kBytes)) return ReadParameter(at, output.parameters);
    known = false;
    return base::OkStatus();
  });
}

Status ReadRaw(WireReader& reader, std::vector<base::IoBuf>& raw) {
  HADRON_RETURN_IF_ERROR(CheckRoom("raw_input_contents", raw));
  return reader.ReadBytes(raw.emplace_back());
}

}  // namespace

const ParameterField* FindParameter(const ParameterFields& parameters, std::string_view key) {
  const auto at = std::find_if(parameters.rbegin(), parameters.rend(),
                               [key](const ParameterField& p) { return p.key == key; });
  return at == parameters.rend() ? nullptr : &*at;
}

Status DecodeInferMessage(const base::IoBuf& bytes, InferMessage& message) {
  return ForEachField(WireReader(bytes),
                      [&message](const WireField& field, WireReader& at, bool& known) {
                        known = field.type == WireType::kBytes && field.number <= 7;
                        if (!known) return base::OkStatus();
                        switch (field.number) {
                          case 1:
                            return at.ReadText("model_name", message.model_name);
                          case 2:
                            return at.ReadText("model_version", message.model_version);
                          case 3:
                            return at.ReadText("id", message.id);
                          case 4:
                            return ReadParameter(at, message.parameters);
                          case 5:
                            return ReadInput(at, message.inputs);
                          case 6:
                            return ReadOutput(at, message.outputs);
                          default:
                            return ReadRaw(at, message.raw_inputs);
                        }
                      });
}

}  // namespace hadron::protocol::rpc
