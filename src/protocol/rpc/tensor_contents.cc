#include "protocol/rpc/tensor_contents.h"

#include <fmt/format.h>

#include <bit>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/strings.h"
#include "protocol/rpc/wire_reader.h"

namespace hadron::protocol::rpc {
namespace {

using base::Status;
using tensor::DataType;

constexpr std::uint32_t kBytesField = 8;

/// Which field of InferTensorContents holds a type, and how. 0 = none.
struct Home {
  std::uint32_t field = 0;
  WireType element = WireType::kVarint;
};

Home HomeOf(DataType type) {
  switch (type) {
    case DataType::kBool:
      return {1, WireType::kVarint};
    case DataType::kInt8:
    case DataType::kInt16:
    case DataType::kInt32:
      return {2, WireType::kVarint};
    case DataType::kInt64:
      return {3, WireType::kVarint};
    case DataType::kUint8:
    case DataType::kUint16:
    case DataType::kUint32:
      return {4, WireType::kVarint};
    case DataType::kUint64:
      return {5, WireType::kVarint};
    case DataType::kFp32:
      return {6, WireType::kFixed32};
    case DataType::kFp64:
      return {7, WireType::kFixed64};
    case DataType::kString:
      return {kBytesField, WireType::kBytes};
    default:
      return {};
  }
}

Status Unexpected(const tensor::TensorDesc& desc) {
  return base::InvalidArgument(
      fmt::format("unexpected explicit tensor data for input tensor '{}' of datatype {}",
                  base::EscapeControl(desc.name), tensor::DataTypeName(desc.type)));
}

Status Malformed(const tensor::TensorDesc& desc) {
  return base::InvalidArgument(fmt::format("failed to parse the contents of input tensor '{}'",
                                           base::EscapeControl(desc.name)));
}

/// Calls `run` with each payload that holds elements of the tensor: a packed run, or one element.
template <typename Run>
Status ForEachRun(const tensor::TensorDesc& desc, const base::IoBuf& contents, Run run) {
  const Home home = HomeOf(desc.type);
  for (WireReader reader(contents); !reader.done();) {
    WireField field;
    WireReader payload;
    HADRON_RETURN_IF_ERROR(reader.ReadField(field));
    HADRON_RETURN_IF_ERROR(reader.Take(field, payload));
    if (field.number > kBytesField) continue;  // unknown to us
    const bool filled = field.number == kBytesField || !payload.done();
    if (field.number != home.field) {
      if (filled) return Unexpected(desc);
      continue;
    }
    if (field.type != WireType::kBytes && field.type != home.element) return Malformed(desc);
    if (filled) HADRON_RETURN_IF_ERROR(run(payload));
  }
  return {};
}

/// Bytes the tensor will have. A first walk over the contents that stores nothing: what is then
/// allocated is exact and booked before.
base::StatusOr<std::uint64_t> Measure(const tensor::TensorDesc& desc, const base::IoBuf& contents) {
  const std::size_t element = tensor::ElementSize(desc.type);
  std::uint64_t bytes = 0;
  const auto add = [&](WireReader run) {
    if (desc.type == DataType::kString) {
      bytes += sizeof(std::uint32_t) + run.left();
    } else if (desc.type == DataType::kFp32 || desc.type == DataType::kFp64) {
      if (run.left() % element != 0) return Malformed(desc);
      bytes += run.left();
    } else {
      for (std::uint64_t ignored = 0; !run.done(); bytes += element) {
        HADRON_RETURN_IF_ERROR(run.ReadVarint(ignored));
      }
    }
    return base::OkStatus();
  };
  HADRON_RETURN_IF_ERROR(ForEachRun(desc, contents, add));
  return bytes;
}

/// Writes elements one behind the other into a buffer that has room for all of them.
class Converter {
 public:
  Converter(const tensor::TensorDesc& desc, std::span<std::byte> out) : desc_(desc), out_(out) {}

  Status Run(WireReader run) {
    switch (desc_.type) {
      case DataType::kString:
        Put(static_cast<std::uint32_t>(run.left()));
        [[fallthrough]];
      case DataType::kFp32:
      case DataType::kFp64:
        at_ += run.CopyTo(out_.subspan(at_));
        return {};
      case DataType::kBool:
        return Numbers<std::uint8_t>(run);
      case DataType::kInt8:
        return Numbers<std::int8_t>(run);
      case DataType::kInt16:
        return Numbers<std::int16_t>(run);
      case DataType::kInt32:
        return Numbers<std::int32_t>(run);
      case DataType::kUint8:
        return Numbers<std::uint8_t>(run);
      case DataType::kUint16:
        return Numbers<std::uint16_t>(run);
      case DataType::kUint32:
        return Numbers<std::uint32_t>(run);
      case DataType::kInt64:
      case DataType::kUint64:
        return Numbers<std::uint64_t>(run);  // the bits as they are
      default:
        return Unexpected(desc_);
    }
  }

 private:
  template <typename T>
  void Put(T value) {
    base::StoreLe(out_.data() + at_, value);
    at_ += sizeof(T);
  }

  template <typename T>
  Status Numbers(WireReader run) {
    while (!run.done()) {
      std::uint64_t raw = 0;
      HADRON_RETURN_IF_ERROR(run.ReadVarint(raw));
      if (desc_.type == DataType::kBool) raw = raw != 0 ? 1 : 0;
      const auto value = static_cast<T>(raw);
      // Going there and back again tells whether the value fits, signs included.
      if (static_cast<std::uint64_t>(value) != raw) return OutOfRange(raw);
      Put(value);
    }
    return {};
  }

  Status OutOfRange(std::uint64_t raw) const {
    const std::string shown = tensor::IsSignedInteger(desc_.type)
                                  ? std::to_string(std::bit_cast<std::int64_t>(raw))
                                  : std::to_string(raw);
    return base::InvalidArgument(fmt::format("value {} of input tensor '{}' is out of range for {}",
                                             shown, base::EscapeControl(desc_.name),
                                             tensor::DataTypeName(desc_.type)));
  }

  const tensor::TensorDesc& desc_;
  const std::span<std::byte> out_;
  std::size_t at_ = 0;
};

/// Converted bytes and their share of the budget.
struct Storage {
  std::vector<std::byte> bytes;
  net::MemoryBudget::Booking booking;
};

}  // namespace

base::StatusOr<base::IoBuf> ConvertContents(const tensor::TensorDesc& desc,
                                            const base::IoBuf& contents,
                                            net::MemoryBudget* budget) {
  HADRON_ASSIGN_OR_RETURN(const std::uint64_t size, Measure(desc, contents));
  auto storage = std::make_shared<Storage>();
  if (budget != nullptr) {
    auto booking = budget->Book(size);
    if (!booking) {
      return base::ResourceExhausted(fmt::format(
          "input tensor '{}' needs {} bytes, more than --request-memory-budget has left",
          base::EscapeControl(desc.name), size));
    }
    storage->booking = std::move(*booking);
  }
  storage->bytes.resize(size);
  Converter converter(desc, storage->bytes);
  HADRON_RETURN_IF_ERROR(
      ForEachRun(desc, contents, [&](WireReader run) { return converter.Run(run); }));
  return base::IoBuf::Wrap(storage->bytes, storage);
}

}  // namespace hadron::protocol::rpc
