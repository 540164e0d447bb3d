#include "onnx/wire/scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "onnx/wire/quote.h"

namespace hadron::onnx {
namespace {

using base::InvalidArgument;
using base::ResourceExhausted;
using base::Status;

constexpr std::uint32_t kRawData = 9;        ///< TensorProto.raw_data
constexpr std::uint32_t kLeftInFile = 1000;  ///< TensorProto.left_in_file
constexpr std::size_t kWindow = 64UL << 10U;

enum class Kind : std::uint8_t {
  kModel,
  kGraph,
  kNode,
  kAttribute,
  kTensor,
  kSparse,
  kValueInfo,
  kType,
  kTensorType,
  kShape,
  kDimension,
  kFunction,
  kOpset,
  kEntry,
  kName,   ///< a string whose length is limited
  kBytes,  ///< a repeated string that is only counted
};

struct Field {
  Kind parent;
  std::uint32_t number;
  Kind child;
};

/// Every field that parsing turns into an object of its own. What is not here (numbers, packed
/// arrays, single strings, unknown fields) takes memory in proportion to its bytes.
constexpr std::array kFields = {
    Field{Kind::kModel, 7, Kind::kGraph},         Field{Kind::kModel, 8, Kind::kOpset},
    Field{Kind::kModel, 14, Kind::kEntry},        Field{Kind::kModel, 20, Kind::kBytes},
    Field{Kind::kModel, 25, Kind::kFunction},     Field{Kind::kGraph, 1, Kind::kNode},
    Field{Kind::kGraph, 5, Kind::kTensor},        Field{Kind::kGraph, 11, Kind::kValueInfo},
    Field{Kind::kGraph, 12, Kind::kValueInfo},    Field{Kind::kGraph, 13, Kind::kValueInfo},
    Field{Kind::kGraph, 15, Kind::kSparse},       Field{Kind::kNode, 1, Kind::kName},
    Field{Kind::kNode, 2, Kind::kName},           Field{Kind::kNode, 3, Kind::kName},
    Field{Kind::kNode, 4, Kind::kName},           Field{Kind::kNode, 5, Kind::kAttribute},
    Field{Kind::kNode, 7, Kind::kName},           Field{Kind::kNode, 8, Kind::kName},
    Field{Kind::kAttribute, 1, Kind::kName},      Field{Kind::kAttribute, 5, Kind::kTensor},
    Field{Kind::kAttribute, 6, Kind::kGraph},     Field{Kind::kAttribute, 9, Kind::kBytes},
    Field{Kind::kAttribute, 10, Kind::kTensor},   Field{Kind::kAttribute, 11, Kind::kGraph},
    Field{Kind::kAttribute, 15, Kind::kBytes},    Field{Kind::kAttribute, 21, Kind::kName},
    Field{Kind::kAttribute, 23, Kind::kBytes},    Field{Kind::kTensor, 6, Kind::kBytes},
    Field{Kind::kTensor, 8, Kind::kName},         Field{Kind::kTensor, 13, Kind::kEntry},
    Field{Kind::kSparse, 1, Kind::kTensor},       Field{Kind::kValueInfo, 1, Kind::kName},
    Field{Kind::kValueInfo, 2, Kind::kType},      Field{Kind::kType, 1, Kind::kTensorType},
    Field{Kind::kTensorType, 2, Kind::kShape},    Field{Kind::kShape, 1, Kind::kDimension},
    Field{Kind::kDimension, 2, Kind::kName},      Field{Kind::kFunction, 1, Kind::kName},
    Field{Kind::kFunction, 4, Kind::kName},       Field{Kind::kFunction, 5, Kind::kName},
    Field{Kind::kFunction, 6, Kind::kName},       Field{Kind::kFunction, 7, Kind::kNode},
    Field{Kind::kFunction, 9, Kind::kOpset},      Field{Kind::kFunction, 10, Kind::kName},
    Field{Kind::kFunction, 11, Kind::kAttribute}, Field{Kind::kFunction, 13, Kind::kName},
    Field{Kind::kOpset, 1, Kind::kName},          Field{Kind::kEntry, 1, Kind::kName},
};

std::optional<Kind> ChildKind(Kind parent, std::uint32_t number) {
  for (const Field& field : kFields) {
    if (field.parent == parent && field.number == number) return field.child;
  }
  return std::nullopt;
}

class Scanner {
 public:
  Scanner(const base::ByteSource& file, const LoadLimits& limits)
      : file_(file), limits_(limits), window_(kWindow) {}

  base::StatusOr<Skeleton> Run() {
    stack_.push_back({Kind::kModel, file_.size(), 0, 0});
    while (!stack_.empty()) {
      if (at_ == stack_.back().end) {
        Close();
      } else {
        HADRON_RETURN_IF_ERROR(Next());
      }
    }
    return std::move(skeleton_);
  }

 private:
  /// A message that has begun and not ended.
  struct Frame {
    Kind kind;
    std::uint64_t end;         ///< in the file
    std::size_t length_at;     ///< where the skeleton has its length
    std::size_t length_bytes;  ///< as long as in the file; 0: the whole file
  };

  std::uint64_t left() const { return stack_.back().end - at_; }

  Status Corrupt() {
    if (!unreadable_.ok()) return std::move(unreadable_);
    return InvalidArgument(fmt::format("not an ONNX model: truncated or corrupt at byte {}", at_));
  }

  /// The bytes from here on that are at hand, at least one; empty when they cannot be read.
  std::span<const std::byte> AtHand() {
    if (at_ < window_at_ || at_ >= window_at_ + window_bytes_) {
      window_at_ = at_;
      window_bytes_ = std::min<std::uint64_t>(kWindow, file_.size() - at_);
      unreadable_ = file_.Read(at_, std::span(window_).first(window_bytes_));
      if (!unreadable_.ok()) window_bytes_ = 0;
    }
    return std::span<const std::byte>(window_).subspan(
        window_bytes_ == 0 ? 0 : at_ - window_at_,
        window_bytes_ == 0 ? 0 : window_bytes_ - (at_ - window_at_));
  }

  std::optional<std::uint64_t> Varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (left() == 0) return std::nullopt;
      const auto bytes = AtHand();
      if (bytes.empty()) return std::nullopt;
      const auto byte = std::to_integer<std::uint64_t>(bytes[0]);
      ++at_;
      skeleton_.bytes.push_back(static_cast<char>(byte));
      value |= shift < 64 ? (byte & 0x7F) << shift : 0;
      if ((byte & 0x80) == 0) return value;
    }
    return std::nullopt;
  }

  /// Takes so many bytes over.
  bool Copy(std::uint64_t count) {
    if (count > left()) return false;
    while (count > 0) {
      const auto bytes = AtHand();
      if (bytes.empty()) return false;
      const auto some = bytes.first(std::min<std::uint64_t>(count, bytes.size()));
      skeleton_.bytes += base::AsText(some);
      at_ += some.size();
      count -= some.size();
    }
    return true;
  }

  /// One field: a tag and what follows it.
  Status Next() {
    const std::size_t begin = skeleton_.bytes.size();
    const auto tag = Varint();
    if (!tag || *tag > UINT32_MAX || (*tag >> 3) == 0) return Corrupt();
    const auto number = static_cast<std::uint32_t>(*tag >> 3);
    HADRON_RETURN_IF_ERROR(Field(static_cast<unsigned>(*tag & 7), number, begin));
    // A file does not say what was left in it: we do.
    const bool ours = number == kLeftInFile && stack_.back().kind == Kind::kTensor;
    if (ours) skeleton_.bytes.resize(begin);
    return {};
  }

  Status Field(unsigned wire_type, std::uint32_t number, std::size_t begin) {
    switch (wire_type) {
      case 0:
        return Varint() ? Status() : Corrupt();
      case 1:
        return Copy(8) ? Status() : Corrupt();
      case 2:
        return Delimited(number, begin);
      case 5:
        return Copy(4) ? Status() : Corrupt();
      default:
        return Corrupt();  // groups: ONNX has none
    }
  }

  Status Delimited(std::uint32_t number, std::size_t begin) {
    const std::size_t length_at = skeleton_.bytes.size();
    const auto length = Varint();
    if (!length || *length > left()) return Corrupt();
    const Kind parent = stack_.back().kind;
    if (parent == Kind::kTensor && number == kRawData && *length > kLeftInFileBytes) {
      LeaveInFile(*length, begin);
      return {};
    }
    const auto child = ChildKind(parent, number);
    if (!child) return Copy(*length) ? Status() : Corrupt();
    HADRON_RETURN_IF_ERROR(Count(*child, parent));
    if (*child == Kind::kName || *child == Kind::kBytes) return Text(*child, *length);
    if (*child == Kind::kGraph && ++graph_depth_ > limits_.max_depth + 1) {
      return ResourceExhausted(
          fmt::format("not an ONNX model that can be loaded: its graphs (bodies of If, Loop, Scan) "
                      "are nested to "
                      "a depth above {}",
                      limits_.max_depth));
    }
    stack_.push_back({*child, at_ + *length, length_at, skeleton_.bytes.size() - length_at});
    return {};
  }

  /// Instead of a field that began at `begin` there is its number.
  void LeaveInFile(std::uint64_t count, std::size_t begin) {
    skeleton_.left.push_back({at_, count});
    at_ += count;
    skeleton_.bytes.resize(begin);
    AppendVarint(kLeftInFile << 3U);
    AppendVarint(skeleton_.left.size());
  }

  void AppendVarint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) {
      skeleton_.bytes.push_back(static_cast<char>((value & 0x7F) | 0x80));
    }
    skeleton_.bytes.push_back(static_cast<char>(value));
  }

  /// The message is as long as what was taken over of it. Its length keeps its place: zeros above
  /// the highest digit are allowed, and it has not grown.
  void Close() {
    const Frame frame = stack_.back();
    stack_.pop_back();
    if (frame.kind == Kind::kGraph) --graph_depth_;
    if (frame.length_bytes == 0) return;
    std::uint64_t length = skeleton_.bytes.size() - frame.length_at - frame.length_bytes;
    for (std::size_t i = 0; i < frame.length_bytes; ++i, length >>= 7U) {
      const std::uint64_t more = i + 1 < frame.length_bytes ? 0x80 : 0;
      skeleton_.bytes[frame.length_at + i] = static_cast<char>((length & 0x7F) | more);
    }
  }

  Status Text(Kind kind, std::uint64_t length) {
    if (kind == Kind::kName && length > limits_.max_name_bytes) {
      const std::size_t begin = skeleton_.bytes.size();
      if (!Copy(limits_.max_name_bytes)) return Corrupt();
      const std::string_view start = std::string_view(skeleton_.bytes).substr(begin);
      return ResourceExhausted(fmt::format("the name {} has {} bytes, at most {} are allowed",
                                           Quote(start), length, limits_.max_name_bytes));
    }
    return Copy(length) ? Status() : Corrupt();
  }

  Status Count(Kind kind, Kind parent) {
    if (++objects_ > limits_.max_objects) return TooMany("objects", limits_.max_objects);
    if (kind == Kind::kNode && ++nodes_ > limits_.max_nodes) {
      return TooMany("nodes", limits_.max_nodes);
    }
    if (kind == Kind::kTensor && parent == Kind::kGraph &&
        ++initializers_ > limits_.max_initializers) {
      return TooMany("initializers", limits_.max_initializers);
    }
    return {};
  }

  static Status TooMany(std::string_view what, std::int64_t most) {
    return ResourceExhausted(fmt::format("the model has more than {} {}", most, what));
  }

  const base::ByteSource& file_;
  const LoadLimits& limits_;
  std::uint64_t at_ = 0;
  std::vector<std::byte> window_;
  std::uint64_t window_at_ = 0;
  std::size_t window_bytes_ = 0;
  Status unreadable_;
  Skeleton skeleton_;
  std::vector<Frame> stack_;
  int graph_depth_ = 0;
  std::int64_t objects_ = 0;
  std::int64_t nodes_ = 0;
  std::int64_t initializers_ = 0;
};

}  // namespace

base::StatusOr<Skeleton> ScanWire(const base::ByteSource& file, const LoadLimits& limits) {
  return Scanner(file, limits).Run();
}

}  // namespace hadron::onnx
