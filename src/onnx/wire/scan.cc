#include "onnx/wire/scan.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "onnx/wire/quote.h"

namespace hadron::onnx {
namespace {

using base::InvalidArgument;
using base::ResourceExhausted;
using base::Status;

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
  Scanner(std::span<const std::byte> file, const LoadLimits& limits)
      : file_(file), limits_(limits) {}

  Status Run() {
    stack_.push_back({Kind::kModel, file_.size()});
    while (!stack_.empty()) {
      if (at_ == stack_.back().end) {
        if (stack_.back().kind == Kind::kGraph) --graph_depth_;
        stack_.pop_back();
      } else {
        HADRON_RETURN_IF_ERROR(Next());
      }
    }
    return {};
  }

 private:
  struct Frame {
    Kind kind;
    std::size_t end;
  };

  std::size_t left() const { return stack_.back().end - at_; }

  Status Corrupt() const {
    return InvalidArgument(fmt::format("not an ONNX model: truncated or corrupt at byte {}", at_));
  }

  std::optional<std::uint64_t> Varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (left() == 0) return std::nullopt;
      const auto byte = std::to_integer<std::uint64_t>(file_[at_++]);
      value |= shift < 64 ? (byte & 0x7F) << shift : 0;
      if ((byte & 0x80) == 0) return value;
    }
    return std::nullopt;
  }

  bool Skip(std::uint64_t count) {
    if (count > left()) return false;
    at_ += count;
    return true;
  }

  /// One field: a tag and what follows it.
  Status Next() {
    const auto tag = Varint();
    if (!tag || *tag > UINT32_MAX || (*tag >> 3) == 0) return Corrupt();
    switch (*tag & 7) {
      case 0:
        return Varint() ? Status() : Corrupt();
      case 1:
        return Skip(8) ? Status() : Corrupt();
      case 2:
        return Delimited(static_cast<std::uint32_t>(*tag >> 3));
      case 5:
        return Skip(4) ? Status() : Corrupt();
      default:
        return Corrupt();  // groups: ONNX has none
    }
  }

  Status Delimited(std::uint32_t number) {
    const auto length = Varint();
    if (!length || *length > left()) return Corrupt();
    const auto child = ChildKind(stack_.back().kind, number);
    if (!child) return Skip(*length) ? Status() : Corrupt();
    HADRON_RETURN_IF_ERROR(Count(*child, stack_.back().kind));
    if (*child == Kind::kName || *child == Kind::kBytes) return Text(*child, *length);
    if (*child == Kind::kGraph && ++graph_depth_ > limits_.max_depth + 1) {
      return ResourceExhausted(
          fmt::format("not an ONNX model that can be loaded: its graphs (bodies of If, Loop, Scan) "
                      "are nested to "
                      "a depth above {}",
                      limits_.max_depth));
    }
    stack_.push_back({*child, at_ + *length});
    return {};
  }

  Status Text(Kind kind, std::uint64_t length) {
    if (kind == Kind::kName && length > limits_.max_name_bytes) {
      const auto start = base::AsText(file_.subspan(at_, limits_.max_name_bytes));
      return ResourceExhausted(fmt::format("the name {} has {} bytes, at most {} are allowed",
                                           Quote(start), length, limits_.max_name_bytes));
    }
    at_ += length;
    return {};
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

  std::span<const std::byte> file_;
  const LoadLimits& limits_;
  std::size_t at_ = 0;
  std::vector<Frame> stack_;
  int graph_depth_ = 0;
  std::int64_t objects_ = 0;
  std::int64_t nodes_ = 0;
  std::int64_t initializers_ = 0;
};

}  // namespace

Status ScanWire(std::span<const std::byte> file, const LoadLimits& limits) {
  return Scanner(file, limits).Run();
}

}  // namespace hadron::onnx
