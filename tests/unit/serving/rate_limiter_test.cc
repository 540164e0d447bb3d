// Resources of instances: how much there is, who gets them, and that nobody waits behind another.
#include "serving/rate_limiter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serving/work_queues.h"
#include "unit/serving/served_model.h"

namespace hadron::serving {
namespace {

using testing::HasSubstr;
using Group = config::InstanceGroup;

Group Needs(std::vector<Group::Resource> resources, std::uint32_t priority = 0,
            std::int64_t count = 1) {
  Group group;
  group.name = "g";
  group.count = count;
  group.resources = std::move(resources);
  group.priority = priority;
  return group;
}

config::ModelConfig Config(std::vector<Group> groups) {
  config::ModelConfig::Fields fields;
  fields.instance_groups = std::move(groups);
  return config::ModelConfig(std::move(fields));
}

RateLimiter Limiter(std::vector<std::string> settings = {}) {
  return RateLimiter(RateLimiter::ParseLimits(settings).value(), 0);
}

const int kModelA = 0;
const int kModelB = 1;

TEST(RateLimiter, ReadsItsSettings) {
  for (const char* wrong : {"", "r", "r:", ":1", "r:x", "r:-1", "r:1:", "r:1:x", "r:1:0:0"}) {
    const std::vector<std::string> settings = {"fine:1", wrong};
    const auto limits = RateLimiter::ParseLimits(settings);
    ASSERT_FALSE(limits.ok()) << wrong;
    EXPECT_THAT(limits.message(), HasSubstr("--rate-limit-resource=" + std::string(wrong) + ":"));
  }
  const std::vector<std::string> settings = {"Lanes:3", "mem:4:1"};
  const auto limits = RateLimiter::ParseLimits(settings);
  ASSERT_TRUE(limits.ok());
  EXPECT_EQ((*limits)[0].name, "lanes");
  EXPECT_EQ((*limits)[0].count, 3U);
  EXPECT_FALSE((*limits)[0].device);
  EXPECT_EQ((*limits)[1].device, 1);
}

TEST(RateLimiter, GivesAsMuchAsTheLargestNeedUnlessItIsTold) {
  const struct {
    std::vector<std::string> limits;
    std::uint32_t a, b;
    bool together;
  } rows[] = {{{}, 1, 1, false},        {{}, 0, 1, true},
              {{}, 1, 3, false},        {{"R:2"}, 1, 1, true},
              {{"r:3"}, 2, 2, false},   {{"r:4"}, 2, 2, true},
              {{"r:9:1"}, 1, 1, false}, {{"r:1", "r:2:0"}, 1, 1, true}};
  for (const auto& row : rows) {
    SCOPED_TRACE(testing::PrintToString(row.limits) + " " + std::to_string(row.a));
    RateLimiter limiter = Limiter(row.limits);
    limiter.Add(&kModelA, Config({Needs({{"R", false, row.a}})}));
    limiter.Add(&kModelB, Config({Needs({{"r", false, row.b}})}));
    ASSERT_TRUE(limiter.CanStart(&kModelA) && limiter.CanStart(&kModelB));
    const std::size_t lease = limiter.Start(&kModelA);
    EXPECT_EQ(limiter.CanStart(&kModelB), row.together);
    EXPECT_FALSE(limiter.CanStart(&kModelA));  // its one instance is busy
    limiter.End(&kModelA, lease);
    EXPECT_TRUE(limiter.CanStart(&kModelA) && limiter.CanStart(&kModelB));
  }
}

TEST(RateLimiter, NeedsAllResourcesAtOnceAndTakesNoneAlone) {
  RateLimiter limiter = Limiter();
  limiter.Add(&kModelA, Config({Needs({{"r", false, 1}})}));
  limiter.Add(&kModelB, Config({Needs({{"s", true, 1}, {"r", false, 1}})}));
  const int other = 2;
  limiter.Add(&other, Config({Needs({{"s", true, 1}})}));
  const std::size_t lease = limiter.Start(&kModelA);
  EXPECT_FALSE(limiter.CanStart(&kModelB));
  EXPECT_TRUE(limiter.CanStart(&other));  // not behind it
  limiter.End(&kModelA, lease);
  EXPECT_TRUE(limiter.CanStart(&kModelB));
}

TEST(RateLimiter, CountsExecutionsByPriority) {
  RateLimiter limiter = Limiter();
  limiter.Add(&kModelA, Config({Needs({}, 0)}));
  limiter.Add(&kModelB, Config({Needs({}, 3)}));
  std::string order;
  for (int i = 0; i < 8; ++i) {
    const bool a = limiter.Score(&kModelA) <= limiter.Score(&kModelB);
    const void* const next = a ? &kModelA : &kModelB;
    limiter.End(next, limiter.Start(next));
    order += a ? 'a' : 'b';
  }
  EXPECT_EQ(order, "abaaabaa");  // three to one
}

TEST(RateLimiter, UsesTheGroupThatHasWorkedLeast) {
  RateLimiter limiter = Limiter();
  Group passive = Needs({});
  passive.passive = true;
  limiter.Add(&kModelA, Config({passive, Needs({}, 2), Needs({}, 1, 2)}));
  std::vector<std::size_t> leases;
  while (limiter.CanStart(&kModelA)) leases.push_back(limiter.Start(&kModelA));
  EXPECT_EQ(leases.size(), 3U);  // instances that are not passive
  for (const std::size_t lease : leases) limiter.End(&kModelA, lease);
  EXPECT_EQ(limiter.Start(&kModelA), 1U);  // 1 x 1 before 1 x 2
}

TEST(RateLimiter, RefusesModelsThatCouldNeverRun) {
  RateLimiter limiter = Limiter({"r:2"});
  limiter.Add(&kModelA, Config({Needs({{"shared", true, 1}})}));
  const struct {
    std::vector<Group::Resource> resources;
    const char* message;
  } rows[] = {{{{"R", false, 2}}, ""},
              {{{"R", false, 3}}, "needs 3 of resource 'R', --rate-limit-resource gives 2"},
              {{{"SHARED", true, 7}}, ""},
              {{{"shared", false, 1}}, "'shared' is per device here and global elsewhere"},
              {{{"n", false, 1}, {"N", true, 1}}, "'N' is global here and per device elsewhere"}};
  for (const auto& row : rows) {
    const base::Status status = limiter.Check(Config({Needs(row.resources)}));
    EXPECT_EQ(status.ok(), std::string_view(row.message).empty()) << status.message();
    EXPECT_THAT(std::string(status.message()), HasSubstr(row.message));
  }
  limiter.Remove(&kModelA);  // nobody says that it is global any more
  EXPECT_TRUE(limiter.Check(Config({Needs({{"shared", false, 1}})})).ok());
}

TEST(RateLimiter, ForgetsTheNeedsOfAVersionThatHasGone) {
  RateLimiter limiter = Limiter();
  limiter.Add(&kModelA, Config({Needs({{"r", false, 1}}, 0, 2)}));
  limiter.Add(&kModelB, Config({Needs({{"r", false, 2}})}));
  const std::size_t first = limiter.Start(&kModelA);
  EXPECT_TRUE(limiter.CanStart(&kModelA));  // there are two
  limiter.Remove(&kModelB);
  EXPECT_FALSE(limiter.CanStart(&kModelA));
  limiter.End(&kModelA, first);
  EXPECT_TRUE(limiter.CanStart(&kModelA));
}

TEST(RateLimiter, LetsAModelThatHasToWaitKeepNobodyWaiting) {
  const ServedModel limited(
      " instance_group { kind: KIND_CPU count: 1 rate_limiter { "
      "resources { name: 'r' count: 1 } } }");
  const ServedModel free(" instance_group { kind: KIND_CPU count: 4 }");
  ServedModel residence("");
  RateLimiter limiter = Limiter();
  WorkQueues queues(residence.residency, &limiter);
  const auto version = [&](const ServedModel& model, const char* name) {
    model::ModelVersion::Parts parts;
    parts.name = name;
    parts.config = model.version->config_ptr();
    parts.compiled = model.version->compiled_ptr();
    parts.metrics = residence.metrics.AddModel(name, 1);
    auto admitted =
        residence.residency.Admit({name, parts.compiled->weights(), parts.metrics, parts.history});
    HADRON_CHECK(admitted.ok());
    parts.residence = std::move(admitted).value();
    return std::make_shared<const model::ModelVersion>(std::move(parts));
  };
  const model::ModelHandle first = version(limited, "limited");
  const model::ModelHandle second = version(free, "free");
  queues.Add(first);
  queues.Add(second);
  const auto add = [&](const model::ModelHandle& model) {
    Pending pending;
    pending.request = residence.Request(8);
    pending.request.model = model;
    pending.enqueued = residence.clock.Now();
    ASSERT_TRUE(queues.Enqueue(pending, residence.clock.Now(), {}).ok());
  };
  WorkQueues::Search search;
  search.now = residence.clock.Now();
  for (int i = 0; i < 2; ++i) add(first);
  auto running = queues.Next({}, search);
  ASSERT_TRUE(running);
  EXPECT_FALSE(queues.Next({}, search));
  EXPECT_FALSE(queues.MayStart(*first));
  add(second);
  auto other = queues.Next({}, search);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->pin->name(), "free");
  EXPECT_FALSE(queues.Next({}, search));
  queues.Settle(*running, 0.001, search.now);
  auto waited = queues.Next({}, search);
  ASSERT_TRUE(waited);
  EXPECT_EQ(waited->pin->name(), "limited");
  queues.Settle(*waited, 0.001, search.now);
  queues.Settle(*other, 0.001, search.now);
}

}  // namespace
}  // namespace hadron::serving
