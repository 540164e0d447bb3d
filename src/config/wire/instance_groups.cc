#include "config/wire/instance_groups.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/wire/values.h"

namespace hadron::config::wire {
namespace {

using Group = ::inference::ModelInstanceGroup;

constexpr int kDefaultCountOnGpu = 1;
constexpr int kDefaultCountOnCpu = 2;

bool AllExist(const Group& group, std::int64_t gpu_count) {
  return std::ranges::all_of(group.gpus(), [&](int gpu) { return gpu >= 0 && gpu < gpu_count; });
}

/// KIND_GPU was asked for: it must be possible, or allowed to become KIND_CPU.
base::Status SettleGpu(const Devices& devices, const std::string& model, Group& group,
                       std::vector<Notice>& notices) {
  if (devices.gpu_count > 0) {
    if (AllExist(group, devices.gpu_count)) return base::OkStatus();
    return base::InvalidArgument(
        fmt::format("instance group {} of model {} names a GPU that does not exist; there are {}",
                    Quote(group.name()), Quote(model), devices.gpu_count));
  }
  const std::string text =
      fmt::format("instance group {} of model {} has kind KIND_GPU but no GPUs are available",
                  Quote(group.name()), Quote(model));
  if (!devices.allow_cpu_fallback) {
    return base::InvalidArgument(text + "; --allow-cpu-fallback runs it on the CPU");
  }
  notices.push_back({true, text + ": it runs on the CPU"});
  group.set_kind(Group::KIND_CPU);
  group.clear_gpus();
  return base::OkStatus();
}

base::Status SettleKind(const Devices& devices, const std::string& model, Group& group,
                        std::vector<Notice>& notices) {
  if (group.kind() == Group::KIND_GPU) return SettleGpu(devices, model, group, notices);
  if (group.kind() != Group::KIND_AUTO && group.gpus_size() > 0) {
    return base::InvalidArgument(
        fmt::format("instance group {} of model {} has kind {} and may not list gpus",
                    Quote(group.name()), Quote(model), Group::Kind_Name(group.kind())));
  }
  if (group.kind() == Group::KIND_CPU) return base::OkStatus();
  const bool on_gpu = devices.gpu_count > 0 && AllExist(group, devices.gpu_count);
  group.set_kind(on_gpu ? Group::KIND_GPU : Group::KIND_CPU);
  if (!on_gpu) group.clear_gpus();
  return base::OkStatus();
}

}  // namespace

base::Status CompleteInstanceGroups(const Devices& devices, ::inference::ModelConfig& config,
                                    std::vector<Notice>& notices) {
  if (config.instance_group().empty()) config.add_instance_group()->set_name(config.name());
  for (int i = 0; i < config.instance_group_size(); ++i) {
    Group& group = *config.mutable_instance_group(i);
    if (group.name().empty()) group.set_name(fmt::format("{}_{}", config.name(), i));
    HADRON_RETURN_IF_ERROR(SettleKind(devices, config.name(), group, notices));
    const bool on_gpu = group.kind() == Group::KIND_GPU;
    if (group.count() < 1) group.set_count(on_gpu ? kDefaultCountOnGpu : kDefaultCountOnCpu);
    for (int gpu = 0; on_gpu && gpu < devices.gpu_count && group.gpus_size() <= gpu; ++gpu) {
      group.add_gpus(gpu);
    }
  }
  return base::OkStatus();
}

}  // namespace hadron::config::wire
