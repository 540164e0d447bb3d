#include "model/warm_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "config/reshape.h"
#include "graph/infer.h"
#include "model/ragged_batch.h"
#include "tensor/half.h"
#include "tensor/string_tensor.h"

namespace hadron::model {
namespace {

using base::Status;
using base::StatusOr;
using config::IoConfig;
using config::WarmupSample;
using tensor::DataType;
using tensor::Shape;

using Input = WarmupSample::Input;
using Random = std::mt19937_64;

/// What the shape of a request takes, for each of its inputs.
constexpr std::uint64_t kShapeBytes = 128;
/// More bytes than there are: what is booked for it is refused.
constexpr std::uint64_t kTooMuch = UINT64_MAX / 2;

template <typename T, typename Make>
void FillWith(std::span<std::byte> bytes, const Make& make) {
  for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    const T value = make();
    std::memcpy(bytes.data() + at, &value, sizeof(T));
  }
}

/// Numbers of a kind that most models take: 0..1 for floating-point inputs, 0..127 for integers.
void FillRandom(DataType type, std::span<std::byte> bytes, Random& random) {
  const auto real = [&random] { return static_cast<double>(random() >> 11U) * 0x1p-53; };
  const auto whole = [&random] { return random() % 128; };
  switch (type) {
    case DataType::kFp16:
      return FillWith<std::uint16_t>(
          bytes, [&] { return tensor::FloatToHalf(static_cast<float>(real())); });
    case DataType::kBf16:
      return FillWith<std::uint16_t>(
          bytes, [&] { return tensor::FloatToBf16(static_cast<float>(real())); });
    case DataType::kFp32:
      return FillWith<float>(bytes, [&] { return static_cast<float>(real()); });
    case DataType::kFp64:
      return FillWith<double>(bytes, real);
    case DataType::kBool:
      return FillWith<std::uint8_t>(bytes, [&] { return static_cast<std::uint8_t>(whole() % 2); });
    default:
      break;
  }
  const std::size_t size = tensor::ElementSize(type);
  for (std::size_t at = 0; size > 0 && at < bytes.size(); at += size) {
    bytes[at] = static_cast<std::byte>(whole());  // little-endian, the rest is zero
  }
}

/// Bytes of an input's item where they follow from its shape: all but strings of a file.
std::uint64_t PlainBytes(const Input& input) {
  if (input.type == DataType::kString) {  // empty ones: a length each
    return input.dims.CheckedBytes(DataType::kUint32).value_or(kTooMuch);
  }
  return input.dims.CheckedBytes(input.type).value_or(kTooMuch);
}

StatusOr<std::uint64_t> ItemBytes(const ScannedModel& model, const Input& input) {
  if (input.data != WarmupSample::Data::kFile) return PlainBytes(input);
  const std::string file = model.name + "/warmup/" + input.file;
  HADRON_ASSIGN_OR_RETURN(const storage::Entry entry, model.store->Stat(file));
  if (entry.directory) {
    return base::InvalidArgument(fmt::format("'warmup/{}' is a directory", input.file));
  }
  if (input.type != DataType::kString && entry.size != PlainBytes(input)) {
    return base::InvalidArgument(fmt::format("'warmup/{}' has {} bytes, {} {} needs {}", input.file,
                                             entry.size, tensor::DataTypeName(input.type),
                                             input.dims.ToString(), PlainBytes(input)));
  }
  return entry.size;
}

/// One item, `bytes` long.
StatusOr<std::vector<std::byte>> MakeItem(const ScannedModel& model, const Input& input,
                                          std::uint64_t bytes, Random& random) {
  std::vector<std::byte> item(bytes);
  if (input.data == WarmupSample::Data::kRandom) FillRandom(input.type, item, random);
  if (input.data != WarmupSample::Data::kFile) return item;
  HADRON_ASSIGN_OR_RETURN(const base::IoBuf text,
                          model.store->Fetch(model.name + "/warmup/" + input.file,
                                             {.max_bytes = bytes, .progress = {}}));
  if (text.size() != bytes) {
    return base::Unavailable(fmt::format("'warmup/{}' changed while it was read", input.file));
  }
  if (input.type == DataType::kString) {
    Status status = tensor::CheckStrings(text, input.dims.elements());
    if (!status.ok()) return std::move(status).With(fmt::format("'warmup/{}'", input.file));
  }
  text.CopyTo(item);
  return item;
}

/// The shape of the sample's item as the model sees it, without batch.
StatusOr<Shape> ItemShape(const IoConfig& io, const Input& input) {
  bool fits = input.dims.rank() == io.dims.rank();
  for (std::size_t axis = 0; fits && axis < io.dims.rank(); ++axis) {
    fits = io.dims[axis] < 0 || io.dims[axis] == input.dims[axis];
  }
  if (!fits) {
    return base::InvalidArgument(fmt::format("dims {} do not fit the configured {}",
                                             input.dims.ToString(), io.dims.ToString()));
  }
  return io.reshape ? config::MapShape(io.dims, *io.reshape, input.dims) : input.dims;
}

/// The same for a flag, id or state of sequences: `shape` is the graph's, without batch. What is
/// one number for the model may be written [1].
StatusOr<Shape> SequenceItemShape(const graph::Value& value, const Shape& shape,
                                  const Input& input) {
  if (input.type != value.type) {
    return base::InvalidArgument(fmt::format("data_type is {}, the model's is {}",
                                             tensor::DataTypeName(input.type),
                                             tensor::DataTypeName(value.type)));
  }
  if (shape.rank() == 0 && input.dims == Shape{1}) return Shape{};
  const bool fits = std::ranges::equal(shape, input.dims, [](std::int64_t open, std::int64_t dim) {
    return open < 0 || open == dim;
  });
  if (fits) return input.dims;
  return base::InvalidArgument(
      fmt::format("dims {} do not fit the model's {}", input.dims.ToString(), shape.ToString()));
}

/// A sample as a run.
struct Trial {
  std::shared_ptr<const plan::ExecutionPlan> plan;
  std::vector<plan::RunInput> inputs;
  device::Reservation booked;  ///< for the inputs' bytes
  std::int64_t rows = 1;
};

/// Makes the trials of one version.
class TrialMaker {
 public:
  TrialMaker(const WarmUpSource& source, const ModelVersion& version)
      : source_(source), version_(version) {}

  StatusOr<Trial> Make(const WarmupSample& sample) {
    Trial trial;
    if (version_.config().batched() && !ragged()) trial.rows = sample.batch_size;
    std::vector<Shape> items;
    std::vector<std::uint64_t> sizes;
    std::uint64_t all = 0;
    for (const graph::ValueId id : graph().inputs()) {
      Status status = AddInput(sample, graph().value(id), items, sizes);
      if (!status.ok()) {
        return std::move(status).With(fmt::format("input '{}'", graph().value(id).name));
      }
      const std::uint64_t row = sizes.back() + (ragged() ? kShapeBytes : 0);
      all = base::CheckedAdd(all, base::CheckedMul(row, Rows(sample)).value_or(kTooMuch))
                .value_or(kTooMuch);
    }
    HADRON_ASSIGN_OR_RETURN(trial.booked,
                            source_.host_memory.Reserve("warm-up of " + source_.owner, all));
    const RaggedBatch together = Together(sample, items);
    HADRON_RETURN_IF_ERROR(together.Check());
    HADRON_ASSIGN_OR_RETURN(
        trial.plan, PlanFor(ragged() ? together.Shapes() : Stacked(sample, std::move(items))));
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      HADRON_ASSIGN_OR_RETURN(trial.inputs.emplace_back(), Content(sample, i, sizes[i], together));
    }
    return trial;
  }

 private:
  const graph::Graph& graph() const { return version_.compiled().graph(); }
  static std::uint64_t Rows(const WarmupSample& sample) {
    return static_cast<std::uint64_t>(sample.batch_size);
  }
  bool ragged() const { return version_.config().ragged(); }

  Shape GraphItem(const graph::Value& value) const {
    const Shape shape = graph::ToShape(value.shape);
    return version_.config().batched() && shape.rank() > 0 ? shape.WithoutFirst() : shape;
  }

  /// What is given for an input of the graph. A sample has every input of the configuration; what
  /// it leaves out of a sequence's flags, ids and states is zero, as small as it may be. Nothing:
  /// the server makes it.
  std::optional<Input> InputOf(const WarmupSample& sample, const graph::Value& value) const {
    if (version_.config().FindBatchInput(value.name) != nullptr) return std::nullopt;
    const auto at = std::ranges::find(sample.inputs, value.name, &Input::name);
    if (at != sample.inputs.end()) return *at;
    Input zeros{.name = value.name, .type = value.type, .dims = GraphItem(value), .file = {}};
    for (std::size_t axis = 0; axis < zeros.dims.rank(); ++axis) {
      if (zeros.dims[axis] < 0) zeros.dims[axis] = 1;
    }
    return zeros;
  }

  Status AddInput(const WarmupSample& sample, const graph::Value& value, std::vector<Shape>& items,
                  std::vector<std::uint64_t>& sizes) const {
    const std::optional<Input> input = InputOf(sample, value);
    if (!input) {
      items.emplace_back();
      sizes.push_back(0);
      return {};
    }
    const IoConfig* io = version_.config().FindInput(input->name);
    HADRON_ASSIGN_OR_RETURN(items.emplace_back(),
                            io != nullptr ? ItemShape(*io, *input)
                                          : SequenceItemShape(value, GraphItem(value), *input));
    HADRON_ASSIGN_OR_RETURN(sizes.emplace_back(), ItemBytes(source_.model, *input));
    return {};
  }

  /// The batch as so many requests of one row.
  RaggedBatch Together(const WarmupSample& sample, const std::vector<Shape>& items) const {
    RaggedBatch batch(version_.config(), graph());
    for (std::size_t i = 0; ragged() && i < items.size(); ++i) {
      for (std::uint64_t row = 0; !batch.IsMade(i) && row < Rows(sample); ++row) {
        batch.Add(i, items[i].WithFirst(1));
      }
    }
    return batch;
  }

  std::vector<Shape> Stacked(const WarmupSample& sample, std::vector<Shape> items) const {
    for (std::size_t i = 0; i < items.size(); ++i) {
      const bool scalar = graph().value(graph().inputs()[i]).shape.empty();
      if (version_.config().batched()) {
        items[i] = items[i].WithFirst(version_.compiled().BucketFor(sample.batch_size));
      } else if (scalar) {
        items[i] = {};
      }
    }
    return items;
  }

  StatusOr<plan::RunInput> Content(const WarmupSample& sample, std::size_t number,
                                   std::uint64_t bytes, const RaggedBatch& together) {
    if (together.IsMade(number)) return plan::RunInput{{together.Content(number)}, {0}};
    const auto input = InputOf(sample, graph().value(graph().inputs()[number]));
    HADRON_CHECK(input.has_value());
    auto item = MakeItem(source_.model, *input, bytes, random_);
    if (!item.ok()) return std::move(item).status().With(fmt::format("input '{}'", input->name));
    return Repeat(*item, Rows(sample), input->dims.elements());
  }

  StatusOr<std::shared_ptr<const plan::ExecutionPlan>> PlanFor(const std::vector<Shape>& shapes) {
    if (auto known = version_.plans().Find(shapes)) return known;
    HADRON_ASSIGN_OR_RETURN(auto plan, version_.compiled().Specialise(shapes));
    version_.plans().Insert(plan);  // the first request of this shape finds it
    return plan;
  }

  static plan::RunInput Repeat(const std::vector<std::byte>& item, std::uint64_t rows,
                               std::int64_t elements) {
    std::vector<std::byte> batch;
    batch.reserve(item.size() * rows);
    for (std::uint64_t row = 0; row < rows; ++row) {
      batch.insert(batch.end(), item.begin(), item.end());
    }
    return {{base::IoBuf::FromVector(std::move(batch))},
            {elements * static_cast<std::int64_t>(rows)}};
  }

  const WarmUpSource& source_;
  const ModelVersion& version_;
  Random random_{42};  // the same numbers in every load
};

std::int64_t Instances(const config::ModelConfig& config) {
  std::int64_t instances = 0;
  for (const config::InstanceGroup& group : config.instance_groups()) {
    if (!group.passive) instances += group.count;
  }
  return instances;
}

Status RunSample(const WarmUpSource& source, const WarmupSample& sample,
                 const ResidencyPin& version, TrialLane& lane, TrialMaker& maker) {
  HADRON_ASSIGN_OR_RETURN(const Trial trial, maker.Make(sample));
  // Instances share weights, plan and lane; one after the other is what they would do here.
  for (std::int64_t instance = 0; instance < Instances(version->config()); ++instance) {
    for (std::int64_t run = 0; run < sample.count; ++run) {
      if (source.cancelled.load()) {
        return base::Cancelled("the load was given up for a newer operation");
      }
      HADRON_RETURN_IF_ERROR(lane.Run(version, trial.plan, trial.inputs, trial.rows));
    }
  }
  return {};
}

}  // namespace

bool WantsWarmUp(const config::ModelConfig& config, bool comes_back) {
  return !config.warmup().empty() && (!comes_back || config.warmup_on_restore());
}

Status WarmUp(const WarmUpSource& source, const ResidencyPin& version, TrialLane& lane) {
  TrialMaker maker(source, *version.version());
  for (const WarmupSample& sample : version->config().warmup()) {
    if (sample.batch_size == 0) continue;
    Status status = RunSample(source, sample, version, lane, maker);
    if (status.ok() || status.code() == base::StatusCode::kCancelled) {
      HADRON_RETURN_IF_ERROR(std::move(status));
      continue;
    }
    return std::move(status).With(fmt::format("model_warmup '{}'", sample.name));
  }
  return {};
}

}  // namespace hadron::model
