#include "serving/ensemble_plan.h"

#include <set>

namespace hadron::serving {

EnsemblePlan::EnsemblePlan(const config::ModelConfig& config) {
  for (const config::IoConfig& input : config.inputs()) Add(input.name);
  for (const config::EnsembleStep& step : config.ensemble()->steps) {
    const std::size_t number = steps_.size();
    Step& built = steps_.emplace_back();
    built.model = step.model;
    built.version = step.version;
    for (const auto& [input, name] : step.inputs) {
      const std::size_t tensor = Add(name);
      built.inputs.push_back({input, tensor});
      std::vector<std::size_t>& readers = tensors_[tensor].readers;
      if (readers.empty() || readers.back() != number) readers.push_back(number);
    }
    for (const auto& [output, name] : step.outputs) {
      const std::size_t tensor = Add(name);
      built.outputs.push_back({output, tensor});
      tensors_[tensor].writer = number;
    }
  }
}

std::size_t EnsemblePlan::Add(const std::string& tensor) {
  const auto [at, is_new] = numbers_.emplace(tensor, tensors_.size());
  if (is_new) tensors_.push_back({tensor, std::nullopt, {}});
  return at->second;
}

std::optional<std::size_t> EnsemblePlan::FindTensor(std::string_view name) const {
  const auto at = numbers_.find(name);
  if (at == numbers_.end()) return std::nullopt;
  return at->second;
}

EnsembleProgress::EnsembleProgress(const EnsemblePlan& plan, std::span<const std::size_t> outputs)
    : plan_(&plan),
      runs_(plan.steps().size(), false),
      waits_for_(plan.steps().size(), 0),
      uses_(plan.tensors().size(), 0) {
  // From the outputs back to what they are made of.
  std::vector<std::size_t> open(outputs.begin(), outputs.end());
  for (const std::size_t output : outputs) ++uses_[output];
  while (!open.empty()) {
    const std::size_t tensor = open.back();
    open.pop_back();
    const auto writer = plan.tensors()[tensor].writer;
    if (!writer || runs_[*writer]) continue;
    runs_[*writer] = true;
    ++steps_;
    for (const EnsemblePlan::Edge& input : plan.steps()[*writer].inputs) {
      open.push_back(input.tensor);
    }
  }
  for (std::size_t i = 0; i < plan.tensors().size(); ++i) {
    const EnsemblePlan::Tensor& tensor = plan.tensors()[i];
    for (const std::size_t reader : tensor.readers) {
      if (!runs_[reader]) continue;
      ++uses_[i];
      if (tensor.writer) ++waits_for_[reader];
    }
  }
}

std::vector<std::size_t> EnsembleProgress::Begin() const {
  std::vector<std::size_t> ready;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    if (runs_[i] && waits_for_[i] == 0) ready.push_back(i);
  }
  return ready;
}

std::vector<std::size_t> EnsembleProgress::Finish(std::size_t step) {
  std::vector<std::size_t> ready;
  for (const EnsemblePlan::Edge& output : plan_->steps()[step].outputs) {
    for (const std::size_t reader : plan_->tensors()[output.tensor].readers) {
      if (runs_[reader] && --waits_for_[reader] == 0) ready.push_back(reader);
    }
  }
  return ready;
}

std::vector<std::size_t> EnsembleProgress::Taken(std::size_t step) {
  std::set<std::size_t> read;  // a step may read one tensor twice
  for (const EnsemblePlan::Edge& input : plan_->steps()[step].inputs) read.insert(input.tensor);
  std::vector<std::size_t> free;
  for (const std::size_t tensor : read) {
    if (--uses_[tensor] == 0) free.push_back(tensor);
  }
  return free;
}

}  // namespace hadron::serving
