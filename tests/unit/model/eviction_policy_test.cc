// Who leaves the device: a table for each rule.
#include "model/eviction_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

namespace hadron::model {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::array<char, 8> kRanges{};  // addresses stand for parts of the memory

/// A model that alone has `bytes` of its own.
struct Model {
  std::uint64_t bytes;
  std::int64_t waiting = 0;
  double frequency = 0;
  double cost = 1;
  std::uint64_t last_used = 0;
};

/// Models with a range each.
class Snapshot {
 public:
  explicit Snapshot(const std::vector<Model>& models) {
    for (const Model& model : models) {
      const void* range = &kRanges[candidates_.size()];
      candidates_.push_back(
          {{{range, model.bytes}}, model.waiting, model.frequency, model.cost, model.last_used});
      holders_[range] = 1;
    }
  }
  /// Another part of the memory that the candidate holds, and others besides.
  void Share(std::size_t candidate, std::size_t range, std::uint64_t bytes, int holders) {
    candidates_[candidate].parts.push_back({&kRanges[range], bytes});
    holders_[&kRanges[range]] = holders;
  }
  EvictionSnapshot get() const { return {candidates_, holders_}; }

 private:
  std::vector<EvictionCandidate> candidates_;
  std::map<const void*, int> holders_;
};

std::vector<std::size_t> CostLru(const Snapshot& snapshot, std::uint64_t needed) {
  return CostLruPolicy().Choose(snapshot.get(), needed);
}

TEST(CostLruPolicy, SparesWhomRequestsWaitFor) {
  const Snapshot snapshot({{100, 3, 1}, {100, 0, 500}, {100, 1, 1}});
  EXPECT_THAT(CostLru(snapshot, 100), ElementsAre(1));
  EXPECT_THAT(CostLru(snapshot, 200), ElementsAre(1, 2));
}

TEST(CostLruPolicy, TakesTheLeastAskedForNext) {
  EXPECT_THAT(CostLru(Snapshot({{100, 0, 9}, {100, 0, 2}, {100, 0, 5}}), 1), ElementsAre(1));
}

TEST(CostLruPolicy, WeighsWhatComingBackCostsAByte) {
  EXPECT_THAT(CostLru(Snapshot({{100, 0, 5, 0.9}, {100, 0, 5, 0.1}}), 1), ElementsAre(1));
  // The same cost for four times the bytes: the large one goes, and one is enough.
  EXPECT_THAT(CostLru(Snapshot({{100, 0, 5, 1}, {400, 0, 5, 1}}), 50), ElementsAre(1));
}

TEST(CostLruPolicy, TakesTheLeastRecentAmongEquals) {
  EXPECT_THAT(CostLru(Snapshot({{100, 0, 1, 1, 8}, {100, 0, 1, 1, 3}}), 1), ElementsAre(1));
}

TEST(EvictionPolicy, ChoosesAllVictimsOrNone) {
  const Snapshot snapshot({{100, 0, 1}, {50, 0, 2}});
  EXPECT_THAT(CostLru(snapshot, 151), IsEmpty());
  EXPECT_THAT(CostLru(snapshot, 150), UnorderedElementsAre(0, 1));
  EXPECT_THAT(LruPolicy().Choose(snapshot.get(), 151), IsEmpty());
  EXPECT_THAT(CostLru(Snapshot({}), 1), IsEmpty());
}

TEST(EvictionPolicy, SparesWhomTheOthersMakeUnnecessary) {
  // Small ones go first by their score, and the large one alone would do.
  const Snapshot snapshot({{10, 0, 1}, {10, 0, 2}, {500, 0, 300}});
  EXPECT_THAT(CostLru(snapshot, 400), ElementsAre(2));
}

TEST(EvictionPolicy, KnowsThatSharedBytesStayUntilTheLastHolderGoes) {
  Snapshot family({{10, 0, 1}, {10, 0, 2}, {60, 0, 3}});
  family.Share(0, 5, 1000, 2);
  family.Share(1, 5, 1000, 2);
  // Alone each of the family frees 10; both together free the thousand.
  EXPECT_THAT(CostLru(family, 1000), UnorderedElementsAre(0, 1));
  Snapshot held({{10, 0, 1}, {60, 0, 3}});
  held.Share(0, 5, 1000, 2);  // the other holder may not leave
  EXPECT_THAT(CostLru(held, 100), IsEmpty());
  EXPECT_THAT(CostLru(held, 60), ElementsAre(1));
}

TEST(LruPolicy, LooksAtNothingButTheLastUse) {
  const Snapshot snapshot({{100, 9, 900, 9, 4}, {100, 0, 1, 1, 7}});
  EXPECT_THAT(LruPolicy().Choose(snapshot.get(), 1), ElementsAre(0));
}

TEST(ChooseIdle, SendsAwayWhoHasNotBeenUsedForItsOwnLimit) {
  using std::chrono::seconds;
  const base::TimePoint start{std::chrono::hours(1)};
  const auto at = [&](int s) { return start + seconds(s); };
  struct Case {
    std::vector<IdleCandidate> candidates;
    int now;
    std::vector<std::size_t> leave;
    std::optional<int> look_at;
  };
  const Case cases[] = {
      {{}, 100, {}, {}},
      {{{at(0), seconds(0), false}}, 100, {}, {}},   // never
      {{{at(0), seconds(10), false}}, 9, {}, 10},    // not yet
      {{{at(0), seconds(10), false}}, 10, {0}, {}},  // just now
      {{{at(0), seconds(10), true}}, 50, {}, 60},    // busy until now
      {{{at(0), seconds(10), false}, {at(5), seconds(7), false}, {at(1), seconds(60), false}},
       12,
       {0, 1},
       61},
      {{{at(3), seconds(10), false}, {at(2), seconds(20), true}}, 4, {}, 13},
  };
  for (const Case& c : cases) {
    const IdleChoice choice = ChooseIdle(c.candidates, at(c.now));
    EXPECT_EQ(choice.leave, c.leave) << "at " << c.now;
    EXPECT_EQ(choice.look_at, c.look_at ? std::optional(at(*c.look_at)) : std::nullopt);
  }
}

TEST(EvictionPolicy, HasTheNamesOfTheOption) {
  EXPECT_NE(FindEvictionPolicy("cost-lru"), nullptr);
  EXPECT_NE(FindEvictionPolicy("lru"), nullptr);
  const EvictionPolicy* const none = FindEvictionPolicy("none");
  ASSERT_NE(none, nullptr);
  EXPECT_THAT(none->Choose(Snapshot({{100, 0, 1}}).get(), 1), IsEmpty());
  EXPECT_EQ(FindEvictionPolicy("fifo"), nullptr);
}

}  // namespace
}  // namespace hadron::model
