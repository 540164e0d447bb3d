#include "cli/input.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "cli/npy.h"
#include "cli/read_file.h"
#include "cpp/json.h"
#include "cpp/tensor_json.h"
#include "tensor/data_type.h"
#include "tensor/shape.h"

namespace hadron::cli {
namespace {

using base::InvalidArgument;
using base::Status;
using base::StatusOr;
using client::TensorData;
using tensor::DataType;

/// No request comes near; protects against `--batch 1000000000`.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 28;

/// Content read from a source, before it is fitted to the model's shape.
struct Content {
  TensorData data;
  std::int64_t elements = 0;
  std::optional<tensor::Shape> shape;  ///< when the source has one
};

/// Builds one input; holds what all steps need.
class Builder {
 public:
  Builder(const client::TensorInfo& info, DataType type, const InputOptions& options)
      : info_(info), type_(type), options_(options), item_(info.shape) {
    if (options.batching && !item_.empty()) item_.erase(item_.begin());
  }

  StatusOr<BuiltInput> FromWord(bool zeros, std::mt19937& random) {
    const std::int64_t rows = options_.batch.value_or(1);
    std::replace(item_.begin(), item_.end(), std::int64_t{-1}, std::int64_t{1});
    const auto elements = tensor::Shape(item_).WithFirst(rows).CheckedElements();
    if (!elements || *elements > kMaxElements)
      return InvalidArgument("that many rows are too many");
    Content content;
    content.elements = *elements;
    std::normal_distribution<double> normal;
    for (std::int64_t i = 0; i < *elements; ++i) {
      double value = zeros ? 0.0 : normal(random);
      if (!tensor::IsFloating(type_)) value = std::floor(std::fabs(10 * value));
      HADRON_RETURN_IF_ERROR(Append(value, content.data));
    }
    return Finish(std::move(content), rows);
  }

  StatusOr<BuiltInput> FromList(const std::string& text) {
    Content content;
    for (const std::string& piece : base::Split(text, ',')) {
      HADRON_RETURN_IF_ERROR(AppendText(piece, content.data));
      ++content.elements;
    }
    return Fit(std::move(content));
  }

  StatusOr<BuiltInput> FromJson(const std::string& file) {
    HADRON_ASSIGN_OR_RETURN(const client::json::Value json, client::json::Parse(file));
    Content content;
    HADRON_ASSIGN_OR_RETURN(content.data, client::TensorFromJson(json, type_));
    content.elements = CountOf(content.data);
    return Fit(std::move(content));
  }

  StatusOr<BuiltInput> FromNpy(const std::string& file) {
    HADRON_ASSIGN_OR_RETURN(NpyArray array, ParseNpy(file));
    Content content;
    content.elements = array.shape.elements();
    if (array.type == type_) {
      content.data.bytes = std::move(array.bytes);
    } else {
      for (const double value : client::ToDoubles(array.bytes, array.type)) {
        HADRON_RETURN_IF_ERROR(Append(value, content.data));
      }
    }
    content.shape = std::move(array.shape);
    return Fit(std::move(content));
  }

  StatusOr<BuiltInput> FromPicture(const std::string& file) {
    HADRON_ASSIGN_OR_RETURN(const Image original, ParseImage(file));
    if (item_.size() < 2 || (item_.size() > 2 && item_[item_.size() - 3] != 1)) {
      return InvalidArgument("a picture goes into [height,width] or [1,height,width] only");
    }
    const auto side = [](std::int64_t dim) {
      return static_cast<std::size_t>(std::max<std::int64_t>(dim, 0));
    };
    const Image seen = Apply({.width = side(item_[item_.size() - 1]),
                              .height = side(item_[item_.size() - 2]),
                              .invert = options_.invert,
                              .scale = options_.scale},
                             original);
    Content content;
    content.elements = static_cast<std::int64_t>(seen.pixels.size());
    for (const float pixel : seen.pixels) {
      HADRON_RETURN_IF_ERROR(Append(static_cast<double>(pixel), content.data));
    }
    item_[item_.size() - 1] = static_cast<std::int64_t>(seen.width);
    item_[item_.size() - 2] = static_cast<std::int64_t>(seen.height);
    HADRON_ASSIGN_OR_RETURN(BuiltInput built, Fit(std::move(content)));
    built.picture = seen;
    return built;
  }

 private:
  std::int64_t CountOf(const TensorData& data) const {
    return static_cast<std::int64_t>(type_ == DataType::kString
                                         ? data.strings.size()
                                         : data.bytes.size() / tensor::ElementSize(type_));
  }

  Status Append(double value, TensorData& data) const {
    if (type_ == DataType::kString) {
      data.strings.push_back(fmt::format("{:.0f}", value));
      return {};
    }
    if (type_ == DataType::kBool) value = value != 0 ? 1 : 0;
    if (client::AppendElement(value, type_, data.bytes)) return {};
    return InvalidArgument(fmt::format("{} is no {}", value, info_.datatype));
  }

  Status AppendText(const std::string& text, TensorData& data) const {
    if (type_ == DataType::kString) {
      data.strings.push_back(text);
      return {};
    }
    // As a JSON number, so that 64-bit integers keep all digits.
    const std::string trimmed(base::Trim(text));
    auto number = client::json::Parse("[" + trimmed + "]");
    if (!number.ok()) return InvalidArgument(fmt::format("'{}' is no number", trimmed));
    HADRON_ASSIGN_OR_RETURN(const TensorData one, client::TensorFromJson(*number, type_));
    if (one.bytes.empty()) return InvalidArgument("a value between two commas is missing");
    data.bytes.insert(data.bytes.end(), one.bytes.begin(), one.bytes.end());
    return {};
  }

  /// Settles the open dimensions and the number of rows for content of a known size.
  StatusOr<BuiltInput> Fit(Content content) {
    HADRON_RETURN_IF_ERROR(ResolveItem(content));
    const std::int64_t item = tensor::Shape(item_).elements();
    const bool whole = item > 0 ? content.elements % item == 0 : content.elements == 0;
    const std::int64_t rows = item > 0 ? content.elements / item : 1;
    if (!whole || rows < 1 || (!options_.batching && rows != 1)) {
      return InvalidArgument(fmt::format("{} elements do not fill {}", content.elements,
                                         tensor::Shape(item_).ToString()));
    }
    return Finish(std::move(content), rows);
  }

  /// A shape of the source gives the open dimensions; without one a single open dimension takes
  /// what there is.
  Status ResolveItem(const Content& content) {
    const auto open = std::count(item_.begin(), item_.end(), -1);
    if (open == 0) return {};
    if (content.shape && content.shape->rank() >= item_.size()) {
      const std::size_t skip = content.shape->rank() - item_.size();
      for (std::size_t i = 0; i < item_.size(); ++i) {
        if (item_[i] == -1) item_[i] = (*content.shape)[skip + i];
      }
      return {};
    }
    std::int64_t known = 1;
    for (const std::int64_t dim : item_) known *= dim == -1 ? 1 : dim;
    if (open > 1 || known == 0) {
      return InvalidArgument("more than one dimension is open; give a .npy file");
    }
    std::replace(item_.begin(), item_.end(), std::int64_t{-1}, content.elements / known);
    return {};
  }

  /// `content` holds `rows` rows: cuts or repeats them to the number wanted.
  StatusOr<BuiltInput> Finish(Content content, std::int64_t rows) const {
    const std::int64_t wanted = options_.batching ? options_.batch.value_or(rows) : 1;
    if (wanted > rows && rows != 1) {
      return InvalidArgument(fmt::format("{} rows are wanted, the source has {}", wanted, rows));
    }
    const std::int64_t item = tensor::Shape(item_).elements();
    if (wanted < 1 || (item > 0 && wanted > kMaxElements / item)) {
      return InvalidArgument("that many rows are too many");
    }
    BuiltInput built;
    built.tensor = {
        .name = info_.name, .datatype = info_.datatype, .shape = item_, .bytes = {}, .strings = {}};
    if (options_.batching) built.tensor.shape.insert(built.tensor.shape.begin(), wanted);
    Rows(content.data.bytes, rows, wanted, built.tensor.bytes);
    Rows(content.data.strings, rows, wanted, built.tensor.strings);
    return built;
  }

  template <typename T>
  static void Rows(std::vector<T>& from, std::int64_t rows, std::int64_t wanted,
                   std::vector<T>& to) {
    const auto row = static_cast<std::ptrdiff_t>(from.size()) / rows;
    to.reserve(static_cast<std::size_t>(row * wanted));
    for (std::int64_t i = 0; i < wanted; ++i) {
      const auto first = from.begin() + (rows == 1 ? 0 : i) * row;
      to.insert(to.end(), first, first + row);
    }
  }

  const client::TensorInfo& info_;
  const DataType type_;
  const InputOptions& options_;
  std::vector<std::int64_t> item_;  ///< shape of one row
};

StatusOr<BuiltInput> Build(Builder& builder, const std::string& source, std::mt19937& random) {
  if (source == "zeros" || source == "random") return builder.FromWord(source == "zeros", random);
  const auto is_file = [&source](std::string_view suffix) {
    return base::ToLower(source).ends_with(suffix);
  };
  const bool picture = is_file(".pgm") || is_file(".png");
  if (!picture && !is_file(".npy") && !is_file(".json")) return builder.FromList(source);
  HADRON_ASSIGN_OR_RETURN(const std::string file, ReadFile(source));
  if (picture) return builder.FromPicture(file);
  return is_file(".npy") ? builder.FromNpy(file) : builder.FromJson(file);
}

}  // namespace

StatusOr<InputSpec> ParseInputSpec(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos || equals == 0 || equals + 1 == text.size()) {
    return InvalidArgument(
        fmt::format("--input {}: write NAME=FILE, NAME=1,2,3, NAME=random or NAME=zeros", text));
  }
  return InputSpec{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

StatusOr<BuiltInput> BuildInput(const client::TensorInfo& info, const std::string& source,
                                const InputOptions& options, std::mt19937& random) {
  const auto type = tensor::DataTypeFromName(info.datatype);
  if (!type) return InvalidArgument(fmt::format("input {}: unknown datatype", Describe(info)));
  Builder builder(info, *type, options);
  auto built = Build(builder, source, random);
  if (!built.ok()) return std::move(built).status().With(fmt::format("input {}", Describe(info)));
  return built;
}

std::string Describe(const client::TensorInfo& info) {
  return fmt::format("'{}' {} {}", info.name, info.datatype, base::JoinInts(info.shape));
}

}  // namespace hadron::cli
