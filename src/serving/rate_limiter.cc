#include "serving/rate_limiter.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/strings.h"

namespace hadron::serving {

using base::Status;
using base::StatusOr;

StatusOr<std::vector<RateLimiter::Limit>> RateLimiter::ParseLimits(
    std::span<const std::string> settings) {
  std::vector<Limit> limits;
  for (const std::string& setting : settings) {
    const std::size_t first = setting.find(':');
    const std::size_t second = first == std::string::npos ? first : setting.find(':', first + 1);
    std::optional<std::uint64_t> count;
    std::optional<std::uint64_t> device = 0;
    if (first != std::string::npos) {
      count = base::ParseUint64(setting.substr(first + 1, second - first - 1));
    }
    if (second != std::string::npos) device = base::ParseUint64(setting.substr(second + 1));
    if (first == 0 || !count || !device || *device > INT32_MAX) {
      return base::InvalidArgument(
          fmt::format("--rate-limit-resource={}: expected <name>:<count>[:<device>]", setting));
    }
    Limit& limit = limits.emplace_back(Limit{base::ToLower(setting.substr(0, first)), *count, {}});
    if (second != std::string::npos) limit.device = static_cast<std::int64_t>(*device);
  }
  return limits;
}

RateLimiter::RateLimiter(std::span<const Limit> limits, std::int64_t device) {
  // What is said of this device goes before what is said of all.
  for (const Limit& limit : limits) {
    if (!limit.device) limits_[limit.name] = limit.count;
  }
  for (const Limit& limit : limits) {
    if (limit.device == device) limits_[limit.name] = limit.count;
  }
}

RateLimiter::Groups RateLimiter::GroupsOf(const config::ModelConfig& config) {
  Groups groups;
  for (const config::InstanceGroup& configured : config.instance_groups()) {
    if (configured.passive || configured.count < 1) continue;
    Group& group = groups.emplace_back();
    group.instances = static_cast<std::uint64_t>(configured.count);
    group.priority = std::max<std::uint64_t>(1, configured.priority);
    for (const config::InstanceGroup::Resource& resource : configured.resources) {
      const std::string name = base::ToLower(resource.name);
      auto need = std::ranges::find(group.needs, name, &Need::name);
      if (need == group.needs.end()) need = group.needs.insert(need, {name, resource.global, 0});
      need->count = std::max<std::uint64_t>(need->count, resource.count);
    }
  }
  return groups;
}

Status RateLimiter::Check(const config::ModelConfig& config) const {
  std::map<std::string, bool> global;
  {
    base::MutexLock lock(mutex_);
    for (const auto& [name, resource] : resources_) global[name] = resource.global;
  }
  for (const config::InstanceGroup& group : config.instance_groups()) {
    for (const config::InstanceGroup::Resource& resource : group.resources) {
      const std::string name = base::ToLower(resource.name);
      const bool known = global.emplace(name, resource.global).first->second;
      if (known != resource.global) {
        return base::InvalidArgument(fmt::format(
            "instance_group '{}': resource '{}' is {} here and {} elsewhere; it can only be one",
            group.name, resource.name, resource.global ? "global" : "per device",
            known ? "global" : "per device"));
      }
      const auto limit = limits_.find(name);
      if (limit == limits_.end() || resource.count <= limit->second) continue;
      return base::InvalidArgument(fmt::format(
          "instance_group '{}' needs {} of resource '{}', --rate-limit-resource gives {}",
          group.name, resource.count, resource.name, limit->second));
    }
  }
  return {};
}

void RateLimiter::CountNeeds() {
  for (auto& [name, resource] : resources_) resource.most = 0;
  for (const auto& [owner, groups] : owners_) {
    for (const Group& group : groups) {
      for (const Need& need : group.needs) {
        // Two loads at once may have passed Check with different kinds: the first one stays.
        Resource& resource = resources_.try_emplace(need.name, Resource{need.global}).first->second;
        resource.most = std::max(resource.most, need.count);
      }
    }
  }
  std::erase_if(resources_,
                [](const auto& entry) { return entry.second.most == 0 && entry.second.used == 0; });
}

void RateLimiter::Add(Owner owner, const config::ModelConfig& config) {
  base::MutexLock lock(mutex_);
  owners_[owner] = GroupsOf(config);
  CountNeeds();
}

void RateLimiter::Remove(Owner owner) {
  base::MutexLock lock(mutex_);
  if (owners_.erase(owner) > 0) CountNeeds();
}

std::uint64_t RateLimiter::Available(const std::string& name, const Resource& resource) const {
  const auto limit = limits_.find(name);
  // A limit below a need was refused by Check.
  return limit == limits_.end() ? resource.most : std::max(limit->second, resource.most);
}

bool RateLimiter::Gets(const Group& group) const {
  return std::ranges::all_of(group.needs, [this](const Need& need) {
    const auto at = resources_.find(need.name);
    if (at == resources_.end()) return need.count == 0;
    return need.count + at->second.used <= Available(need.name, at->second);
  });
}

const RateLimiter::Group* RateLimiter::Choose(const Groups& groups) const {
  const Group* best = nullptr;
  for (const Group& group : groups) {
    if (group.running >= group.instances || !Gets(group)) continue;
    if (best == nullptr || group.Score() < best->Score()) best = &group;
  }
  return best;
}

bool RateLimiter::CanStart(Owner owner) const {
  base::MutexLock lock(mutex_);
  const auto at = owners_.find(owner);
  return at != owners_.end() && Choose(at->second) != nullptr;
}

std::size_t RateLimiter::Start(Owner owner) {
  base::MutexLock lock(mutex_);
  Groups& groups = owners_.at(owner);
  const Group* const chosen = Choose(groups);
  HADRON_CHECK(chosen != nullptr);
  const auto lease = static_cast<std::size_t>(chosen - groups.data());
  Group& group = groups[lease];
  ++group.running;
  ++group.executions;
  for (const Need& need : group.needs) {
    if (need.count > 0) resources_.at(need.name).used += need.count;
  }
  return lease;
}

void RateLimiter::End(Owner owner, std::size_t lease) {
  base::MutexLock lock(mutex_);
  Group& group = owners_.at(owner)[lease];
  --group.running;
  for (const Need& need : group.needs) {
    if (need.count > 0) resources_.at(need.name).used -= need.count;
  }
}

double RateLimiter::Score(Owner owner) const {
  base::MutexLock lock(mutex_);
  const auto at = owners_.find(owner);
  if (at == owners_.end()) return 0;
  const Group* const chosen = Choose(at->second);
  return chosen == nullptr ? 0 : chosen->Score();
}

}  // namespace hadron::serving
