// Who leaves host memory for a batch, and whom it waits for.
#include "model/activation_room.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace hadron::model {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

/// Models with the bytes they hold, which leave when told, and return them when the test says.
struct BatchHost {
  explicit BatchHost(std::uint64_t unused, std::map<std::string, std::uint64_t> held = {})
      : free(unused), models(std::move(held)) {}

  std::uint64_t free;
  std::map<std::string, std::uint64_t> models;
  std::map<std::string, std::uint64_t> leaving;
  std::set<std::string> busy;  ///< of the models
  base::TimePoint now;
  std::vector<std::string> log;
  ActivationRoom room{Hooks()};

  ActivationRoom::Hooks Hooks() {
    ActivationRoom::Hooks hooks;
    hooks.free = [this] { return free; };
    hooks.evict = [this](std::uint64_t bytes, const ActivationRoom::Models& but) {
      for (const auto& [name, held] : models) {
        if (but.contains(name) || busy.contains(name) || held < bytes) continue;
        log.push_back("evict " + name);
        leaving.insert(models.extract(name));
        return true;
      }
      return false;
    };
    hooks.leaving = [this](const ActivationRoom::Models& but) {
      for (const auto& [name, held] : leaving) {
        if (!but.contains(name)) return true;
      }
      return false;
    };
    hooks.busy = [this](const ActivationRoom::Models& but) {
      return std::ranges::any_of(busy, [&](const auto& name) { return !but.contains(name); });
    };
    return hooks;
  }
  void Want(const std::string& model, std::uint64_t bytes) {
    room.Enter({model, bytes, now + seconds(30),
                [this, model, bytes](const base::Status& status) {
                  log.push_back(model + " " + status.ToString());
                  if (status.ok() && bytes <= free) free -= bytes;
                }},
               now);
  }
  void ComeBack(const std::string& model) {
    free += leaving.extract(model).mapped();
    room.Look(now);
  }
  std::vector<std::string> TakeLog() { return std::exchange(log, {}); }
};

TEST(ActivationRoom, GrantsWhatIsFreeAtOnce) {
  BatchHost host(100);
  host.Want("a", 100);
  EXPECT_THAT(host.TakeLog(), ElementsAre("a OK"));
}

TEST(ActivationRoom, ModelsLeaveForIt) {
  BatchHost host(10, {{"b", 50}});
  host.Want("a", 40);
  EXPECT_THAT(host.TakeLog(), ElementsAre("evict b"));
  host.room.Look(host.now);
  EXPECT_THAT(host.TakeLog(), ElementsAre()) << "one is on its way";
  host.ComeBack("b");
  EXPECT_THAT(host.TakeLog(), ElementsAre("a OK"));
}

TEST(ActivationRoom, NobodyIsWaitedForWhoWaitsHimself) {
  BatchHost host(10, {{"a", 50}, {"b", 50}});
  host.leaving = {{"c", 5}};
  host.Want("a", 40);
  host.Want("b", 45);
  EXPECT_EQ(host.room.wanted_bytes(), 45U);
  EXPECT_THAT(host.TakeLog(), ElementsAre()) << "c is about to leave";
  host.Want("c", 8);
  EXPECT_THAT(host.TakeLog(),
              ElementsAre(HasSubstr("a RESOURCE_EXHAUSTED: the tensors between the layers take 40 "
                                    "B of host memory for a request of this shape, 10 B are free"),
                          "evict a"));
  host.ComeBack("a");
  EXPECT_THAT(host.TakeLog(), ElementsAre("b OK", "c OK"));
}

TEST(ActivationRoom, WhatOneIsGivenServesTheOthers) {
  BatchHost host(10, {{"d", 30}});
  host.Want("a", 40);
  host.Want("b", 35);
  host.Want("c", 45);
  EXPECT_THAT(host.TakeLog(), ElementsAre("evict d"));
  host.ComeBack("d");
  EXPECT_THAT(host.TakeLog(), ElementsAre("a OK", "b OK", HasSubstr("c RESOURCE_EXHAUSTED")));
}

TEST(ActivationRoom, WhoIsServedMeanwhileLeavesAfterwards) {
  BatchHost host(10, {{"b", 50}});
  host.busy = {"b"};
  host.Want("a", 40);
  EXPECT_THAT(host.TakeLog(), ElementsAre());
  host.busy.clear();
  host.room.Look(host.now);
  EXPECT_THAT(host.TakeLog(), ElementsAre("evict b"));
  host.ComeBack("b");
  EXPECT_THAT(host.TakeLog(), ElementsAre("a OK"));
  EXPECT_TRUE(host.room.empty());
}

TEST(ActivationRoom, WaitsNoLongerThanAsked) {
  BatchHost host(10);
  host.leaving = {{"b", 50}};
  host.Want("a", 40);
  host.now += seconds(29);
  host.room.Look(host.now);
  EXPECT_THAT(host.TakeLog(), ElementsAre());
  host.now += seconds(1);
  host.room.Look(host.now);
  EXPECT_THAT(host.TakeLog(), ElementsAre(HasSubstr("a RESOURCE_EXHAUSTED")));
}

TEST(ActivationRoom, TheEndOfTheServerIsAnAnswer) {
  BatchHost host(10);
  host.leaving = {{"b", 50}};
  host.Want("a", 40);
  host.room.Refuse(base::Unavailable("Server exiting"));
  EXPECT_THAT(host.TakeLog(), ElementsAre("a UNAVAILABLE: Server exiting"));
}

}  // namespace
}  // namespace hadron::model
