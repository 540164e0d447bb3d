#include "onnx/import/tensors.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/checked.h"
#include "base/strings.h"
#include "onnx.pb.h"
#include "onnx/import/tensor_values.h"
#include "onnx/wire/element_type.h"
#include "onnx/wire/quote.h"
#include "tensor/string_tensor.h"

namespace hadron::onnx {
namespace {

using base::InvalidArgument;
using base::IoBuf;
using base::Status;
using base::StatusOr;
using tensor::DataType;

constexpr std::int32_t kExternal = 1;

/// The keys of TensorProto.external_data, parsed.
struct Location {
  std::string path;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
};

StatusOr<std::uint64_t> ParseCount(std::string_view key, const std::string& text) {
  const auto value = base::ParseUint64(text);
  if (!value) {
    return InvalidArgument(
        fmt::format("its external {} is {}, which is not a number of bytes", key, Quote(text)));
  }
  return *value;
}

StatusOr<Location> ReadLocation(const ::onnx_wire::TensorProto& tensor, std::string_view label,
                                Diagnostics& diagnostics) {
  Location location;
  std::map<std::string_view, std::string_view> seen;
  for (const auto& entry : tensor.external_data()) {
    if (!seen.emplace(entry.key(), entry.value()).second) {
      return InvalidArgument(fmt::format("external data key {} appears twice", Quote(entry.key())));
    }
    if (entry.key() == "location") {
      location.path = entry.value();
    } else if (entry.key() == "offset") {
      HADRON_ASSIGN_OR_RETURN(location.offset, ParseCount("offset", entry.value()));
    } else if (entry.key() == "length") {
      HADRON_ASSIGN_OR_RETURN(location.length, ParseCount("length", entry.value()));
    } else if (entry.key() != "checksum") {
      diagnostics.Warn(
          fmt::format("{}: external data key {} is ignored", label, Quote(entry.key())));
    }
  }
  if (!seen.contains("location")) return InvalidArgument("its external data has no location");
  return location;
}

Status CheckDataType(const ::onnx_wire::TensorProto& tensor, std::string_view label) {
  const std::int32_t code = tensor.data_type();
  if (code == 0) return InvalidArgument("it has no element type");
  if (!IsElementType(code)) {
    return InvalidArgument(fmt::format("its element type {} is none that ONNX defines", code));
  }
  if (FindElementType(code).type == DataType::kInvalid) {
    return base::Unimplemented(fmt::format("type {} of {}", ElementTypeName(code), label));
  }
  if (tensor.has_segment()) return InvalidArgument("it is a segment of a tensor");
  if (tensor.data_location() != 0 && tensor.data_location() != kExternal) {
    return InvalidArgument(fmt::format("its data_location is {}", tensor.data_location()));
  }
  return {};
}

}  // namespace

Status TensorReader::Charge(std::uint64_t bytes) {
  const auto total = base::CheckedAdd(charged_, bytes);
  if (!total || *total > limits_.max_model_bytes) {
    return base::ResourceExhausted(fmt::format("the model's tensors exceed {} in total",
                                               base::HumanBytes(limits_.max_model_bytes)));
  }
  charged_ = *total;
  return {};
}

StatusOr<IoBuf> TensorReader::ReadStrings(::onnx_wire::TensorProto& tensor, std::int64_t elements) {
  if (tensor.string_data_size() != elements) {
    return InvalidArgument(fmt::format("it has {} strings, its shape needs exactly {}",
                                       tensor.string_data_size(), elements));
  }
  std::vector<std::string> strings;
  strings.reserve(static_cast<std::size_t>(elements));
  std::uint64_t bytes = 0;
  for (std::string& text : *tensor.mutable_string_data()) {
    bytes += text.size() + sizeof(std::uint32_t);
    strings.push_back(std::move(text));
  }
  HADRON_RETURN_IF_ERROR(Charge(bytes));
  return tensor::EncodeStrings(strings);
}

StatusOr<ExternalFile> TensorReader::OpenExternal(const std::string& location) {
  if (!open_file_ || open_location_ != location) {
    HADRON_ASSIGN_OR_RETURN(ExternalFile file, external_.Open(location));
    open_file_ = std::move(file);
    open_location_ = location;
  }
  return *open_file_;
}

StatusOr<IoBuf> TensorReader::ReadExternal(const ::onnx_wire::TensorProto& tensor,
                                           std::string_view label, std::uint64_t bytes) {
  HADRON_ASSIGN_OR_RETURN(const Location location, ReadLocation(tensor, label, diagnostics_));
  if (location.length && *location.length != bytes) {
    return InvalidArgument(fmt::format("its external length is {}, its shape and type need {}",
                                       *location.length, bytes));
  }
  const std::string context = fmt::format("external data {}", Quote(location.path));
  auto file = OpenExternal(location.path);
  if (!file.ok()) return std::move(file).status().With(context);
  HADRON_RETURN_IF_ERROR(Charge(bytes));
  auto data = file->Read(location.offset, bytes);
  if (!data.ok()) return std::move(data).status().With(context);
  if (FindElementType(tensor.data_type()).type != DataType::kBool) return data;
  std::string bools = data->ToString();
  for (char& c : bools) c = c == 0 ? 0 : 1;
  return IoBuf::FromString(std::move(bools));
}

StatusOr<IoBuf> TensorReader::ReadBytes(::onnx_wire::TensorProto& tensor, std::string_view label,
                                        std::int64_t elements) {
  const ElementType element = FindElementType(tensor.data_type());
  const bool external = tensor.data_location() == kExternal;
  const std::string_view none = external        ? "its data is external"
                                : elements == 0 ? "it has no elements"
                                                : "";
  HADRON_RETURN_IF_ERROR(CheckValueFields(tensor, element, none));
  if (element.type == DataType::kString) {
    if (external) return InvalidArgument("strings cannot lie in external data");
    return ReadStrings(tensor, elements);
  }
  const auto count = static_cast<std::uint64_t>(elements);
  const std::uint64_t bytes = count * tensor::ElementSize(element.type);
  if (external) return ReadExternal(tensor, label, bytes);
  if (elements == 0) return IoBuf();
  HADRON_ASSIGN_OR_RETURN(IoBuf values, TakeValues(tensor, element, count));
  HADRON_RETURN_IF_ERROR(Charge(bytes));
  return values;
}

StatusOr<tensor::HostTensor> TensorReader::ReadTensor(::onnx_wire::TensorProto& tensor,
                                                      std::string name, std::string_view label) {
  HADRON_RETURN_IF_ERROR(CheckDataType(tensor, label));
  HADRON_ASSIGN_OR_RETURN(tensor::Shape shape, ReadShape(tensor, limits_.max_rank));
  HADRON_ASSIGN_OR_RETURN(IoBuf bytes, ReadBytes(tensor, label, shape.elements()));
  const DataType type = FindElementType(tensor.data_type()).type;
  return tensor::HostTensor{{std::move(name), type, std::move(shape)}, std::move(bytes)};
}

StatusOr<graph::ConstantRef> TensorReader::Read(::onnx_wire::TensorProto& tensor, std::string name,
                                                std::string_view label) {
  if (const auto it = done_.find(&tensor); it != done_.end()) return it->second;
  auto result = ReadTensor(tensor, std::move(name), label);
  if (result.ok()) {
    auto constant = graph::Constant::FromTensor(std::move(result).value());
    done_.emplace(&tensor, constant);
    return constant;
  }
  return std::move(result).status();
}

}  // namespace hadron::onnx
