#include "onnx/import/tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/checked.h"
#include "base/strings.h"
#include "onnx.pb.h"
#include "onnx/import/tensor_values.h"
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

StatusOr<std::shared_ptr<const base::ByteSource>> TensorReader::OpenExternal(
    const std::string& location) {
  if (open_file_ == nullptr || open_location_ != location) {
    HADRON_ASSIGN_OR_RETURN(auto file, files_.external.Open(location));
    open_order_ += used_files_.back()->size();
    used_files_.push_back(file);
    open_file_ = std::move(file);
    open_location_ = location;
  }
  return open_file_;
}

StatusOr<TensorReader::Stored> TensorReader::FindExternal(const ::onnx_wire::TensorProto& tensor,
                                                          std::string_view label,
                                                          std::uint64_t bytes) {
  HADRON_ASSIGN_OR_RETURN(const Location location, ReadLocation(tensor, label, diagnostics_));
  if (location.length && *location.length != bytes) {
    return InvalidArgument(fmt::format("its external length is {}, its shape and type need {}",
                                       *location.length, bytes));
  }
  const std::string context = fmt::format("external data {}", Quote(location.path));
  auto file = OpenExternal(location.path);
  if (!file.ok()) return std::move(file).status().With(context);
  const std::uint64_t size = (*file)->size();
  if (location.offset > size || bytes > size - location.offset) {
    return InvalidArgument(
        fmt::format("{}: bytes {} to {}+{} lie beyond the end of the file ({} bytes)", context,
                    location.offset, location.offset, bytes, size));
  }
  return Stored{*std::move(file), location.offset, bytes, open_order_ + location.offset + bytes};
}

StatusOr<TensorReader::Stored> TensorReader::FindLeft(const ::onnx_wire::TensorProto& tensor,
                                                      std::uint64_t elements) {
  const std::uint64_t number = tensor.left_in_file();
  HADRON_CHECK(number > 0 && number <= files_.left.size());  // the scan wrote it
  const Skeleton::Range range = files_.left[number - 1];
  const DataType type = FindElementType(tensor.data_type()).type;
  HADRON_RETURN_IF_ERROR(CheckRawBytes(range.count, type, elements));
  return Stored{files_.model, range.offset, range.count, range.offset + range.count};
}

StatusOr<graph::ConstantRef> TensorReader::FromFile(Stored stored, tensor::TensorDesc desc) {
  HADRON_RETURN_IF_ERROR(Charge(stored.count));
  const bool bools = desc.type == DataType::kBool;
  const std::uint64_t order = stored.order;
  const std::uint64_t count = stored.count;
  auto read = [stored = std::move(stored), bools, name = desc.name]() -> StatusOr<IoBuf> {
    auto data = base::ReadRange(*stored.file, stored.offset, stored.count);
    if (!data.ok()) return std::move(data).status().With(fmt::format("tensor {}", Quote(name)));
    if (!bools) return data;
    std::string flags = data->ToString();
    for (char& c : flags) c = c == 0 ? 0 : 1;
    return IoBuf::FromString(std::move(flags));
  };
  auto constant = graph::Constant::Stored(desc, order, std::move(read));
  if (count > kLeftInFileBytes) {
    largest_stored_ = std::max(largest_stored_, count);
    return constant;
  }
  HADRON_ASSIGN_OR_RETURN(auto tensor, constant->Evaluate());
  return graph::Constant::FromTensor(std::move(tensor));
}

StatusOr<graph::ConstantRef> TensorReader::ReadTensor(::onnx_wire::TensorProto& tensor,
                                                      std::string name, std::string_view label) {
  HADRON_RETURN_IF_ERROR(CheckDataType(tensor, label));
  HADRON_ASSIGN_OR_RETURN(tensor::Shape shape, ReadShape(tensor, limits_.max_rank));
  const ElementType element = FindElementType(tensor.data_type());
  const std::int64_t elements = shape.elements();
  const bool external = tensor.data_location() == kExternal;
  const std::string_view none = external        ? "its data is external"
                                : elements == 0 ? "it has no elements"
                                                : "";
  HADRON_RETURN_IF_ERROR(CheckValueFields(tensor, element, none));
  tensor::TensorDesc desc{std::move(name), element.type, std::move(shape)};
  const auto count = static_cast<std::uint64_t>(elements);
  if (external) {
    if (element.type == DataType::kString) {
      return InvalidArgument("strings cannot lie in external data");
    }
    HADRON_ASSIGN_OR_RETURN(Stored stored,
                            FindExternal(tensor, label, count * tensor::ElementSize(element.type)));
    return FromFile(std::move(stored), std::move(desc));
  }
  if (tensor.has_left_in_file()) {
    HADRON_ASSIGN_OR_RETURN(Stored stored, FindLeft(tensor, count));
    return FromFile(std::move(stored), std::move(desc));
  }
  HADRON_ASSIGN_OR_RETURN(IoBuf bytes, ReadBytes(tensor, element, elements));
  return graph::Constant::FromTensor({std::move(desc), std::move(bytes)});
}

StatusOr<IoBuf> TensorReader::ReadBytes(::onnx_wire::TensorProto& tensor, ElementType element,
                                        std::int64_t elements) {
  if (element.type == DataType::kString) return ReadStrings(tensor, elements);
  if (elements == 0) return IoBuf();
  const auto count = static_cast<std::uint64_t>(elements);
  HADRON_ASSIGN_OR_RETURN(IoBuf values, TakeValues(tensor, element, count));
  HADRON_RETURN_IF_ERROR(Charge(count * tensor::ElementSize(element.type)));
  return values;
}

StatusOr<graph::ConstantRef> TensorReader::Read(::onnx_wire::TensorProto& tensor, std::string name,
                                                std::string_view label) {
  if (const auto it = done_.find(&tensor); it != done_.end()) return it->second;
  auto result = ReadTensor(tensor, std::move(name), label);
  if (result.ok()) done_.emplace(&tensor, *result);
  return result;
}

}  // namespace hadron::onnx
