#include "model/lifecycle.h"

#include <algorithm>

namespace hadron::model {
namespace {

/// Whether a version that is loaded is made of something else than what is there now.
bool LiveVersionChanged(const PolledModel& model) {
  return std::ranges::any_of(*model.live, [&](const auto& item) {
    const ScannedVersion* now = model.current->FindVersion(item.first);
    return now == nullptr || ContentOf(*model.current, *now) != item.second;
  });
}

}  // namespace

std::string_view ControlModeName(ControlMode mode) {
  switch (mode) {
    case ControlMode::kNone:
      return "none";
    case ControlMode::kPoll:
      return "poll";
    case ControlMode::kExplicit:
      return "explicit";
    case ControlMode::kDemand:
      break;
  }
  return "demand";
}

VersionContent ContentOf(const ScannedModel& model, const ScannedVersion& version) {
  return {model.store, version, model.config_file, model.config_text, model.files};
}

bool SameListing(const ScannedModel& a, const ScannedModel& b) {
  return a.store == b.store && a.versions == b.versions && a.config_file == b.config_file &&
         a.config_text == b.config_text && a.files == b.files && a.reason == b.reason;
}

LoadPlan PlanLoad(const std::map<std::int64_t, VersionContent>& live, const ScannedModel& model,
                  std::span<const std::int64_t> wanted, bool rebuild) {
  LoadPlan plan;
  for (const std::int64_t number : wanted) {
    const ScannedVersion* version = model.FindVersion(number);
    HADRON_CHECK(version != nullptr);
    const auto at = live.find(number);
    const bool same = !rebuild && at != live.end() && at->second == ContentOf(model, *version);
    (same ? plan.keep : plan.build).push_back(number);
  }
  for (const auto& [number, content] : live) {
    if (std::ranges::find(wanted, number) == wanted.end()) plan.retire.push_back(number);
  }
  return plan;
}

std::pair<VersionState, std::string> StateOf(const VersionFacts& facts) {
  if (facts.live) return {VersionState::kReady, ""};
  if (facts.building) {
    return {facts.loadable ? VersionState::kReady : VersionState::kLoading, ""};
  }
  if (facts.retiring > 0 && !facts.loadable) return {VersionState::kUnloading, ""};
  if (!facts.failure.empty()) return {VersionState::kUnavailable, facts.failure};
  if (facts.unloaded) return {VersionState::kUnavailable, "unloaded"};
  return {facts.loadable ? VersionState::kReady : VersionState::kUnknown, ""};
}

PollAction DecidePoll(const PolledModel& model) {
  if (model.busy || model.overridden || model.mode == ControlMode::kNone) {
    return PollAction::kNothing;
  }
  const bool follows = model.mode != ControlMode::kExplicit;
  if (model.current == nullptr) {
    return follows ? PollAction::kUnload : PollAction::kCatalogue;
  }
  if (model.applied != nullptr && SameListing(*model.applied, *model.current)) {
    return PollAction::kNothing;
  }
  if (!follows) return PollAction::kCatalogue;
  if (!model.whole) return PollAction::kWait;
  if (model.previous == nullptr || !SameListing(*model.previous, *model.current)) {
    return PollAction::kWait;
  }
  if (model.unloaded) return PollAction::kCatalogue;
  if (model.mode == ControlMode::kPoll) return PollAction::kLoad;
  return LiveVersionChanged(model) ? PollAction::kLoad : PollAction::kCatalogue;
}

base::Duration RetryDelay(int failures) {
  constexpr std::chrono::seconds kLongest{60};
  const int doublings = std::clamp(failures - 1, 0, 6);
  return std::min<base::Duration>(std::chrono::seconds(1) * (1 << doublings), kLongest);
}

}  // namespace hadron::model
