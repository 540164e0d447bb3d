#include "cpp/wire_tensor.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "tensor/shape.h"
#include "tensor/string_tensor.h"

namespace hadron::client {
namespace {

using tensor::DataType;

struct Expected {
  DataType type;
  std::int64_t elements;
};

base::StatusOr<Expected> Describe(const Tensor& tensor) {
  const auto type = tensor::DataTypeFromName(tensor.datatype);
  if (!type) {
    return base::InvalidArgument(
        fmt::format("tensor '{}': unknown datatype '{}'", tensor.name, tensor.datatype));
  }
  const tensor::Shape shape(tensor.shape);
  const auto elements = shape.CheckedElements();
  if (!elements || !shape.CheckedBytes(*type)) {
    return base::InvalidArgument(
        fmt::format("tensor '{}': impossible shape {}", tensor.name, shape.ToString()));
  }
  return Expected{*type, *elements};
}

base::Status CheckSize(const Tensor& tensor, const Expected& expected, std::size_t size) {
  const std::uint64_t wanted =
      static_cast<std::uint64_t>(expected.elements) * tensor::ElementSize(expected.type);
  if (size == wanted) return {};
  return base::InvalidArgument(fmt::format("tensor '{}': {} {} needs {} bytes, there are {}",
                                           tensor.name, tensor.datatype,
                                           tensor::Shape(tensor.shape).ToString(), wanted, size));
}

}  // namespace

base::StatusOr<base::IoBuf> ToWire(const Tensor& tensor) {
  HADRON_ASSIGN_OR_RETURN(const Expected expected, Describe(tensor));
  if (expected.type == DataType::kString) {
    if (static_cast<std::int64_t>(tensor.strings.size()) != expected.elements) {
      return base::InvalidArgument(fmt::format("tensor '{}': {} needs {} strings, there are {}",
                                               tensor.name, tensor::Shape(tensor.shape).ToString(),
                                               expected.elements, tensor.strings.size()));
    }
    return tensor::EncodeStrings(tensor.strings);
  }
  HADRON_RETURN_IF_ERROR(CheckSize(tensor, expected, tensor.bytes.size()));
  return base::IoBuf::Wrap(tensor.bytes, nullptr);
}

base::Status FromWire(const base::IoBuf& bytes, Tensor& tensor) {
  HADRON_ASSIGN_OR_RETURN(const Expected expected, Describe(tensor));
  if (expected.type == DataType::kString) {
    // Counts the prefixes before anything is allocated for them.
    HADRON_RETURN_IF_ERROR(tensor::CheckStrings(bytes, expected.elements));
    HADRON_ASSIGN_OR_RETURN(tensor.strings, tensor::DecodeStrings(bytes, expected.elements));
    return {};
  }
  HADRON_RETURN_IF_ERROR(CheckSize(tensor, expected, bytes.size()));
  tensor.bytes.resize(bytes.size());
  bytes.CopyTo(tensor.bytes);
  return {};
}

}  // namespace hadron::client
