#include "bench/opencl_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>

#include "bench/agreement.h"
#include "bench/device_runner.h"
#include "bench/front_repository.h"
#include "bench/layer_model.h"
#include "bench/onednn_arm.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;
using Clock = std::chrono::steady_clock;

constexpr int kRuns = 15;
/// A layer's time is that of this many of them less that of one: what is at the ends of a plan
/// (copies, waiting for the device) falls out.
constexpr int kChain = 5;

constexpr Layer kLayers[] = {
    {"matmul 1024x1024x1024", 1024, 1024, 1024},
    {"conv 3x3 64 at 56x56", 64, 64, 56, 3},
};

std::vector<std::string> Zeros(const std::vector<tensor::TensorDesc>& inputs) {
  std::vector<std::string> bytes;
  for (const auto& desc : inputs) {
    bytes.emplace_back(desc.shape.CheckedBytes(desc.type).value_or(0), '\0');
  }
  return bytes;
}

/// Microseconds of the fastest of `runs` runs.
template <typename Runner>
StatusOr<double> Fastest(Runner& runner, int runs) {
  double best = 1e30;
  for (int i = 0; i < runs; ++i) {
    const auto begin = Clock::now();
    HADRON_RETURN_IF_ERROR(runner.Run().CloneStatus());
    const std::chrono::duration<double, std::micro> elapsed = Clock::now() - begin;
    best = std::min(best, elapsed.count());
  }
  return best;
}

/// Microseconds of an arm, measured in turns with another: who begins changes from round to round.
using Arm = std::function<StatusOr<double>()>;
Status Interleave(const Arm& ours, const Arm& peer, int rounds, Ratio& ratio) {
  for (int round = 0; round < rounds; ++round) {
    std::array<double, 2> us{};
    for (std::size_t turn = 0; turn < 2; ++turn) {
      const std::size_t arm = (static_cast<std::size_t>(round) + turn) % 2;
      HADRON_ASSIGN_OR_RETURN(us[arm], arm == 0 ? ours() : peer());
    }
    ratio.ratios.push_back(us[0] / us[1]);
    ratio.ours_us.push_back(us[0]);
    ratio.peer_us.push_back(us[1]);
  }
  return {};
}

StatusOr<Ratio> CompareLayer(const Layer& layer, const OpenClBenchOptions& options,
                             BenchDevice& device, const std::string& directory) {
  std::vector<std::unique_ptr<DeviceRunner>> chains;
  for (const int length : {1, 1 + kChain}) {
    const std::string path = directory + "/layer.onnx";
    std::ofstream(path, std::ios::binary) << LayerModel(layer, length);
    HADRON_ASSIGN_OR_RETURN(auto native, ModelRunner::Load(path, 1, options.threads));
    HADRON_ASSIGN_OR_RETURN(chains.emplace_back(),
                            DeviceRunner::Load(device, path, 1, options.threads));
    chains.back()->SetInputs(Zeros(native->inputs()));
    HADRON_RETURN_IF_ERROR(chains.back()->Run().CloneStatus());  // kernels are compiled now
  }
  HADRON_ASSIGN_OR_RETURN(auto peer, OneDnnArm::Make(layer, options.threads));
  const Arm ours = [&chains]() -> StatusOr<double> {
    HADRON_ASSIGN_OR_RETURN(const double one, Fastest(*chains[0], kRuns));
    HADRON_ASSIGN_OR_RETURN(const double all, Fastest(*chains[1], kRuns));
    return (all - one) / kChain;
  };
  Ratio ratio;
  ratio.what = layer.name;
  ratio.peer = peer->name();
  HADRON_RETURN_IF_ERROR(Interleave(
      ours, [&peer]() -> StatusOr<double> { return peer->Time(kRuns); }, options.rounds, ratio));
  return ratio;
}

StatusOr<Ratio> CompareNetwork(const std::string& model, const std::string& path,
                               const OpenClBenchOptions& options, BenchDevice& device,
                               std::vector<std::string>& notes) {
  HADRON_ASSIGN_OR_RETURN(auto native, ModelRunner::Load(path, 1, options.threads));
  HADRON_ASSIGN_OR_RETURN(auto runner, DeviceRunner::Load(device, path, 1, options.threads));
  const std::vector<std::string> bytes = RandomInputs(native->inputs());
  HADRON_RETURN_IF_ERROR(native->SetInputs(bytes));
  runner->SetInputs(bytes);
  HADRON_ASSIGN_OR_RETURN(const auto ours, runner->Run());
  HADRON_ASSIGN_OR_RETURN(const auto theirs, native->Run());
  std::vector<std::string> expected;
  for (const auto& tensor : theirs) expected.push_back(tensor.bytes.ToString());
  HADRON_RETURN_IF_ERROR(CheckAgreement(ours, expected, model));
  Ratio ratio;
  ratio.what = model + " batch 1";
  if (const int steps = runner->host_steps(); steps > 0) {
    notes.push_back(fmt::format("{}: {} of its steps are the CPU's", model, steps));
  }
  ratio.peer = "the native CPU executor";
  HADRON_RETURN_IF_ERROR(Interleave([&] { return Fastest(*runner, kRuns); },
                                    [&] { return Fastest(*native, kRuns); }, options.rounds,
                                    ratio));
  return ratio;
}

}  // namespace

StatusOr<CaseResult> RunOpenClCase(const OpenClBenchOptions& options) {
  HADRON_ASSIGN_OR_RETURN(const auto device, BenchDevice::Open({.threads = options.threads}));
  HADRON_ASSIGN_OR_RETURN(const TempDir directory, TempDir::Make());
  CaseResult result;
  result.notes.push_back(fmt::format("{} ({}), {} threads", device->info().name,
                                     device->info().driver, options.threads));
  for (const Layer& layer : kLayers) {
    auto ratio = CompareLayer(layer, options, *device, directory.path());
    if (!ratio.ok()) return std::move(ratio).status().With(layer.name);
    result.ratios.push_back(std::move(ratio).value());
  }
  for (const std::string& model : options.models) {
    const std::string path = options.repository + "/" + model + "/1/model.onnx";
    if (!std::filesystem::exists(path)) {
      result.notes.push_back(fmt::format("'{}' is not there, left out", path));
      continue;
    }
    auto ratio = CompareNetwork(model, path, options, *device, result.notes);
    if (!ratio.ok()) return std::move(ratio).status().With(model);
    result.ratios.push_back(std::move(ratio).value());
  }
  return result;
}

}  // namespace hadron::bench
