// Who goes next, and who is not let in: how the rules go together, two by two.
#include "serving/work_queues.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>

#include "plan/lane.h"
#include "serving/model_choice.h"
#include "unit/serving/served_model.h"

namespace hadron::serving {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using tenancy::Tenant;
using tenancy::WorkClass;

tenancy::TenantSettings WithWeight(double weight) {
  tenancy::TenantSettings settings;
  settings.weight = weight;
  return settings;
}

/// The queues of two versions of one model (`first`, `second`), whose batches a test ends by hand.
class Queues {
 public:
  explicit Queues(const std::string& config = " dynamic_batching { }", int max_batch = 8)
      : model(config, "simple", max_batch), queues(model.residency) {
    first = model.version;
    model::ModelVersion::Parts parts;
    parts.name = "other";
    parts.version = 1;
    parts.config = first->config_ptr();
    parts.compiled = first->compiled_ptr();
    parts.metrics = model.metrics.AddModel("other", 1);
    auto residence =
        model.residency.Admit({"other", parts.compiled->weights(), parts.metrics, parts.history});
    HADRON_CHECK(residence.ok());
    parts.residence = std::move(residence).value();
    second = std::make_shared<const model::ModelVersion>(std::move(parts));
    queues.Add(first);
    queues.Add(second);
  }

  struct What {
    Tenant* tenant = nullptr;
    WorkClass work_class = WorkClass::kInteractive;
    std::int64_t rows = 1;
    bool second = false;
    std::uint64_t timeout_us = 0;
    base::Duration deadline = base::Duration::max();
  };
  base::Status Add(const What& what) {
    Pending pending;
    pending.request = model.Request(what.rows);
    if (what.second) pending.request.model = second;
    pending.request.id = std::to_string(next_id_++);
    pending.request.identity.tenant = what.tenant;
    pending.request.work_class = what.work_class;
    pending.request.timeout_us = what.timeout_us;
    pending.enqueued = Now();
    if (what.deadline != base::Duration::max()) pending.request.deadline = Now() + what.deadline;
    return queues.Enqueue(pending, Now(), free_at);
  }
  std::optional<Batch> Next(const WorkQueues::Wish& wish = {}) {
    WorkQueues::Search search;
    search.now = Now();
    auto batch = queues.Next(wish, search);
    expired = std::move(search.expired);
    return batch;
  }
  /// Ids of the next batch, which then takes so long; "" for none.
  std::string Run(double seconds, const WorkQueues::Wish& wish = {}) {
    auto batch = Next(wish);
    if (!batch) return "";
    std::string ids;
    for (const Pending& pending : batch->requests) ids += pending.request.id;
    queues.NoteTime(*batch->pin.version(), batch->rows, seconds);
    queues.Settle(*batch, seconds, Now());
    return ids;
  }
  base::TimePoint Now() const { return model.clock.Now(); }

  ServedModel model;
  model::ModelHandle first;
  model::ModelHandle second;
  WorkQueues queues;
  base::TimePoint free_at;
  std::vector<std::pair<Pending, base::Status>> expired;

 private:
  int next_id_ = 0;
};

TEST(WorkQueues, ServesInteractiveWorkBeforeTheBatchWorkOfWhoIsFurtherBehind) {
  Queues q;
  Tenant farm("farm", {});
  Tenant person("person", {});
  ASSERT_TRUE(q.Add({.tenant = &person}).ok());
  ASSERT_EQ(q.Run(1.0), "0");  // the person's tag is ahead of the farm's now
  ASSERT_TRUE(q.Add({.tenant = &farm, .work_class = WorkClass::kBatch}).ok());
  ASSERT_TRUE(q.Add({.tenant = &person}).ok());
  EXPECT_EQ(q.Run(1.0), "2");
  EXPECT_EQ(q.Run(1.0), "1");
}

TEST(WorkQueues, GivesATenantThatCallsAllItsWorkInteractiveNoMoreThanItsShare) {
  Queues q(" parameters { key: 'hadron.batching' value { string_value: 'off' } }");
  Tenant farm("farm", {});
  Tenant greedy("greedy", {});
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(q.Add({.tenant = &farm, .work_class = WorkClass::kBatch}).ok());
    ASSERT_TRUE(q.Add({.tenant = &greedy}).ok());
  }
  std::map<std::string, int> served;
  for (int i = 0; i < 40; ++i) {
    auto batch = q.Next();
    ASSERT_TRUE(batch.has_value());
    ++served[batch->flow.tenant->name()];
    q.queues.Settle(*batch, 0.1, q.Now());
  }
  EXPECT_NEAR(served["farm"], 20, 2);
}

TEST(WorkQueues, ChangesTheTenantBetweenTwoBatchesOfAModel) {
  Queues q(" parameters { key: 'hadron.batching' value { string_value: 'off' } }");
  Tenant a("a", {});
  Tenant b("b", {});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(q.Add({.tenant = &a}).ok());
  q.model.clock.Advance(milliseconds(1));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(q.Add({.tenant = &b, .second = true}).ok());
  std::string order;
  for (int i = 0; i < 4; ++i) order += q.Run(1.0);
  // Nobody is behind at first, so either may begin.
  EXPECT_THAT(order, testing::AnyOf("0314", "3041"));
}

TEST(WorkQueues, GoesOnWithAModelUntilItsQueueIsEmpty) {
  Queues q(" parameters { key: 'hadron.batching' value { string_value: 'off' } }");
  ASSERT_TRUE(q.Add({}).ok());
  q.model.clock.Advance(milliseconds(1));
  ASSERT_TRUE(q.Add({.second = true}).ok());
  ASSERT_TRUE(q.Add({}).ok());
  EXPECT_EQ(q.Run(1.0), "0");
  EXPECT_EQ(q.Run(1.0), "2");  // younger, but on this model the device is
  EXPECT_EQ(q.Run(1.0), "1");
}

TEST(WorkQueues, LooksAtOtherModelsAgainAfterSoManyRequests) {
  Queues q(" parameters { key: 'hadron.batching' value { string_value: 'off' } }");
  for (int i = 0; i < 2 * kExhaustive; ++i) ASSERT_TRUE(q.Add({}).ok());
  ASSERT_EQ(q.Run(1.0), "0");
  q.model.clock.Advance(-milliseconds(1));
  ASSERT_TRUE(q.Add({.second = true}).ok());  // as if it had waited longer than all others
  q.model.clock.Advance(milliseconds(1));
  int served = 1;
  while (q.Run(1.0) != std::to_string(2 * kExhaustive)) ++served;
  EXPECT_EQ(served, kExhaustive);
}

TEST(WorkQueues, FillsFreePlacesWithOthersAndChargesEachItsRows) {
  Queues q;
  Tenant a("a", {});
  Tenant b("b", WithWeight(2));
  ASSERT_TRUE(q.Add({.tenant = &a, .rows = 2}).ok());
  ASSERT_TRUE(q.Add({.tenant = &b, .rows = 6}).ok());
  EXPECT_EQ(q.Run(8.0), "01");
  EXPECT_DOUBLE_EQ(q.queues.tag({&a}), 2.0);
  EXPECT_DOUBLE_EQ(q.queues.tag({&b}), 3.0);
}

TEST(WorkQueues, DoesNotMakeInteractiveBatchesLongerWithBatchWork) {
  Queues q;
  Tenant farm("farm", {});
  Tenant person("person", {});
  ASSERT_TRUE(q.Add({.tenant = &farm, .work_class = WorkClass::kBatch}).ok());
  ASSERT_TRUE(q.Add({.tenant = &person}).ok());
  EXPECT_EQ(q.Run(1.0), "1");
  // The other way round there is nothing against it.
  ASSERT_TRUE(q.Add({.tenant = &farm, .work_class = WorkClass::kBatch}).ok());
  EXPECT_EQ(q.Run(1.0), "02");
}

TEST(WorkQueues, TakesOnlyWhatIsUrgentBetweenTwoPartsOfARun) {
  Queues q;
  Tenant farm("farm", {});
  Tenant person("person", {});
  ASSERT_TRUE(q.Add({.tenant = &farm, .work_class = WorkClass::kBatch}).ok());
  const WorkQueues::Wish wish{.batch = false, .urgent_only = true, .below = -1.0};
  EXPECT_EQ(q.Run(1.0, wish), "");
  ASSERT_TRUE(q.Add({.tenant = &person}).ok());
  EXPECT_EQ(q.Run(1.0, wish), "1");
}

// ---- The door --------------------------------------------------------------------------

/// Whose claims come first, of which model ('1' or '2').
std::string OrderOfClaims(Queues& q) {
  auto claims = q.queues.Claims();
  std::ranges::stable_sort(claims, {}, &model::ResidencyManager::Claim::turn);
  std::string order;
  for (const auto& claim : claims) {
    order += static_cast<const Tenant*>(claim.payer)->name();
    order += claim.residence == &q.second->residence() ? '2' : '1';
  }
  return order;
}

TEST(WorkQueues, AsksForModelsInTheOrderOfTheWorkThatWaitsForThem) {
  Tenant a("a", {});
  Tenant b("b", {});
  const struct {
    const char* rule;
    double a_has_had;  ///< seconds, before
    double a_restored;
    std::vector<Queues::What> waiting;
    const char* order;
  } rows[] = {
      {"who has had less", 1, 0, {{.tenant = &a}, {.tenant = &b, .second = true}}, "b2a1"},
      {"restores count", 0, 1, {{.tenant = &a}, {.tenant = &b, .second = true}}, "b2a1"},
      {"class before tags, inside the share",
       1,
       0,
       {{.tenant = &b, .work_class = WorkClass::kBatch, .second = true}, {.tenant = &a}},
       "a1b2"},
      {"tags before class, beyond the share",
       1,
       9,
       {{.tenant = &a}, {.tenant = &b, .work_class = WorkClass::kBatch, .second = true}},
       "b2a1"},
      {"one tenant's interactive work first",
       0,
       0,
       {{.tenant = &a, .work_class = WorkClass::kBatch, .second = true}, {.tenant = &a}},
       "a1a2"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.rule);
    Queues q;
    if (row.a_has_had > 0) {
      ASSERT_TRUE(q.Add({.tenant = &a}).ok());
      ASSERT_EQ(q.Run(row.a_has_had), "0");
    }
    for (const auto& what : row.waiting) ASSERT_TRUE(q.Add(what).ok());
    if (row.a_restored > 0) q.queues.ChargeRestore(&a, row.a_restored);
    EXPECT_EQ(OrderOfClaims(q), row.order);
  }
}

TEST(WorkQueues, AsksForAllModelsOfATenantAlike) {
  Queues q;
  Tenant a("a", {});
  ASSERT_TRUE(q.Add({.tenant = &a}).ok());
  q.model.clock.Advance(milliseconds(5));
  ASSERT_TRUE(q.Add({.tenant = &a, .second = true}).ok());
  const auto claims = q.queues.Claims();
  ASSERT_EQ(claims.size(), 2U);
  EXPECT_EQ(claims[0].turn, claims[1].turn);
  EXPECT_NE(claims[0].oldest, claims[1].oldest);
}

TEST(WorkQueues, SaysWhatATenantMayHaveOnTheDevice) {
  Queues q;
  tenancy::TenantSettings settings;
  settings.max_resident_bytes = 77;
  Tenant a("a", settings);
  ASSERT_TRUE(q.Add({.tenant = &a}).ok());
  ASSERT_EQ(q.queues.Claims().size(), 1U);
  EXPECT_EQ(q.queues.Claims().front().most_bytes, 77U);
}

TEST(WorkQueues, RefusesWhatWouldBeLate) {
  Queues q("");
  ASSERT_TRUE(q.Add({}).ok());
  ASSERT_EQ(q.Run(0.010), "0");
  EXPECT_TRUE(q.Add({.deadline = milliseconds(11)}).ok());
  const base::Status late = q.Add({.deadline = milliseconds(9)});
  EXPECT_EQ(late.code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(late.cause(), base::RefusalCause::kDeadline);
  ASSERT_TRUE(late.retry_after().has_value());
  EXPECT_THAT(late.message(), testing::HasSubstr("deadline is in 9.0 ms"));
}

TEST(WorkQueues, CountsWhatRunsAndWhatWaitsBeforeIt) {
  Queues q(" parameters { key: 'hadron.batching' value { string_value: 'off' } }");
  ASSERT_TRUE(q.Add({}).ok());
  ASSERT_EQ(q.Run(0.010), "0");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(q.Add({}).ok());
  q.free_at = q.Now() + milliseconds(5);
  EXPECT_FALSE(q.Add({.deadline = milliseconds(44)}).ok());  // 5 + 30 + its own 10
  EXPECT_TRUE(q.Add({.deadline = milliseconds(46)}).ok());
}

TEST(WorkQueues, PromisesATenantItsShareWhateverOthersHaveWaiting) {
  Queues q(" parameters { key: 'hadron.batching' value { string_value: 'off' } }");
  Tenant farm("farm", {});
  Tenant person("person", {});
  ASSERT_TRUE(q.Add({.tenant = &person}).ok());
  ASSERT_EQ(q.Run(0.010), "0");
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(q.Add({.tenant = &farm}).ok());
  EXPECT_TRUE(q.Add({.tenant = &person, .deadline = milliseconds(11)}).ok());
  EXPECT_FALSE(q.Add({.tenant = &farm, .deadline = milliseconds(900)}).ok());
}

TEST(WorkQueues, LetsBatchWorkOfOthersNotCountForInteractiveWork) {
  Queues q(" parameters { key: 'hadron.batching' value { string_value: 'off' } }");
  ASSERT_TRUE(q.Add({}).ok());
  ASSERT_EQ(q.Run(0.010), "0");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(q.Add({.work_class = WorkClass::kBatch}).ok());
  EXPECT_TRUE(q.Add({.deadline = milliseconds(15)}).ok());
  EXPECT_FALSE(q.Add({.work_class = WorkClass::kBatch, .deadline = milliseconds(15)}).ok());
}

TEST(WorkQueues, EndsWhatMayWaitNoLongerThoughThereIsNoRoom) {
  Queues q("");
  ASSERT_TRUE(q.Add({.timeout_us = 100}).ok());
  ASSERT_TRUE(q.Add({}).ok());
  WorkQueues::Search search;
  search.now = q.Now();
  q.queues.ExpireDue(search);
  EXPECT_TRUE(search.expired.empty());
  ASSERT_TRUE(search.wake_at.has_value());
  EXPECT_EQ(*search.wake_at, q.Now() + microseconds(100));
  search.now = *search.wake_at;
  q.queues.ExpireDue(search);
  ASSERT_EQ(search.expired.size(), 1U);
  EXPECT_EQ(search.expired[0].second.cause(), base::RefusalCause::kDeadline);
  EXPECT_EQ(q.Run(1.0), "1");
}

/// A device of which every run takes as long as its rows say, and requests that come at random; how
/// many promises were made and kept.
class Promises {
 public:
  Promises(Queues& queues, double load, std::uint64_t seed)
      : q_(queues), gap_(Seconds(1) / load), random_(seed) {}

  static double Seconds(std::int64_t rows) { return 0.002 + 0.001 * static_cast<double>(rows); }

  void Play(int requests) {
    double next = Gap();
    double ends = -1;  // of what runs
    std::optional<Batch> running;
    for (double now = 0; requests > 0 || running;) {
      const bool arrives = requests > 0 && (!running || next <= ends);
      const double then = arrives ? next : ends;
      q_.model.clock.Advance(std::chrono::nanoseconds(std::llround((then - now) * 1e9)));
      now = then;
      if (arrives) {
        Come();
        --requests;
        next = now + Gap();
      } else {
        End(*running);
        running.reset();
      }
      if (!running && (running = q_.Next())) ends = now + Seconds(running->rows);
      q_.free_at = running ? q_.Now() + std::chrono::nanoseconds(std::llround((ends - now) * 1e9))
                           : base::TimePoint();
    }
  }
  int made() const { return made_; }
  int kept() const { return kept_; }
  int offered() const { return offered_; }

 private:
  double Gap() { return std::exponential_distribution<double>(1 / gap_)(random_); }
  void Come() {
    ++offered_;
    const auto patience = std::chrono::duration<double>(5 * Seconds(1) + 0.002);
    if (q_.Add({.second = random_() % 2 == 0,
                .deadline = std::chrono::duration_cast<base::Duration>(patience)})
            .ok()) {
      ++made_;
    }
  }
  void End(const Batch& batch) {
    for (const Pending& pending : batch.requests) {
      if (q_.Now() <= pending.request.deadline) ++kept_;
    }
    q_.queues.NoteTime(*batch.pin.version(), batch.rows, Seconds(batch.rows));
    q_.queues.Settle(batch, Seconds(batch.rows), q_.Now());
  }

  Queues& q_;
  const double gap_;
  std::mt19937_64 random_;
  int offered_ = 0;
  int made_ = 0;
  int kept_ = 0;
};

TEST(WorkQueues, KeepsItsPromises) {
  for (const double load : {0.3, 0.7, 0.95, 3.0}) {
    Queues queues("");
    Promises promises(queues, load, 11);
    promises.Play(100'000);
    const double kept = load < 0.9 ? 0.999 : 0.998;
    EXPECT_GE(promises.kept(), kept * promises.made()) << "load " << load;
    const double least = load < 0.9 ? 0.94 : load < 1 ? 0.8 : 0.3;  // nobody is refused for nothing
    EXPECT_GE(promises.made(), least * promises.offered()) << "load " << load;
  }
}

}  // namespace
}  // namespace hadron::serving
