#include "protocol/classification.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>

#include "base/bytes.h"
#include "tensor/string_tensor.h"

namespace hadron::protocol {
namespace {

constexpr std::int64_t kMaxElements = 1'000'000;

/// One batch item after the other: the indices of its k largest elements as text.
template <typename T>
class Ranking {
 public:
  Ranking(std::span<const std::byte> bytes, std::size_t classes, std::size_t k,
          const std::vector<std::string>* labels)
      : classes_(classes), k_(k), labels_(labels), values_(bytes.size() / sizeof(T)) {
    for (std::size_t i = 0; i < values_.size(); ++i) {  // the bytes need not be aligned
      values_[i] = base::LoadLe<T>(bytes.data() + i * sizeof(T));
    }
  }

  std::vector<std::string> Run() const {
    std::vector<std::string> out;
    for (std::size_t at = 0; classes_ > 0 && at + classes_ <= values_.size(); at += classes_) {
      AppendItem(std::span(values_).subspan(at, classes_), out);
    }
    return out;
  }

 private:
  void AppendItem(std::span<const T> item, std::vector<std::string>& out) const {
    std::vector<std::uint32_t> order(item.size());
    std::iota(order.begin(), order.end(), 0U);
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(k_);
    std::partial_sort(order.begin(), end, order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return Before(item[a], a, item[b], b);
    });
    for (auto at = order.begin(); at != end; ++at) out.push_back(Text(item[*at], *at));
  }

  /// Largest first, ties by index, NaN last: an order even for hostile values.
  static bool Before(T x, std::uint32_t i, T y, std::uint32_t j) {
    const bool x_nan = x != x;
    const bool y_nan = y != y;
    if (x_nan != y_nan) return y_nan;
    if (!x_nan && x != y) return x > y;
    return i < j;
  }

  std::string Text(T value, std::uint32_t index) const {
    std::string text;
    if constexpr (std::is_floating_point_v<T>) {
      text = fmt::format("{:f}:{}", value, index);
    } else {
      text = fmt::format("{}:{}", value, index);
    }
    if (labels_ != nullptr && index < labels_->size()) text += ":" + (*labels_)[index];
    return text;
  }

  const std::size_t classes_;
  const std::size_t k_;
  const std::vector<std::string>* labels_;
  std::vector<T> values_;
};

struct Job {
  std::span<const std::byte> bytes;
  std::size_t classes;
  std::size_t k;
  const std::vector<std::string>* labels;

  template <typename T>
  std::vector<std::string> As() const {
    return Ranking<T>(bytes, classes, k, labels).Run();
  }
};

std::vector<std::string> RunAs(tensor::DataType type, const Job& job) {
  using tensor::DataType;
  switch (type) {
    case DataType::kUint8:
      return job.As<std::uint8_t>();
    case DataType::kUint16:
      return job.As<std::uint16_t>();
    case DataType::kUint32:
      return job.As<std::uint32_t>();
    case DataType::kUint64:
      return job.As<std::uint64_t>();
    case DataType::kInt8:
      return job.As<std::int8_t>();
    case DataType::kInt16:
      return job.As<std::int16_t>();
    case DataType::kInt32:
      return job.As<std::int32_t>();
    case DataType::kInt64:
      return job.As<std::int64_t>();
    case DataType::kFp32:
      return job.As<float>();
    case DataType::kFp64:
      return job.As<double>();
    default:
      return {};
  }
}

}  // namespace

base::Status CheckClassifiable(const std::string& output, tensor::DataType type) {
  const bool half = type == tensor::DataType::kFp16 || type == tensor::DataType::kBf16;
  if (!half && (tensor::IsFloating(type) || tensor::IsSignedInteger(type) ||
                tensor::IsUnsignedInteger(type))) {
    return base::OkStatus();
  }
  return base::InvalidArgument(fmt::format(
      "class result not available for output due to unsupported type: output '{}' is {}", output,
      tensor::DataTypeName(type)));
}

base::StatusOr<tensor::HostTensor> Classify(const tensor::HostTensor& output, std::uint64_t k,
                                            bool batched, const std::vector<std::string>* labels) {
  const tensor::TensorDesc& desc = output.desc;
  HADRON_RETURN_IF_ERROR(CheckClassifiable(desc.name, desc.type));
  const auto elements = desc.shape.CheckedElements();
  if (!elements || *elements > kMaxElements) {
    return base::InvalidArgument(fmt::format(
        "class result not available for output '{}': shape {} has more than {} elements", desc.name,
        desc.shape.ToString(), kMaxElements));
  }
  const bool has_batch = batched && desc.shape.rank() > 0;
  const std::int64_t batch = has_batch ? desc.shape[0] : 1;
  const std::int64_t classes = batch > 0 ? *elements / batch : 0;
  const auto top = static_cast<std::int64_t>(std::min(k, static_cast<std::uint64_t>(classes)));
  const base::IoBuf bytes = output.bytes.Flatten();
  const std::vector<std::string> texts = RunAs(
      desc.type,
      {bytes.bytes(), static_cast<std::size_t>(classes), static_cast<std::size_t>(top), labels});
  tensor::HostTensor result;
  result.desc = {desc.name, tensor::DataType::kString,
                 has_batch ? tensor::Shape{batch, top} : tensor::Shape{top}};
  result.bytes = tensor::EncodeStrings(texts);
  return result;
}

}  // namespace hadron::protocol
