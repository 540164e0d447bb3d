#include "config/model_config.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"
#include "config/wire/json_writer.h"
#include "config/wire/values.h"
#include "model_config.pb.h"

namespace hadron::config {
namespace {

const IoConfig* Find(const std::vector<IoConfig>& tensors, std::string_view name) {
  const auto at = std::ranges::find(tensors, name, &IoConfig::name);
  return at == tensors.end() ? nullptr : &*at;
}

/// The one that names `target`.
template <typename Io>
const Io* FindTarget(const std::vector<Io>& all, std::string_view target) {
  const auto at = std::ranges::find_if(all, [target](const Io& io) {
    return std::ranges::find(io.targets, target) != io.targets.end();
  });
  return at == all.end() ? nullptr : &*at;
}

::inference::ModelConfig Parse(const std::string& wire) {
  ::inference::ModelConfig message;
  HADRON_CHECK(message.ParseFromString(wire));
  return message;
}

std::string WithoutPlacement(const ModelConfig& config) {
  ::inference::ModelConfig message = Parse(config.Serialized());
  message.clear_instance_group();
  message.clear_version_policy();
  return wire::Serialize(message);
}

}  // namespace

bool SequenceBatching::Fills(std::string_view input) const {
  return std::ranges::find(controls, input, &SequenceControl::input) != controls.end() ||
         std::ranges::find(states, input, &SequenceState::input) != states.end();
}

bool SequenceBatching::HasStateOutput(std::string_view output) const {
  return std::ranges::find(states, output, &SequenceState::output) != states.end();
}

const IoConfig* ModelConfig::FindInput(std::string_view name) const {
  return Find(fields_.inputs, name);
}

const IoConfig* ModelConfig::FindOutput(std::string_view name) const {
  return Find(fields_.outputs, name);
}

bool ModelConfig::ragged() const {
  return !batch_inputs().empty() || !batch_outputs().empty() ||
         std::ranges::any_of(inputs(), &IoConfig::ragged);
}

const BatchInput* ModelConfig::FindBatchInput(std::string_view target) const {
  return FindTarget(fields_.batch_inputs, target);
}

const BatchOutput* ModelConfig::FindBatchOutput(std::string_view target) const {
  return FindTarget(fields_.batch_outputs, target);
}

tensor::Shape ModelConfig::ClientShape(const IoConfig& io) const {
  return batched() ? io.dims.WithFirst(-1) : io.dims;
}

tensor::Shape ModelConfig::GraphShape(const IoConfig& io) const {
  if (io.ragged) return {-1};
  return batched() ? io.model_shape().WithFirst(-1) : io.model_shape();
}

std::string ModelConfig::ToJson() const { return wire::WriteJson(Parse(fields_.wire)); }

void LogNotices(const ModelConfig& config) {
  for (const Notice& notice : config.notices()) {
    const base::LogFields fields = {{"model", config.name()}, {"notice", notice.text}};
    if (notice.warning) {
      base::LogWarning("model configuration", fields);
    } else {
      base::LogInfo("model configuration", fields);
    }
  }
}

bool NeedsReload(const ModelConfig& now, const ModelConfig& next) {
  return WithoutPlacement(now) != WithoutPlacement(next);
}

std::vector<std::string> ParseLabels(std::string_view text) {
  std::vector<std::string> labels = base::Split(text, '\n');
  if (labels.back().empty()) labels.pop_back();
  for (std::string& label : labels) {
    if (label.ends_with('\r')) label.pop_back();
  }
  return labels;
}

}  // namespace hadron::config
