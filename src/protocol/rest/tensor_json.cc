#include "protocol/rest/tensor_json.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string_view>
#include <type_traits>

#include "base/bytes.h"
#include "base/strings.h"
#include "protocol/validation.h"
#include "tensor/string_tensor.h"

namespace hadron::protocol {
namespace {

using tensor::DataType;
using tensor::TensorDesc;

base::Status CountMismatch(const TensorDesc& desc) {
  return base::InvalidArgument(fmt::format(
      "input '{}' with shape {} does not match its data: shape does not match true shape of 'data' "
      "field",
      base::EscapeControl(desc.name), desc.shape.ToString()));
}

base::Status TooLarge(const TensorDesc& desc, std::uint64_t bytes, std::uint64_t limit) {
  return base::InvalidArgument(
      fmt::format("byte size {} of input '{}' exceeds the maximum allowed value of {} bytes "
                  "(--http-max-input-size)",
                  bytes, base::EscapeControl(desc.name), limit));
}

base::Status OutOfRange(const TensorDesc& desc, std::string_view token) {
  return base::InvalidArgument(fmt::format("value {} in 'data' of input '{}' is not a {}", token,
                                           base::EscapeControl(desc.name),
                                           tensor::DataTypeName(desc.type)));
}

/// Text of a special float behind its sign.
template <typename T>
bool ParseSpecial(std::string_view token, T& out) {
  const bool negative = token.starts_with('-');
  const char first = token[negative ? 1 : 0];
  if (first != 'N' && first != 'I') return false;
  out = first == 'N' ? std::numeric_limits<T>::quiet_NaN() : std::numeric_limits<T>::infinity();
  if (negative) out = -out;
  return true;
}

template <typename T>
bool ParseFloat(std::string_view token, T& out) {
  if (ParseSpecial(token, out)) return true;
  const auto result = std::from_chars(token.data(), token.data() + token.size(), out);
  if (result.ec == std::errc::result_out_of_range) {
    // Too large becomes an infinity and too small a (sub)normal or zero, which from_chars leaves
    // out.
    const std::string copy(token);
    if constexpr (std::is_same_v<T, float>) {
      out = std::strtof(copy.c_str(), nullptr);
    } else {
      out = std::strtod(copy.c_str(), nullptr);
    }
    return true;
  }
  return result.ec == std::errc() && result.ptr == token.data() + token.size();
}

template <typename T>
bool ParseInteger(std::string_view token, T& out) {
  if (token == "-0") token = "0";  // an integer, also for unsigned types
  const auto result = std::from_chars(token.data(), token.data() + token.size(), out);
  return result.ec == std::errc() && result.ptr == token.data() + token.size();
}

/// Where elements of a fixed size go. The room is what the shape says; more elements are an error.
template <typename T>
class NumberSink {
 public:
  NumberSink(const TensorDesc& desc, std::size_t elements)
      : desc_(desc),
        room_(elements),
        bytes_(std::make_shared_for_overwrite<std::byte[]>(elements * sizeof(T))) {}

  base::Status Element(JsonReader& json) {
    if (count_ == room_) return CountMismatch(desc_);
    std::string_view token;
    if (json.Peek() != JsonReader::Kind::kNumber) {
      return json.WrongKind(tensor::DataTypeName(desc_.type));
    }
    HADRON_RETURN_IF_ERROR(json.ReadNumber(token));
    T value{};
    bool parsed = false;
    if constexpr (std::is_floating_point_v<T>) {
      parsed = ParseFloat(token, value);
    } else {
      parsed = ParseInteger(token, value);
    }
    if (!parsed) return OutOfRange(desc_, token);
    base::StoreLe(bytes_.get() + count_ * sizeof(T), value);
    ++count_;
    return base::OkStatus();
  }

  std::size_t count() const { return count_; }
  base::IoBuf Take() { return base::IoBuf::Wrap({bytes_.get(), count_ * sizeof(T)}, bytes_); }

 private:
  const TensorDesc& desc_;
  const std::size_t room_;
  std::size_t count_ = 0;
  std::shared_ptr<std::byte[]> bytes_;
};

class BoolSink {
 public:
  BoolSink(const TensorDesc& desc, std::size_t elements) : desc_(desc), room_(elements) {}

  base::Status Element(JsonReader& json) {
    if (bytes_.size() == room_) return CountMismatch(desc_);
    bool value = false;
    if (json.Peek() == JsonReader::Kind::kNumber) {
      std::string_view token;
      HADRON_RETURN_IF_ERROR(json.ReadNumber(token));
      if (token != "0" && token != "1") return OutOfRange(desc_, token);
      value = token == "1";
    } else {
      HADRON_RETURN_IF_ERROR(json.ReadBool(value));
    }
    bytes_.push_back(value ? '\1' : '\0');
    return base::OkStatus();
  }

  std::size_t count() const { return bytes_.size(); }
  base::IoBuf Take() { return base::IoBuf::FromString(std::move(bytes_)); }

 private:
  const TensorDesc& desc_;
  const std::size_t room_;
  std::string bytes_;
};

class StringSink {
 public:
  StringSink(const TensorDesc& desc, std::size_t elements, std::uint64_t max_bytes)
      : desc_(desc), room_(elements), max_bytes_(max_bytes) {}

  base::Status Element(JsonReader& json) {
    if (count_ == room_) return CountMismatch(desc_);
    HADRON_RETURN_IF_ERROR(json.ReadString(text_));
    if (bytes_.size() + text_.size() + sizeof(std::uint32_t) > max_bytes_) {
      return TooLarge(desc_, bytes_.size() + text_.size() + sizeof(std::uint32_t), max_bytes_);
    }
    std::byte prefix[sizeof(std::uint32_t)];
    base::StoreLe(prefix, static_cast<std::uint32_t>(text_.size()));
    bytes_.append(base::AsText(prefix)).append(text_);
    ++count_;
    return base::OkStatus();
  }

  std::size_t count() const { return count_; }
  base::IoBuf Take() { return base::IoBuf::FromString(std::move(bytes_)); }

 private:
  const TensorDesc& desc_;
  const std::size_t room_;
  const std::uint64_t max_bytes_;
  std::size_t count_ = 0;
  std::string text_;
  std::string bytes_;
};

/// Walks nested arrays with a counter and hands every element to the sink.
template <typename Sink>
base::Status ReadElements(JsonReader& json, Sink& sink) {
  if (!json.Consume('[')) return json.WrongKind("array");
  std::size_t depth = 1;
  bool may_close = true;    // behind '[' or an element
  bool wants_value = true;  // behind '[' or ','
  while (depth > 0) {
    const char c = json.PeekChar();
    if (c == ']' && may_close) {
      json.Advance(1);
      --depth;
      wants_value = false;
    } else if (c == ',' && !wants_value) {
      json.Advance(1);
      wants_value = true;
      may_close = false;
    } else if (!wants_value) {
      return json.Malformed("expected ',' or ']'");
    } else if (c == '[') {
      if (++depth > JsonReader::kMaxDepth) return JsonReader::TooDeep();
      json.Advance(1);
      may_close = true;
    } else {
      HADRON_RETURN_IF_ERROR(sink.Element(json));
      wants_value = false;
      may_close = true;
    }
  }
  return base::OkStatus();
}

template <typename Sink>
base::StatusOr<base::IoBuf> ReadInto(JsonReader& json, const TensorDesc& desc, std::size_t elements,
                                     Sink sink) {
  HADRON_RETURN_IF_ERROR(ReadElements(json, sink));
  if (sink.count() != elements) return CountMismatch(desc);
  return sink.Take();
}

template <typename T>
base::StatusOr<base::IoBuf> ReadNumbers(JsonReader& json, const TensorDesc& desc,
                                        std::size_t elements) {
  return ReadInto(json, desc, elements, NumberSink<T>(desc, elements));
}

base::StatusOr<base::IoBuf> ReadTyped(JsonReader& json, const TensorDesc& desc,
                                      std::size_t elements, std::uint64_t max_bytes) {
  switch (desc.type) {
    case DataType::kBool:
      return ReadInto(json, desc, elements, BoolSink(desc, elements));
    case DataType::kUint8:
      return ReadNumbers<std::uint8_t>(json, desc, elements);
    case DataType::kUint16:
      return ReadNumbers<std::uint16_t>(json, desc, elements);
    case DataType::kUint32:
      return ReadNumbers<std::uint32_t>(json, desc, elements);
    case DataType::kUint64:
      return ReadNumbers<std::uint64_t>(json, desc, elements);
    case DataType::kInt8:
      return ReadNumbers<std::int8_t>(json, desc, elements);
    case DataType::kInt16:
      return ReadNumbers<std::int16_t>(json, desc, elements);
    case DataType::kInt32:
      return ReadNumbers<std::int32_t>(json, desc, elements);
    case DataType::kInt64:
      return ReadNumbers<std::int64_t>(json, desc, elements);
    case DataType::kFp32:
      return ReadNumbers<float>(json, desc, elements);
    case DataType::kFp64:
      return ReadNumbers<double>(json, desc, elements);
    default:
      return ReadInto(json, desc, elements, StringSink(desc, elements, max_bytes));
  }
}

// ---- writing ------------------------------------------------------------------------------------

template <typename T>
void AppendNumber(T value, std::string& out) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  out.append(text, static_cast<std::size_t>(end - text));
}

template <typename T>
void AppendFloat(T value, std::string& out) {
  if (std::isnan(value)) {
    out.append("NaN");
  } else if (std::isinf(value)) {
    out.append(value < 0 ? "-Infinity" : "Infinity");
  } else {
    const std::size_t from = out.size();
    AppendNumber(value, out);
    // A float stays one for readers that tell integers and floats apart.
    if (out.find_first_of(".e", from) == std::string::npos) out.append(".0");
  }
}

template <typename T>
void AppendAll(const base::IoBuf& bytes, std::string& out) {
  const base::IoBuf flat = bytes.Flatten();  // results are one slice; a chain is rare
  const std::span<const std::byte> data = flat.bytes();
  for (std::size_t at = 0; at + sizeof(T) <= data.size(); at += sizeof(T)) {
    if (at > 0) out.push_back(',');
    const T value = base::LoadLe<T>(data.data() + at);
    if constexpr (std::is_floating_point_v<T>) {
      AppendFloat(value, out);
    } else {
      AppendNumber(value, out);
    }
  }
}

void AppendBools(const base::IoBuf& bytes, std::string& out) {
  bool first = true;
  for (const base::IoBuf::Slice& slice : bytes.slices()) {
    for (const std::byte b : slice.bytes) {
      out.append(first ? "" : ",").append(b != std::byte{0} ? "true" : "false");
      first = false;
    }
  }
}

void AppendStrings(const tensor::HostTensor& tensor, std::string& out) {
  const auto strings = tensor::DecodeStrings(tensor.bytes, tensor.desc.shape.elements());
  if (!strings.ok()) return;
  bool first = true;
  for (const std::string& text : *strings) {
    out.append(first ? "" : ",").append(base::JsonQuote(text));
    first = false;
  }
}

void AppendElements(const tensor::HostTensor& tensor, std::string& out) {
  switch (tensor.desc.type) {
    case DataType::kBool:
      return AppendBools(tensor.bytes, out);
    case DataType::kUint8:
      return AppendAll<std::uint8_t>(tensor.bytes, out);
    case DataType::kUint16:
      return AppendAll<std::uint16_t>(tensor.bytes, out);
    case DataType::kUint32:
      return AppendAll<std::uint32_t>(tensor.bytes, out);
    case DataType::kUint64:
      return AppendAll<std::uint64_t>(tensor.bytes, out);
    case DataType::kInt8:
      return AppendAll<std::int8_t>(tensor.bytes, out);
    case DataType::kInt16:
      return AppendAll<std::int16_t>(tensor.bytes, out);
    case DataType::kInt32:
      return AppendAll<std::int32_t>(tensor.bytes, out);
    case DataType::kInt64:
      return AppendAll<std::int64_t>(tensor.bytes, out);
    case DataType::kFp32:
      return AppendAll<float>(tensor.bytes, out);
    case DataType::kFp64:
      return AppendAll<double>(tensor.bytes, out);
    case DataType::kString:
      return AppendStrings(tensor, out);
    default:
      return;
  }
}

}  // namespace

base::Status CheckJsonType(DataType type, std::string_view direction) {
  if (type != DataType::kFp16 && type != DataType::kBf16) return base::OkStatus();
  return base::InvalidArgument(
      fmt::format("{} {} data via JSON is not supported. Please use the binary data format",
                  direction, tensor::DataTypeName(type)));
}

base::StatusOr<base::IoBuf> ReadTensorData(JsonReader& json, const TensorDesc& desc,
                                           std::uint64_t max_bytes) {
  HADRON_RETURN_IF_ERROR(CheckJsonType(desc.type, "receiving"));
  HADRON_ASSIGN_OR_RETURN(const std::uint64_t bytes, InputByteSize(desc));
  if (bytes > max_bytes) return TooLarge(desc, bytes, max_bytes);
  const std::int64_t elements = desc.shape.elements();
  // Each element takes a digit and a comma: what the text cannot hold is not worth the memory.
  if (static_cast<std::uint64_t>(elements) > json.rest().size() / 2 + 1) return CountMismatch(desc);
  return ReadTyped(json, desc, static_cast<std::size_t>(elements), max_bytes);
}

void WriteTensorData(const tensor::HostTensor& tensor, std::string& out) {
  out.push_back('[');
  AppendElements(tensor, out);
  out.push_back(']');
}

}  // namespace hadron::protocol
