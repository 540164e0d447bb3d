#include "bench/model_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <span>

#include "base/bytes.h"
#include "bench/random.h"
#include "support/onnx_writer.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;
using tensor::DataType;
using test::OnnxTensor;

constexpr std::uint64_t kMiB = 1UL << 20U;
constexpr double kTolerance = 1e-4;
constexpr std::int64_t kWidthStep = 8;  // packed weights are as large as the file's, or nearly
/// Of models that share a small device: what a batch needs besides the weights stays small.
constexpr std::int64_t kSmallBatch = 32;
constexpr int kFamilyLayers = 20;  // equal ones: one of them is 5 % of the weights

struct LayerWeights {
  std::vector<float> weights;  ///< [out][in]
  std::vector<float> bias;
};

/// Any layer alone: the reference needs them one by one, as a file does.
LayerWeights DrawLayer(const MlpSpec& spec, int layer) {
  const std::uint64_t seed = layer < spec.shared_layers ? spec.shared_seed : spec.seed;
  Random random(seed * 1000003 + static_cast<std::uint64_t>(layer));
  const auto width = static_cast<std::size_t>(spec.width);
  const float deviation = 1.0F / std::sqrt(static_cast<float>(width));
  LayerWeights drawn{std::vector<float>(width * width), std::vector<float>(width)};
  for (float& weight : drawn.weights) weight = random.Normal() * deviation;
  for (float& bias : drawn.bias) bias = random.Normal() * deviation;
  return drawn;
}

std::int64_t WidthFor(double bytes, int depth) {
  const double width = std::sqrt(bytes / (4.0 * depth));
  return std::max<std::int64_t>(kWidthStep, kWidthStep * std::llround(width / kWidthStep));
}

std::uint64_t SeedOf(const SetRequest& request, std::size_t index) {
  return request.seed * 1000000 + index + 1;
}

MlpSpec OneOf(const SetRequest& request, std::string name, double bytes) {
  MlpSpec spec{std::move(name), WidthFor(bytes / request.scale, 8), 8};
  spec.seed = SeedOf(request, 0);
  return spec;
}

std::size_t CountOf(const SetRequest& request, std::size_t all) {
  return request.count == 0 ? all : std::min(all, request.count);
}

using Draw = std::function<double(Random&)>;
std::vector<MlpSpec> Zoo(const SetRequest& request, const Draw& bytes) {
  Random random(request.seed);
  std::vector<MlpSpec> set;
  for (std::size_t i = 0; i < CountOf(request, 100); ++i) {
    MlpSpec spec = OneOf(request, fmt::format("zoo{:02}", i), bytes(random));
    spec.seed = SeedOf(request, i);
    spec.max_batch = kSmallBatch;
    set.push_back(std::move(spec));
  }
  return set;
}

std::vector<MlpSpec> Family(const SetRequest& request) {
  std::vector<MlpSpec> set;
  for (std::size_t i = 0; i < CountOf(request, 100); ++i) {
    MlpSpec spec{fmt::format("variant{:02}", i), 0, kFamilyLayers};
    spec.width = WidthFor(32.0 * kMiB / request.scale, kFamilyLayers);
    spec.seed = SeedOf(request, i);
    spec.shared_seed = SeedOf(request, 999999);
    spec.shared_layers = kFamilyLayers - 1;
    spec.max_batch = kSmallBatch;
    set.push_back(std::move(spec));
  }
  return set;
}

std::vector<MlpSpec> Tiny(const SetRequest& request) {
  std::vector<MlpSpec> set;
  for (std::size_t i = 0; i < CountOf(request, 1000); ++i) {
    set.push_back({fmt::format("tiny{:03}", i), 16, 3, SeedOf(request, i)});
  }
  return set;
}

std::string Repeated(const std::vector<float>& values) {
  return std::string(base::AsText(std::as_bytes(std::span(values))));
}

using Rows = std::vector<std::vector<float>>;

/// One layer of the reference for kTogether rows from `first` on, side by side, because each sum is
/// a chain of additions that waits for itself.
constexpr std::size_t kTogether = 8;
void ApplyTogether(const LayerWeights& layer, Rows& rows, std::size_t first, bool relu) {
  const std::size_t count = std::min(kTogether, rows.size() - first);
  const std::size_t width = layer.bias.size();
  using Lanes = std::array<double, kTogether>;
  std::vector<Lanes> in(width, Lanes{});
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t i = 0; i < width; ++i) in[i][r] = static_cast<double>(rows[first + r][i]);
  }
  for (std::size_t o = 0; o < width; ++o) {
    Lanes sums;
    sums.fill(static_cast<double>(layer.bias[o]));
    const float* weights = layer.weights.data() + o * width;
    for (std::size_t i = 0; i < width; ++i) {
      const auto weight = static_cast<double>(weights[i]);
      for (std::size_t r = 0; r < kTogether; ++r) sums[r] += weight * in[i][r];
    }
    for (std::size_t r = 0; r < count; ++r) {
      rows[first + r][o] = static_cast<float>(relu ? std::max(sums[r], 0.0) : sums[r]);
    }
  }
}

Status CannotWrite(const std::string& what) {
  return base::Unavailable(fmt::format(
      "cannot write {}: name a directory on a disk with room by --out or TMPDIR", what));
}

}  // namespace

std::uint64_t MlpSpec::weight_bytes() const {
  const auto wide = static_cast<std::uint64_t>(width);
  return 4 * static_cast<std::uint64_t>(depth) * (wide * wide + wide);
}

std::uint64_t MlpSpec::shared_bytes() const {
  const auto wide = static_cast<std::uint64_t>(width);
  return 4 * static_cast<std::uint64_t>(shared_layers) * wide * wide;
}

StatusOr<std::vector<MlpSpec>> ModelSet(const SetRequest& request) {
  const std::string& set = request.set;
  for (const int size : {1, 8, 32, 128, 512}) {
    if (set == fmt::format("mlp-{}", size))
      return std::vector{OneOf(request, set, size * 1.0 * kMiB)};
  }
  if (set == "zoo100") {
    return Zoo(request, [](Random& random) {
      return 2.0 * kMiB * std::pow(16.0, random.Uniform());  // 2..32 MiB
    });
  }
  if (set == "zoo100eq") return Zoo(request, [](Random&) { return 8.0 * kMiB; });
  if (set == "family100") return Family(request);
  if (set == "tiny1000") return Tiny(request);
  return base::InvalidArgument(
      fmt::format("there is no model set '{}'; there are mlp-1, mlp-8, mlp-32, mlp-128, mlp-512, "
                  "zoo100, zoo100eq, family100 and tiny1000",
                  set));
}

std::string MlpModel(const MlpSpec& spec) {
  test::OnnxWriter writer;
  writer.Input("x", DataType::kFp32, {"batch", spec.width});
  writer.Output("y", DataType::kFp32, {"batch", spec.width});
  std::string from = "x";
  for (int layer = 0; layer < spec.depth; ++layer) {
    const bool last = layer + 1 == spec.depth;
    const LayerWeights drawn = DrawLayer(spec, layer);
    const std::string weights = fmt::format("w{}", layer);
    const std::string bias = fmt::format("b{}", layer);
    writer.Initializer(weights, OnnxTensor::Floats({spec.width, spec.width}, drawn.weights));
    writer.Initializer(bias, OnnxTensor::Floats({spec.width}, drawn.bias));
    const std::string to = last ? "y" : fmt::format("g{}", layer);
    writer.Node({"Gemm", {from, weights, bias}, {to}, {{"transB", 1}}});
    if (last) break;
    from = fmt::format("r{}", layer);
    writer.Node({"Relu", {to}, {from}});
  }
  return writer.Serialize();
}

std::string MlpConfig(const MlpSpec& spec) {
  return fmt::format("max_batch_size: {}\ndynamic_batching {{ }}\n", spec.max_batch);
}

Payload MlpPayload(const MlpSpec& spec, std::int64_t rows) {
  Random random(spec.seed ^ 0x5eed);
  Rows values(static_cast<std::size_t>(rows));
  for (auto& row : values) {
    row.resize(static_cast<std::size_t>(spec.width));
    for (float& value : row) value = random.Normal();
  }
  Payload payload{spec.name,
                  spec.name,
                  {{"x", false, {rows, spec.width}, {}}},
                  {{"y", false, {rows, spec.width}, {}}}};
  for (const auto& row : values) payload.inputs[0].bytes += Repeated(row);
  for (int layer = 0; layer < spec.depth; ++layer) {
    const LayerWeights drawn = DrawLayer(spec, layer);
    for (std::size_t first = 0; first < values.size(); first += kTogether) {
      ApplyTogether(drawn, values, first, layer + 1 < spec.depth);
    }
  }
  for (const auto& row : values) payload.outputs[0].bytes += Repeated(row);
  return payload;
}

Status WriteConfig(const MlpSpec& spec, const std::string& directory) {
  const std::string path = fmt::format("{}/{}/config.pbtxt", directory, spec.name);
  std::ofstream config(path);
  config << MlpConfig(spec) << std::flush;
  return config.good() ? Status() : CannotWrite(path);
}

Status WriteModel(const MlpSpec& spec, const std::string& directory, bool expected) {
  const std::string model = directory + "/" + spec.name;
  std::error_code error;
  std::filesystem::create_directories(model + "/1", error);
  HADRON_RETURN_IF_ERROR(WriteConfig(spec, directory));
  std::ofstream file(model + "/1/model.onnx", std::ios::binary);
  file << MlpModel(spec) << std::flush;
  bool written = file.good();
  if (expected) {
    const Payload payload = MlpPayload(spec, 1);
    std::ofstream answer(model + "/expected.bin", std::ios::binary);
    answer << payload.inputs[0].bytes << payload.outputs[0].bytes << std::flush;
    written = written && answer.good();
  }
  return written ? Status() : CannotWrite(model);
}

Status WriteModelSet(const std::vector<MlpSpec>& set, const std::string& directory, bool expected) {
  for (const MlpSpec& spec : set) {
    HADRON_RETURN_IF_ERROR(WriteModel(spec, directory, expected));
  }
  return {};
}

Status CheckClose(std::string_view answer, const Tensor& expected) {
  if (answer.size() != expected.bytes.size()) {
    return base::Internal(fmt::format("{}: {} bytes came, {} expected", expected.name,
                                      answer.size(), expected.bytes.size()));
  }
  const std::string came(answer);  // aligned, which a part of a message need not be
  const auto ours = base::AsArray<float>(base::AsBytes(came));
  const auto theirs = base::AsArray<float>(base::AsBytes(expected.bytes));
  float largest = 0;
  for (const float value : theirs) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double difference =
        std::abs(static_cast<double>(ours[i]) - static_cast<double>(theirs[i]));
    if (difference <= kTolerance * static_cast<double>(largest)) continue;
    return base::Internal(
        fmt::format("{}[{}] is {} instead of {}", expected.name, i, ours[i], theirs[i]));
  }
  return {};
}

}  // namespace hadron::bench
