// Who may load when host memory is short.
#include "model/host_room.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hadron::model {
namespace {

using testing::ElementsAre;

/// Memory of which so much is free, and models that would leave for a load, last in first out.
struct Memory {
  explicit Memory(std::uint64_t unused, std::vector<std::uint64_t> held = {})
      : free(unused), models(std::move(held)) {}

  std::uint64_t free;
  std::vector<std::uint64_t> models;
  std::uint64_t leaving = 0;  ///< bytes on their way back
  std::uint64_t lanes = 0;    ///< bytes that lanes hold
  std::vector<std::string> log;
  HostRoom room{Hooks()};

  HostRoom::Hooks Hooks() {
    HostRoom::Hooks hooks;
    hooks.free = [this] { return free; };
    hooks.leaving = [this] { return leaving > 0; };
    hooks.evict = [this](std::uint64_t bytes) {
      std::uint64_t all = 0;
      for (const std::uint64_t model : models) all += model;
      if (all < bytes) return false;
      for (std::uint64_t freed = 0; freed < bytes; models.pop_back()) {
        freed += models.back();
        leaving += models.back();
        log.push_back("evict " + std::to_string(models.back()));
      }
      return true;
    };
    hooks.call_back = [this] {
      if (lanes == 0) return false;
      log.emplace_back("call back");
      return true;
    };
    return hooks;
  }
  std::shared_ptr<bool> Enter(const std::string& name, std::uint64_t bytes, bool fetches = false) {
    auto cancelled = std::make_shared<bool>(false);
    HostRoom::Load load;
    load.bytes = bytes;
    load.fetches = fetches;
    load.cancelled = [cancelled] { return *cancelled; };
    load.go = [this, name](bool last) { log.push_back(name + (last ? " last" : "")); };
    room.Enter(std::move(load));
    return cancelled;
  }
  /// A load ends and leaves so much behind.
  void End(std::uint64_t bytes, std::uint64_t leaves) {
    free -= leaves;
    room.Leave(bytes);
  }
  void ComeBack() {
    free += std::exchange(leaving, 0);
    room.Look();
  }
  std::vector<std::string> TakeLog() { return std::exchange(log, {}); }
};

TEST(HostRoom, LetsInWhatFitsSideBySide) {
  Memory memory(100);
  memory.Enter("a", 60);
  memory.Enter("b", 40);
  memory.Enter("c", 1);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("a", "b"));
  memory.End(60, 30);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("c"));
}

TEST(HostRoom, NobodyIsEvictedWhileOthersLoad) {
  Memory memory(100, {50, 50});
  memory.Enter("a", 100);
  memory.Enter("b", 70);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("a"));
  memory.End(100, 50);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("evict 50"));
  memory.room.Look();
  EXPECT_THAT(memory.TakeLog(), ElementsAre());  // one is on its way: no second
  memory.ComeBack();
  EXPECT_THAT(memory.TakeLog(), ElementsAre("b"));
}

TEST(HostRoom, KeepsTheOrder) {
  Memory memory(100);
  memory.Enter("a", 60);
  memory.Enter("large", 90);
  memory.Enter("small", 10);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("a"));
  memory.End(60, 0);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("large", "small"));
}

TEST(HostRoom, WhatCannotFitIsLetInAndEvictsNobody) {
  Memory memory(10, {50, 50});
  memory.Enter("huge", 111);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("huge last"));
  memory.Enter("next", 5);
  EXPECT_THAT(memory.TakeLog(), ElementsAre());  // the ledger is about to say no to the other
  memory.End(111, 0);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("next"));
}

TEST(HostRoom, LanesGiveBackWhatTheyHoldWhereNobodyElseCan) {
  Memory memory(10, {20});
  memory.lanes = 60;
  memory.Enter("fits when one leaves", 30);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("evict 20"));
  memory.ComeBack();
  EXPECT_THAT(memory.TakeLog(), ElementsAre("fits when one leaves"));
  memory.End(30, 20);
  memory.Enter("large", 70);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("call back"));
  memory.free += std::exchange(memory.lanes, 0);
  memory.room.Look();
  EXPECT_THAT(memory.TakeLog(), ElementsAre("large"));
}

TEST(HostRoom, LanesAreAskedOnceByALoad) {
  Memory memory(10);
  memory.lanes = 60;
  memory.Enter("huge", 100);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("call back"));
  memory.room.Look();  // they have taken it again
  EXPECT_THAT(memory.TakeLog(), ElementsAre("huge last"));
}

TEST(HostRoom, AnOriginThatDoesNotAnswerHoldsUpNobodyWhoseFilesAreHere) {
  Memory memory(100, {60});
  memory.Enter("stalled", 80, true);
  memory.Enter("fetched", 70, true);
  memory.Enter("fits", 90);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("stalled", "fits"));
  memory.End(90, 90);
  memory.Enter("evicts", 50);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("evict 60"));
  memory.ComeBack();
  EXPECT_THAT(memory.TakeLog(), ElementsAre("evicts"));
  memory.End(50, 50);
  memory.room.Leave(80, true);  // the origin is given up
  EXPECT_THAT(memory.TakeLog(), ElementsAre("fetched last"));
}

TEST(HostRoom, WhatOnlyAFetchedLoadKeepsOutWaitsForItsEnd) {
  Memory memory(100);
  memory.Enter("fetched", 80, true);
  memory.free -= 80;
  memory.Enter("here", 50);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("fetched")) << "which may leave for it then";
  memory.models = {80};
  memory.room.Leave(80, true);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("evict 80"));
  memory.ComeBack();
  EXPECT_THAT(memory.TakeLog(), ElementsAre("here"));
}

TEST(HostRoom, WhatIsCancelledDoesNotWait) {
  Memory memory(10);
  memory.Enter("a", 10);
  const auto first = memory.Enter("b", 10);
  memory.Enter("c", 10);
  const auto third = memory.Enter("d", 10);
  *third = true;
  memory.room.Look();
  EXPECT_THAT(memory.TakeLog(), ElementsAre("a", "d"));
  *first = true;
  memory.room.Look();
  memory.room.Leave(10);
  memory.room.Leave(10);
  memory.room.Leave(10);
  EXPECT_THAT(memory.TakeLog(), ElementsAre("b", "c"));
}

}  // namespace
}  // namespace hadron::model
