#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/wire/checks.h"
#include "config/wire/values.h"

namespace hadron::config::wire {
namespace {

using ::inference::ModelEnsembling;

constexpr int kClient = -1;

/// The tensors of an ensemble: who writes each and who reads them.
struct Flow {
  std::map<std::string, int> writer;  ///< step index, or kClient for the ensemble's inputs
  std::set<std::string> read;
};

base::Status CheckHead(const ::inference::ModelConfig& config) {
  if (config.platform() != "ensemble" || !config.has_ensemble_scheduling()) {
    return base::InvalidArgument(
        "an ensemble needs both platform \"ensemble\" and ensemble_scheduling");
  }
  if (!config.backend().empty()) {
    return base::InvalidArgument("backend must be empty for an ensemble");
  }
  const auto reshaped = [](const auto& io) { return io.has_reshape(); };
  const bool reshape = std::ranges::any_of(config.input(), reshaped) ||
                       std::ranges::any_of(config.output(), reshaped);
  const std::pair<bool, const char*> forbidden[] = {
      {reshape, "reshape"},
      {IsRagged(config), "allow_ragged_batch, batch_input or batch_output"},
      {config.instance_group_size() > 0, "instance_group"},
      {config.has_optimization(), "optimization"},
      {config.model_warmup_size() > 0, "model_warmup"}};
  for (const auto& [present, field] : forbidden) {
    if (present) {
      return base::InvalidArgument(fmt::format("{} may not be set for an ensemble", field));
    }
  }
  return base::OkStatus();
}

base::Status AddStep(const ModelEnsembling::Step& step, int index, Flow& flow) {
  if (step.model_name().empty()) return base::InvalidArgument("must specify 'model_name'");
  if (!step.model_namespace().empty()) {
    return base::InvalidArgument("model_namespace is not supported");
  }
  if (step.model_version() < -1) {
    return base::InvalidArgument(fmt::format(
        "model_version is {}; it must be a version, or -1 for the newest", step.model_version()));
  }
  if (step.input_map().empty() || step.output_map().empty()) {
    return base::InvalidArgument("must specify 'input_map' and 'output_map'");
  }
  for (const auto& [input, name] : step.input_map()) flow.read.insert(name);
  for (const auto& [output, name] : step.output_map()) {
    if (!flow.writer.emplace(name, index).second) {
      return base::InvalidArgument(fmt::format("writes tensor {} a second time", Quote(name)));
    }
  }
  return base::OkStatus();
}

base::Status CheckUse(const ::inference::ModelConfig& config, const Flow& flow) {
  for (const std::string& name : flow.read) {
    if (!flow.writer.contains(name)) {
      return base::InvalidArgument(fmt::format("tensor {} is written by nothing", Quote(name)));
    }
  }
  for (const auto& output : config.output()) {
    const auto writer = flow.writer.find(output.name());
    if (writer == flow.writer.end() || writer->second == kClient) {
      return base::InvalidArgument(
          fmt::format("output {} is written by no step", Quote(output.name())));
    }
  }
  for (const auto& [name, writer] : flow.writer) {
    if (!flow.read.contains(name) && FindOutput(config, name) == nullptr) {
      return base::InvalidArgument(fmt::format("tensor {} is used by nothing", Quote(name)));
    }
  }
  return base::OkStatus();
}

/// Runs every step whose inputs are there until none is left; what remains waits for itself.
base::Status CheckAcyclic(const ModelEnsembling& ensemble, const Flow& flow) {
  const auto count = static_cast<std::size_t>(ensemble.step_size());
  std::vector<int> waits_for(count, 0);
  std::map<int, std::vector<int>> readers;  // writing step -> steps that wait for it
  for (int i = 0; i < ensemble.step_size(); ++i) {
    for (const auto& [input, name] : ensemble.step(i).input_map()) {
      const int writer = flow.writer.at(name);
      if (writer == kClient) continue;
      readers[writer].push_back(i);
      ++waits_for[static_cast<std::size_t>(i)];
    }
  }
  std::vector<int> ready;
  for (int i = 0; i < ensemble.step_size(); ++i) {
    if (waits_for[static_cast<std::size_t>(i)] == 0) ready.push_back(i);
  }
  std::size_t done = 0;
  for (; !ready.empty(); ++done) {
    const int step = ready.back();
    ready.pop_back();
    for (const int reader : readers[step]) {
      if (--waits_for[static_cast<std::size_t>(reader)] == 0) ready.push_back(reader);
    }
  }
  if (done == count) return base::OkStatus();
  return base::InvalidArgument("the steps depend on each other in a circle");
}

base::Status CheckSteps(const ::inference::ModelConfig& config) {
  const ModelEnsembling& ensemble = config.ensemble_scheduling();
  if (ensemble.step_size() == 0) return base::InvalidArgument("needs at least one step");
  Flow flow;
  for (const auto& input : config.input()) flow.writer.emplace(input.name(), kClient);
  for (int i = 0; i < ensemble.step_size(); ++i) {
    base::Status status = AddStep(ensemble.step(i), i, flow);
    if (!status.ok()) return std::move(status).With(fmt::format("step[{}]", i));
  }
  HADRON_RETURN_IF_ERROR(CheckUse(config, flow));
  return CheckAcyclic(ensemble, flow);
}

}  // namespace

base::Status CheckEnsemble(const ::inference::ModelConfig& config) {
  HADRON_RETURN_IF_ERROR(CheckHead(config));
  return CheckSteps(config).With("ensemble_scheduling");
}

}  // namespace hadron::config::wire
