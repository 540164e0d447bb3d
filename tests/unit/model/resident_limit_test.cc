// On whose account models on the device are, and who leaves for a limit: tables.
#include "model/resident_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace hadron::model {
namespace {

using std::chrono::seconds;

constexpr std::array<char, 16> kPlaces{};  // addresses stand for tenants and parts of the memory
constexpr Payer kAtlas = &kPlaces[0];
constexpr Payer kCms = &kPlaces[1];

base::TimePoint At(double second) {
  return base::TimePoint(base::Duration(static_cast<std::int64_t>((1000 + second) * 1e9)));
}

TEST(UsageShares, AreOfWhomItWasBroughtForUntilItIsUsed) {
  UsageShares shares;
  EXPECT_TRUE(shares.empty());
  shares.Begin(kAtlas, At(0));
  EXPECT_EQ(shares.PartOf(kAtlas), 1);
  EXPECT_EQ(shares.PartOf(kCms), 0);
  shares.Note(kCms, 0.001, At(0));
  EXPECT_EQ(shares.PartOf(kCms), 1);
  EXPECT_EQ(shares.PartOf(kAtlas), 0);
  shares.Begin(nullptr, At(1));
  EXPECT_TRUE(shares.empty()) << "a load is nobody's";
}

TEST(UsageShares, GoByTheTimeOfTheDevice) {
  UsageShares shares;
  shares.Begin(kAtlas, At(0));
  shares.Note(kAtlas, 3, At(0));
  shares.Note(kCms, 1, At(0));
  EXPECT_NEAR(shares.PartOf(kAtlas), 0.75, 1e-9);
  EXPECT_NEAR(shares.PartOf(kCms), 0.25, 1e-9);
  EXPECT_EQ(shares.Parts().size(), 2U);
}

TEST(UsageShares, ForgetWhoWasThereBefore) {
  UsageShares shares;
  shares.Begin(kAtlas, At(0));
  shares.Note(kAtlas, 8, At(0));
  shares.Note(kCms, 1, At(30));  // three half-lives
  EXPECT_NEAR(shares.PartOf(kAtlas), 0.5, 1e-9);
  shares.Note(kCms, 1, At(1e6));
  EXPECT_EQ(shares.PartOf(kAtlas), 0);
  EXPECT_EQ(shares.Parts().size(), 1U) << "the list stays short";
}

TEST(UsageShares, StayAsTheyAreWhileNobodyComes) {
  UsageShares shares;
  shares.Begin(kAtlas, At(0));
  shares.Note(kAtlas, 3, At(0));
  shares.Note(kCms, 1, At(0));
  EXPECT_TRUE(shares.OthersUseIt(kAtlas, At(9)));
  EXPECT_FALSE(shares.OthersUseIt(kAtlas, At(10)));
  EXPECT_NEAR(shares.PartOf(kAtlas), 0.75, 1e-9);
}

/// A model with 100 bytes of its own, or `range`, that several may hold.
struct Held {
  double part = 1;
  bool may_leave = true;
  double frequency = 0;
  int range = -1;
  std::int64_t waiting = 0;
};

std::vector<AccountedModel> Models(const std::vector<Held>& held) {
  std::vector<AccountedModel> models;
  for (std::size_t i = 0; i < held.size(); ++i) {
    AccountedModel& model = models.emplace_back();
    const std::size_t place = held[i].range >= 0 ? static_cast<std::size_t>(held[i].range) : 8 + i;
    model.model.parts = {{&kPlaces[place], 100}};
    model.model.waiting = held[i].waiting;
    model.model.frequency = held[i].frequency;
    model.model.restore_seconds = 1;
    model.model.last_used = i;
    model.part = held[i].part;
    model.may_leave = held[i].may_leave;
  }
  return models;
}

TEST(BytesOnAccount, DividesWhatSeveralModelsHoldAndWhatSeveralTenantsUse) {
  const struct {
    std::vector<Held> models;
    double bytes;
  } rows[] = {
      {{}, 0},
      {{{}, {}}, 200},
      {{{.part = 0.25}, {.part = 0}}, 25},
      {{{.range = 0}, {.range = 0}}, 100},
      {{{.part = 1, .range = 0}, {.part = 0, .range = 0}}, 50},
      {{{.part = 0.5, .range = 0}, {.part = 0.5, .range = 0}, {}}, 150},
  };
  for (const auto& row : rows) EXPECT_DOUBLE_EQ(BytesOnAccount(Models(row.models)), row.bytes);
}

TEST(StayWithin, NamesWhoHasToLeave) {
  using These = std::vector<std::size_t>;
  const struct {
    const char* rule;
    std::uint64_t limit;
    std::vector<Held> models;
    std::optional<These> leave;
  } rows[] = {
      {"nothing is there", 0, {}, These{}},
      {"enough room", 200, {{}, {}}, These{}},
      {"one too many: who is wanted least", 100, {{.frequency = 5}, {.frequency = 2}}, These{1}},
      {"who waits stays", 100, {{.frequency = 5}, {.waiting = 1}}, These{0}},
      {"two too many", 100, {{.frequency = 3}, {.frequency = 1}, {.frequency = 2}}, These{1, 2}},
      {"who may not leave stays", 100, {{.may_leave = false}, {.frequency = 9}}, These{1}},
      {"nobody may", 100, {{.may_leave = false}, {.may_leave = false}}, std::nullopt},
      {"not enough may", 100, {{}, {.may_leave = false}, {.may_leave = false}}, std::nullopt},
      {"others' models stay", 50, {{.part = 0.5}, {.part = 0}}, These{}},
      {"the part counts", 100, {{.part = 0.5}, {.may_leave = false}}, These{0}},
      {"who shares all frees nothing until all go",
       50,
       {{.range = 0}, {.frequency = 1, .range = 0}},
       These{0, 1}},
      {"a model of others that shares it halves it",
       50,
       {{.range = 0}, {.part = 0, .range = 0}},
       These{}},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(StayWithin(row.limit, Models(row.models), CostLruPolicy()), row.leave) << row.rule;
  }
}

TEST(StayWithin, LeavesNobodyWherePolicySaysSo) {
  EXPECT_EQ(StayWithin(100, Models({{}, {}}), NoEvictionPolicy()), std::nullopt);
  EXPECT_TRUE(StayWithin(200, Models({{}, {}}), NoEvictionPolicy())->empty());
}

}  // namespace
}  // namespace hadron::model
