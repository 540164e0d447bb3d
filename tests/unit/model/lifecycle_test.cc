#include "model/lifecycle.h"

#include <gtest/gtest.h>

#include <optional>

namespace hadron::model {
namespace {

/// A listing: versions by number, each with one file of a tag.
ScannedModel Listed(const std::map<std::int64_t, std::string>& versions,
                    const std::string& config = "", const std::string& label_tag = "") {
  ScannedModel model;
  model.name = "m";
  for (const auto& [number, tag] : versions) {
    const std::string file = std::to_string(number) + "/model.onnx";
    model.versions.push_back({number, {"model.onnx"}, {{file, 10, tag}}});
  }
  if (!config.empty()) model.config_file = "config.pbtxt";
  model.config_text = config;
  if (!label_tag.empty()) model.files.push_back({"labels.txt", 3, label_tag});
  return model;
}

std::map<std::int64_t, VersionContent> LiveOf(const ScannedModel& model,
                                              const std::vector<std::int64_t>& versions) {
  std::map<std::int64_t, VersionContent> live;
  for (const std::int64_t v : versions) live[v] = ContentOf(model, *model.FindVersion(v));
  return live;
}

using Numbers = std::vector<std::int64_t>;

TEST(PlanLoad, Table) {
  const ScannedModel before = Listed({{1, "a"}, {2, "a"}}, "max_batch_size: 1");
  const struct {
    const char* name;
    Numbers live;
    ScannedModel now;
    Numbers wanted;
    bool rebuild;
    LoadPlan plan;
  } rows[] = {
      {"first load", {}, before, {2}, false, {{}, {2}, {}}},
      {"nothing changed", {2}, before, {2}, false, {{2}, {}, {}}},
      {"the file changed",
       {2},
       Listed({{1, "a"}, {2, "b"}}, "max_batch_size: 1"),
       {2},
       false,
       {{}, {2}, {}}},
      {"another version's file changed",
       {2},
       Listed({{1, "b"}, {2, "a"}}, "max_batch_size: 1"),
       {2},
       false,
       {{2}, {}, {}}},
      {"the configuration changed",
       {1, 2},
       Listed({{1, "a"}, {2, "a"}}, "max_batch_size: 2"),
       {1, 2},
       false,
       {{}, {1, 2}, {}}},
      {"labels appeared",
       {2},
       Listed({{1, "a"}, {2, "a"}}, "max_batch_size: 1", "x"),
       {2},
       false,
       {{}, {2}, {}}},
      {"a version came",
       {2},
       Listed({{1, "a"}, {2, "a"}, {3, "a"}}, "max_batch_size: 1"),
       {3},
       false,
       {{}, {3}, {2}}},
      {"a version came and both stay",
       {2},
       Listed({{1, "a"}, {2, "a"}, {3, "a"}}, "max_batch_size: 1"),
       {2, 3},
       false,
       {{2}, {3}, {}}},
      {"a version went",
       {1, 2},
       Listed({{1, "a"}}, "max_batch_size: 1"),
       {1},
       false,
       {{1}, {}, {2}}},
      {"an override counts as a change", {2}, before, {2}, true, {{}, {2}, {}}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(PlanLoad(LiveOf(before, row.live), row.now, row.wanted, row.rebuild), row.plan);
  }
}

TEST(StateOf, Table) {
  const struct {
    VersionFacts facts;
    VersionState state;
    const char* reason;
  } rows[] = {
      {{}, VersionState::kUnknown, ""},
      {{.building = true}, VersionState::kLoading, ""},
      {{.live = true}, VersionState::kReady, ""},
      {{.live = true, .building = true}, VersionState::kReady, ""},
      {{.live = true, .retiring = 2}, VersionState::kReady, ""},
      {{.live = true, .failure = "x"}, VersionState::kReady, ""},
      {{.retiring = 1, .unloaded = true}, VersionState::kUnloading, ""},
      {{.building = true, .retiring = 1}, VersionState::kLoading, ""},
      {{.retiring = 1, .loadable = true}, VersionState::kReady, ""},
      {{.building = true, .retiring = 1, .loadable = true}, VersionState::kReady, ""},
      {{.unloaded = true}, VersionState::kUnavailable, "unloaded"},
      {{.failure = "no file"}, VersionState::kUnavailable, "no file"},
      {{.loadable = true}, VersionState::kReady, ""},
      {{.building = true, .loadable = true}, VersionState::kReady, ""},
      {{.loadable = true, .failure = "no file"}, VersionState::kUnavailable, "no file"},
  };
  int number = 0;
  for (const auto& row : rows) {
    SCOPED_TRACE(number++);
    const auto [state, reason] = StateOf(row.facts);
    EXPECT_EQ(VersionStateName(state), VersionStateName(row.state));
    EXPECT_EQ(reason, row.reason);
  }
}

TEST(DecidePoll, Table) {
  const ScannedModel a = Listed({{1, "a"}});
  const ScannedModel b = Listed({{1, "b"}});
  const ScannedModel more = Listed({{1, "a"}, {2, "a"}});
  const auto live_a = LiveOf(a, {1});
  const std::map<std::int64_t, VersionContent> none;
  using Mode = ControlMode;
  using Action = PollAction;
  const struct {
    const char* name;
    PolledModel model;
    Action action;
  } rows[] = {
      {"nothing new", {Mode::kPoll, &a, &a, &a, &live_a}, Action::kNothing},
      {"a new directory may still be growing",
       {Mode::kPoll, nullptr, &a, nullptr, &none},
       Action::kWait},
      {"a new directory at rest", {Mode::kPoll, &a, &a, nullptr, &none}, Action::kLoad},
      {"a change may go on", {Mode::kPoll, &a, &b, &a, &live_a}, Action::kWait},
      {"a change at rest", {Mode::kPoll, &b, &b, &a, &live_a}, Action::kLoad},
      {"a failed load is not tried again", {Mode::kPoll, &a, &a, &a, &none}, Action::kNothing},
      {"a directory went", {Mode::kPoll, &a, nullptr, &a, &live_a}, Action::kUnload},
      {"busy", {Mode::kPoll, &b, &b, &a, &live_a, true}, Action::kNothing},
      {"mode none follows nothing", {Mode::kNone, &b, &b, &a, &live_a}, Action::kNothing},
      {"explicit lists what came",
       {Mode::kExplicit, nullptr, &a, nullptr, &none},
       Action::kCatalogue},
      {"explicit keeps what was removed",
       {Mode::kExplicit, &a, nullptr, &a, &live_a},
       Action::kCatalogue},
      {"demand catalogues at rest", {Mode::kDemand, &a, &a, nullptr, &none}, Action::kCatalogue},
      {"a new directory without a model's file",
       {.mode = Mode::kPoll, .previous = &a, .current = &a, .live = &none, .whole = false},
       Action::kWait},
      {"a new version without a model's file",
       {.mode = Mode::kPoll,
        .previous = &more,
        .current = &more,
        .applied = &a,
        .live = &live_a,
        .whole = false},
       Action::kWait},
      {"demand and a directory without a model's file",
       {.mode = Mode::kDemand, .previous = &a, .current = &a, .live = &none, .whole = false},
       Action::kWait},
      {"explicit lists what is not whole",
       {.mode = Mode::kExplicit, .previous = &a, .current = &a, .live = &none, .whole = false},
       Action::kCatalogue},
      {"demand waits for rest", {Mode::kDemand, nullptr, &a, nullptr, &none}, Action::kWait},
      {"demand reloads what is loaded", {Mode::kDemand, &b, &b, &a, &live_a}, Action::kLoad},
      {"demand catalogues a new version",
       {Mode::kDemand, &more, &more, &a, &live_a},
       Action::kCatalogue},
      {"demand and changed but not loaded", {Mode::kDemand, &b, &b, &a, &none}, Action::kCatalogue},
      {"demand keeps an override",
       {Mode::kDemand, &b, &b, &a, &live_a, false, true},
       Action::kNothing},
      {"demand and unloaded by call",
       {Mode::kDemand, &b, &b, &a, &none, false, false, true},
       Action::kCatalogue},
      {"demand and the directory went", {Mode::kDemand, &a, nullptr, &a, &live_a}, Action::kUnload},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(static_cast<int>(DecidePoll(row.model)), static_cast<int>(row.action));
  }
}

TEST(RetryDelay, GrowsToAMinute) {
  EXPECT_EQ(RetryDelay(1), std::chrono::seconds(1));
  EXPECT_EQ(RetryDelay(2), std::chrono::seconds(2));
  EXPECT_EQ(RetryDelay(5), std::chrono::seconds(16));
  EXPECT_EQ(RetryDelay(7), std::chrono::seconds(60));
  EXPECT_EQ(RetryDelay(1000), std::chrono::seconds(60));
}

}  // namespace
}  // namespace hadron::model
