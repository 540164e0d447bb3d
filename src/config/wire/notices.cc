#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "config/wire/build.h"
#include "config/wire/values.h"

namespace hadron::config::wire {
namespace {

/// Parameters that something in Hadron reads, besides "hadron.*".
constexpr std::array<std::string_view, 3> kReadParameters = {"execute_delay_ms", "gpu_mem_limit",
                                                             "intra_op_thread_count"};

void AddIgnoredFields(const ::inference::ModelConfig& config, std::vector<Notice>& notices) {
  bool passive = false;
  bool host_policy = false;
  bool secondary = false;
  for (const auto& group : config.instance_group()) {
    passive = passive || group.passive();
    host_policy = host_policy || !group.host_policy().empty();
    secondary = secondary || group.secondary_devices_size() > 0;
  }
  const auto& optimization = config.optimization();
  const std::pair<bool, const char*> fields[] = {
      {!config.runtime().empty(), "runtime"},
      {!config.cc_model_filenames().empty(), "cc_model_filenames"},
      {passive, "instance_group.passive"},
      {host_policy, "instance_group.host_policy"},
      {secondary, "instance_group.secondary_devices"},
      {optimization.has_graph(), "optimization.graph"},
      {optimization.priority() != 0, "optimization.priority"},
      {optimization.has_cuda(), "optimization.cuda"},
      {optimization.gather_kernel_buffer_threshold() != 0,
       "optimization.gather_kernel_buffer_threshold"},
      {optimization.eager_batching(), "optimization.eager_batching"},
      {config.has_model_metrics(), "model_metrics"}};
  for (const auto& [present, field] : fields) {
    if (present) notices.push_back({false, fmt::format("{} is kept without effect", field)});
  }
}

void AddParameters(const ::inference::ModelConfig& config, std::vector<Notice>& notices) {
  std::vector<std::string> ignored;
  for (const auto& [key, value] : config.parameters()) {
    const bool read = key.starts_with("hadron.") ||
                      std::ranges::find(kReadParameters, key) != kReadParameters.end();
    if (!read) ignored.push_back(Quote(key));
  }
  if (ignored.empty()) return;
  std::ranges::sort(ignored);
  notices.push_back(
      {false, fmt::format("parameters {} are kept without effect", base::Join(ignored, ", "))});
}

void AddAccelerators(const ::inference::ModelConfig& config, std::vector<Notice>& notices) {
  const auto& accelerators = config.optimization().execution_accelerators();
  const auto add = [&](const auto& list) {
    for (const auto& accelerator : list) {
      notices.push_back(
          {true, fmt::format("optimization.execution_accelerators: {} has no effect: Hadron "
                             "compiles the model itself",
                             Quote(accelerator.name()))});
    }
  };
  add(accelerators.gpu_execution_accelerator());
  add(accelerators.cpu_execution_accelerator());
}

}  // namespace

void AddNotices(const ::inference::ModelConfig& config, std::vector<Notice>& notices) {
  AddIgnoredFields(config, notices);
  AddParameters(config, notices);
  AddAccelerators(config, notices);
  for (const auto& control : config.model_metrics().metric_control()) {
    const std::string& family = control.metric_identifier().family();
    if (family == "nv_inference_first_response_histogram_ms") continue;
    notices.push_back({true, fmt::format("model_metrics: unknown family {}", Quote(family))});
  }
}

}  // namespace hadron::config::wire
