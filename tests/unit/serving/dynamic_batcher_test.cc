#include "serving/dynamic_batcher.h"

#include <gtest/gtest.h>

#include "unit/serving/served_model.h"

namespace hadron::serving {
namespace {

using std::chrono::microseconds;

class Batcher {
 public:
  explicit Batcher(const std::string& config, int max_batch = 8)
      : model(config, "simple", max_batch), batcher(model.version->config_ptr()) {}

  base::Status Add(std::int64_t rows, std::uint64_t priority = 0, std::uint64_t timeout_us = 0,
                   tenancy::Tenant* tenant = nullptr,
                   tenancy::WorkClass work_class = tenancy::WorkClass::kInteractive) {
    Pending pending;
    pending.request = model.Request(rows);
    pending.request.identity.tenant = tenant;
    pending.request.work_class = work_class;
    pending.request.priority = priority;
    pending.request.timeout_us = timeout_us;
    pending.request.id = std::to_string(next_id_++);
    pending.enqueued = model.clock.Now();
    return batcher.Enqueue(pending);
  }
  Decision Next(const Terms& terms) { return batcher.Next(model.clock.Now(), terms); }
  Decision Next() {
    const std::vector<Flow> nobody = {Flow{}};
    Terms terms;
    terms.order = nobody;
    terms.tuning.rows = 8;
    return Next(terms);
  }
  /// Ids of the next batch, "" when there is none.
  std::string NextIds() { return Ids(Next()); }
  std::string NextIds(const std::vector<Flow>& order) {
    Terms terms;
    terms.order = order;
    terms.tuning.rows = 8;
    return Ids(Next(terms));
  }
  static std::string Ids(const Decision& decision) {
    std::string ids;
    for (const Pending& pending : decision.requests) ids += pending.request.id;
    return ids;
  }

  ServedModel model;
  DynamicBatcher batcher;

 private:
  int next_id_ = 0;
};

TEST(DynamicBatcher, JoinsWhatWaitsUpToTheMaximum) {
  Batcher b(" dynamic_batching { }");
  for (const int rows : {3, 3, 3}) ASSERT_TRUE(b.Add(rows).ok());
  EXPECT_EQ(b.NextIds(), "01");
  EXPECT_EQ(b.NextIds(), "2");
  EXPECT_EQ(b.NextIds(), "");
}

TEST(DynamicBatcher, LeavesWhatWouldBePaddingForTheNextBatch) {
  ExecutionTimes times({1, 2, 4, 8});
  for (const std::int64_t rows : {1, 2, 4, 8}) {
    times.Note(rows, 0.001 + 0.001 * static_cast<double>(rows));
  }
  const std::vector<Flow> nobody = {Flow{}};
  Terms terms;
  terms.order = nobody;
  terms.tuning.rows = 8;
  terms.times = &times;
  struct Case {
    const char* config;
    std::vector<int> rows;
    const char* first;
  };
  for (const Case& c : {Case{"", {1, 1, 1, 1, 1}, "0123"},           // not 5 as if 8
                        Case{"", {3, 1, 1}, "01"},                   // whole requests
                        Case{"", {2, 3}, "0"},                       // 3 + 5 against 9
                        Case{"", {2, 5}, "01"},                      // 3 + 9 against 9
                        Case{"", {1, 1, 1, 1, 1, 1, 1}, "0123456"},  // no better
                        Case{" dynamic_batching { }", {1, 1, 1, 1, 1}, "01234"}}) {  // as written
    Batcher b(c.config);
    for (const int rows : c.rows) ASSERT_TRUE(b.Add(rows).ok());
    EXPECT_EQ(Batcher::Ids(b.Next(terms)), c.first);
  }
}

TEST(DynamicBatcher, RunsRequestsAloneWhereBatchingIsOff) {
  Batcher b(" parameters { key: 'hadron.batching' value { string_value: 'off' } }");
  ASSERT_TRUE(b.Add(1).ok());
  ASSERT_TRUE(b.Add(1).ok());
  EXPECT_EQ(b.NextIds(), "0");
  EXPECT_EQ(b.NextIds(), "1");
}

TEST(DynamicBatcher, WaitsForMoreUntilTheDelayIsOver) {
  Batcher b(" dynamic_batching { max_queue_delay_microseconds: 100 }");
  ASSERT_TRUE(b.Add(1).ok());
  const Decision decision = b.Next();
  EXPECT_TRUE(decision.requests.empty());
  ASSERT_TRUE(decision.wake_at.has_value());
  EXPECT_EQ(*decision.wake_at, b.model.clock.Now() + microseconds(100));
  b.model.clock.Advance(microseconds(100));
  EXPECT_EQ(b.NextIds(), "0");
}

TEST(DynamicBatcher, SendsAPreferredSizeAtOnce) {
  Batcher b(
      " dynamic_batching { preferred_batch_size: [ 2, 4 ] max_queue_delay_microseconds: 100 }");
  ASSERT_TRUE(b.Add(1).ok());
  EXPECT_EQ(b.NextIds(), "");
  ASSERT_TRUE(b.Add(1).ok());
  ASSERT_TRUE(b.Add(1).ok());
  EXPECT_EQ(b.NextIds(), "01");
}

TEST(DynamicBatcher, SendsAFullBatchBeforeTheDelayIsOver) {
  Batcher b(" dynamic_batching { max_queue_delay_microseconds: 1000000 }");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(b.Add(3).ok());
  EXPECT_EQ(b.NextIds(), "01");
}

TEST(DynamicBatcher, ServesHigherPrioritiesFirst) {
  Batcher b(" dynamic_batching { priority_levels: 2 default_priority_level: 2 }", 1);
  ASSERT_TRUE(b.Add(1, 2).ok());
  ASSERT_TRUE(b.Add(1, 0).ok());  // the default level
  ASSERT_TRUE(b.Add(1, 1).ok());
  EXPECT_EQ(b.NextIds(), "2");
  EXPECT_EQ(b.NextIds(), "0");
  EXPECT_EQ(b.NextIds(), "1");
}

TEST(DynamicBatcher, RefusesBeyondTheQueueSize) {
  Batcher b(" dynamic_batching { default_queue_policy { max_queue_size: 2 } }");
  ASSERT_TRUE(b.Add(1).ok());
  ASSERT_TRUE(b.Add(1).ok());
  const base::Status status = b.Add(1);
  EXPECT_EQ(status.code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(status.cause(), base::RefusalCause::kQueue);
  EXPECT_NE(status.message().find("Exceeds maximum queue size"), std::string::npos);
}

TEST(DynamicBatcher, RejectsRequestsWhoseTimeIsOver) {
  Batcher b(
      " dynamic_batching { default_queue_policy { default_timeout_microseconds: 50 "
      "allow_timeout_override: true } }");
  ASSERT_TRUE(b.Add(1).ok());
  ASSERT_TRUE(b.Add(1, 0, 10).ok());
  b.model.clock.Advance(microseconds(20));
  const Decision decision = b.Next();
  ASSERT_EQ(decision.expired.size(), 1U);
  EXPECT_EQ(decision.expired[0].first.request.id, "1");
  EXPECT_NE(decision.expired[0].second.message().find("Request timeout expired"),
            std::string::npos);
  ASSERT_EQ(decision.requests.size(), 1U);
  EXPECT_EQ(decision.requests[0].request.id, "0");
}

TEST(DynamicBatcher, PutsDelayedRequestsBehindTheOthers) {
  Batcher b(
      " dynamic_batching { default_queue_policy { timeout_action: DELAY "
      "default_timeout_microseconds: 50 } }",
      1);
  ASSERT_TRUE(b.Add(1).ok());
  b.model.clock.Advance(microseconds(60));
  ASSERT_TRUE(b.Add(1).ok());
  EXPECT_EQ(b.NextIds(), "1");
  EXPECT_EQ(b.NextIds(), "0");
}

TEST(DynamicBatcher, DropsWhatTheClientCancelled) {
  Batcher b(" dynamic_batching { }");
  Pending pending;
  pending.request = b.model.Request(1);
  pending.request.cancelled = std::make_shared<const std::atomic<bool>>(true);
  pending.enqueued = b.model.clock.Now();
  ASSERT_TRUE(b.batcher.Enqueue(pending).ok());
  const Decision decision = b.Next();
  EXPECT_TRUE(decision.requests.empty());
  ASSERT_EQ(decision.expired.size(), 1U);
  EXPECT_EQ(decision.expired[0].second.code(), base::StatusCode::kCancelled);
  EXPECT_EQ(b.batcher.queued(), 0U);
}

TEST(DynamicBatcher, StopsBeforeTheLargestPreferredSizeIsPassed) {
  // 3 + 3 = 6 is past 4, and 4 itself was not met: the first point is the best there is.
  Batcher b(
      " dynamic_batching { preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 100000 }");
  ASSERT_TRUE(b.Add(3).ok());
  EXPECT_EQ(b.NextIds(), "");
  ASSERT_TRUE(b.Add(3).ok());
  EXPECT_EQ(b.NextIds(), "0");
}

TEST(DynamicBatcher, SendsWhatIsCollectedWhenTheDelayIsOver) {
  Batcher b(" dynamic_batching { preferred_batch_size: [ 2 ] max_queue_delay_microseconds: 100 }");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(b.Add(1).ok());
  b.model.clock.Advance(microseconds(100));
  EXPECT_EQ(b.NextIds(), "012");
}

TEST(DynamicBatcher, WakesForTheTimeoutOfAMemberOfAnUnsentBatch) {
  Batcher b(
      " dynamic_batching { max_queue_delay_microseconds: 1000 default_queue_policy { "
      "default_timeout_microseconds: 50 } }");
  ASSERT_TRUE(b.Add(1).ok());
  EXPECT_EQ(*b.Next().wake_at, b.model.clock.Now() + microseconds(50));
}

TEST(DynamicBatcher, RebuildsAnUnsentBatchForAHigherPriority) {
  Batcher b(
      " dynamic_batching { preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 1000 "
      "priority_levels: 2 default_priority_level: 2 }");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(b.Add(1, 2).ok());
  EXPECT_EQ(b.NextIds(), "");
  ASSERT_TRUE(b.Add(2, 1).ok());
  EXPECT_EQ(b.NextIds(), "301");
}

TEST(DynamicBatcher, TakesTheTimeoutOfTheClientWhereThereIsNone) {
  Batcher b(" dynamic_batching { default_queue_policy { allow_timeout_override: true } }");
  ASSERT_TRUE(b.Add(1, 0, 10).ok());
  b.model.clock.Advance(microseconds(10));
  EXPECT_EQ(b.Next().expired.size(), 1U);
}

TEST(DynamicBatcher, IgnoresTheTimeoutOfTheClientWhereTheFileDoesNotAllowIt) {
  Batcher b(" dynamic_batching { }");
  ASSERT_TRUE(b.Add(1, 0, 10).ok());
  b.model.clock.Advance(microseconds(10));
  EXPECT_EQ(b.NextIds(), "0");
}

TEST(DynamicBatcher, HasSizesAndPoliciesByLevel) {
  Batcher b(
      " dynamic_batching { priority_levels: 2 default_priority_level: 1 priority_queue_policy { "
      "key: 2 value { max_queue_size: 1 default_timeout_microseconds: 10 } } }");
  ASSERT_TRUE(b.Add(1, 1).ok());
  ASSERT_TRUE(b.Add(1, 2).ok());
  ASSERT_TRUE(b.Add(1, 1).ok());
  EXPECT_FALSE(b.Add(1, 2).ok());
  b.model.clock.Advance(microseconds(20));
  const Decision decision = b.Next();
  EXPECT_EQ(Batcher::Ids(decision), "02");
  ASSERT_EQ(decision.expired.size(), 1U);
  EXPECT_EQ(decision.expired[0].first.request.id, "1");
}

// ---- Nobody has configured anything -------------------------------------------

TEST(DynamicBatcher, BatchesAsTheTermsSayWhereTheFileSaysNothing) {
  Batcher b("");
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(b.Add(1).ok());
  const std::vector<Flow> nobody = {Flow{}};
  Terms terms;
  terms.order = nobody;
  terms.tuning.rows = 4;
  EXPECT_EQ(Batcher::Ids(b.Next(terms)), "0123");
  terms.tuning.delay = microseconds(50);
  EXPECT_EQ(Batcher::Ids(b.Next(terms)), "");
  b.model.clock.Advance(microseconds(50));
  EXPECT_EQ(Batcher::Ids(b.Next(terms)), "45");
}

TEST(DynamicBatcher, LetsTheClientsTimeoutCountWhereTheFileSaysNothing) {
  Batcher b("");
  ASSERT_TRUE(b.Add(1, 0, 10).ok());
  b.model.clock.Advance(microseconds(10));
  EXPECT_EQ(b.Next().expired.size(), 1U);
}

TEST(DynamicBatcher, HoldsBackWhatCouldGrowWhileTheDeviceIsBusy) {
  Batcher b(" dynamic_batching { }");
  const std::vector<Flow> nobody = {Flow{}};
  Terms terms;
  terms.order = nobody;
  terms.only_full = true;
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(b.Add(1).ok());
  EXPECT_EQ(Batcher::Ids(b.Next(terms)), "");
  ASSERT_TRUE(b.Add(1).ok());
  EXPECT_EQ(Batcher::Ids(b.Next(terms)), "01234567");
}

// ---- Several tenants ------------------------------------------------------------

TEST(DynamicBatcher, TakesTheEntitledFirstAndLetsOthersRide) {
  Batcher b(" dynamic_batching { }");
  tenancy::Tenant atlas("atlas", {});
  tenancy::Tenant cms("cms", {});
  const Flow first{&atlas, tenancy::WorkClass::kInteractive};
  const Flow second{&cms, tenancy::WorkClass::kInteractive};
  ASSERT_TRUE(b.Add(1, 0, 0, &cms).ok());
  ASSERT_TRUE(b.Add(1, 0, 0, &atlas).ok());
  ASSERT_TRUE(b.Add(1, 0, 0, &cms).ok());
  ASSERT_TRUE(b.Add(1, 0, 0, &atlas).ok());
  EXPECT_EQ(b.batcher.Flows().size(), 2U);
  EXPECT_EQ(b.NextIds({first, second}), "1302");
}

TEST(DynamicBatcher, LeavesOutWhoIsNotNamed) {
  Batcher b(" dynamic_batching { }");
  const Flow urgent{nullptr, tenancy::WorkClass::kInteractive};
  const Flow farm{nullptr, tenancy::WorkClass::kBatch};
  ASSERT_TRUE(b.Add(1, 0, 0, nullptr, tenancy::WorkClass::kBatch).ok());
  ASSERT_TRUE(b.Add(1).ok());
  EXPECT_EQ(b.NextIds({urgent}), "1");
  EXPECT_EQ(b.NextIds({urgent}), "");
  EXPECT_EQ(b.NextIds({farm}), "0");
}

TEST(DynamicBatcher, CountsTheQueueOfALevelOverAllTenants) {
  Batcher b(" dynamic_batching { default_queue_policy { max_queue_size: 2 } }");
  tenancy::Tenant atlas("atlas", {});
  ASSERT_TRUE(b.Add(1, 0, 0, &atlas, tenancy::WorkClass::kBatch).ok());
  ASSERT_TRUE(b.Add(1).ok());
  EXPECT_FALSE(b.Add(1).ok());
}

TEST(DynamicBatcher, GivesEverythingBack) {
  Batcher b(" dynamic_batching { }");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(b.Add(1).ok());
  EXPECT_EQ(b.batcher.TakeAll().size(), 5U);
  EXPECT_EQ(b.batcher.queued(), 0U);
}

/// Requests of one row with these sizes of the inputs "r", which is ragged, and "w", which is not.
class RaggedQueue {
 public:
  RaggedQueue() : batcher_(Config()) {}

  void Add(std::int64_t r, std::int64_t w) {
    Pending pending;
    pending.request.id = std::to_string(next_id_++);
    pending.request.inputs = {{{"r", tensor::DataType::kFp32, {1, r}}, {}},
                              {{"w", tensor::DataType::kFp32, {1, w}}, {}}};
    ASSERT_TRUE(batcher_.Enqueue(pending).ok());
  }
  std::string Next() {
    const std::vector<Flow> nobody = {Flow{}};
    Terms terms;
    terms.order = nobody;
    return Batcher::Ids(batcher_.Next({}, terms));
  }

 private:
  static std::shared_ptr<const config::ModelConfig> Config() {
    config::ModelConfig::Fields fields;
    fields.max_batch_size = 8;
    for (const char* name : {"r", "w"}) {
      config::IoConfig& input = fields.inputs.emplace_back();
      input.name = name;
      input.dims = {-1};
      input.ragged = input.name == "r";
    }
    fields.dynamic_batching.emplace().preferred_batch_sizes = {8};
    return std::make_shared<const config::ModelConfig>(std::move(fields));
  }

  DynamicBatcher batcher_;
  int next_id_ = 0;
};

TEST(DynamicBatcher, JoinsRaggedInputsOfAnyShape) {
  RaggedQueue queue;
  queue.Add(3, 5);
  queue.Add(0, 5);
  queue.Add(9, 5);
  queue.Add(9, 6);  // the other input still decides
  queue.Add(1, 6);
  EXPECT_EQ(queue.Next(), "012");
  EXPECT_EQ(queue.Next(), "34");
}

}  // namespace
}  // namespace hadron::serving
