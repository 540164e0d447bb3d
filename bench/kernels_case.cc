#include "bench/kernels_case.h"

#include <fmt/format.h>

#include <fstream>

#include "bench/front_repository.h"
#include "bench/layer_model.h"
#include "bench/model_runner.h"
#include "bench/onednn_arm.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;

constexpr int kRuns = 15;

/// Layers of ResNet-50, MobileNetV2 and a transformer.
constexpr Layer kLayers[] = {
    {"matmul 1024x1024x1024", 1024, 1024, 1024},
    {"matmul 128x768x3072", 768, 3072, 128},
    {"conv 3x3 64 at 56x56", 64, 64, 56, 3},
    {"conv 3x3 256 at 14x14", 256, 256, 14, 3},
    {"conv 3x3 512 at 7x7", 512, 512, 7, 3},
    {"conv 1x1 256 to 64 at 56x56", 256, 64, 56, 1},
    {"conv 1x1 64 to 256 at 56x56", 64, 256, 56, 1},
    {"conv 7x7 3 to 64 at 224x224 /2", 3, 64, 224, 7, 2},
    {"depthwise 3x3 96 at 112x112 /2", 96, 96, 112, 3, 2, 96},
    {"depthwise 3x3 384 at 14x14", 384, 384, 14, 3, 1, 384},
};

/// Microseconds of the layer itself: reorders at the ends belong to other layers.
StatusOr<double> TimeOurs(ModelRunner& runner) {
  HADRON_ASSIGN_OR_RETURN(const auto times, runner.Profile(kRuns));
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (runner.steps()[i].node >= 0) return times[i].least;
  }
  return base::Internal("the plan has no step for the layer");
}

StatusOr<Ratio> CompareLayer(const Layer& layer, const KernelsOptions& options,
                             const std::string& directory) {
  const std::string path = directory + "/layer.onnx";
  std::ofstream(path, std::ios::binary) << LayerModel(layer);
  HADRON_ASSIGN_OR_RETURN(auto runner, ModelRunner::Load(path, 1, options.threads));
  std::vector<std::string> inputs;
  for (const auto& desc : runner->inputs()) {
    inputs.emplace_back(desc.shape.CheckedBytes(desc.type).value_or(0), '\0');
  }
  HADRON_RETURN_IF_ERROR(runner->SetInputs(inputs));
  HADRON_ASSIGN_OR_RETURN(auto peer, OneDnnArm::Make(layer, options.threads));
  Ratio ratio;
  ratio.what = layer.name;
  ratio.peer = peer->name();
  for (int round = 0; round < options.rounds; ++round) {
    double other = round % 2 == 0 ? 0 : peer->Time(kRuns);
    HADRON_ASSIGN_OR_RETURN(const double ours, TimeOurs(*runner));
    if (round % 2 == 0) other = peer->Time(kRuns);
    ratio.ratios.push_back(ours / other);
    ratio.ours_us.push_back(ours);
    ratio.peer_us.push_back(other);
  }
  return ratio;
}

}  // namespace

StatusOr<CaseResult> RunKernelsCase(const KernelsOptions& options) {
  HADRON_ASSIGN_OR_RETURN(const TempDir directory, TempDir::Make());
  CaseResult result;
  for (const Layer& layer : kLayers) {
    HADRON_ASSIGN_OR_RETURN(Ratio ratio, CompareLayer(layer, options, directory.path()));
    result.ratios.push_back(std::move(ratio));
  }
  result.notes.push_back(fmt::format("{} threads, batch 1", options.threads));
  return result;
}

}  // namespace hadron::bench
