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

  base::Status Add(std::int64_t rows, std::uint64_t priority = 0, std::uint64_t timeout_us = 0) {
    Pending pending;
    pending.request = model.Request(rows);
    pending.request.priority = priority;
    pending.request.timeout_us = timeout_us;
    pending.request.id = std::to_string(next_id_++);
    pending.enqueued = model.clock.Now();
    return batcher.Enqueue(pending);
  }
  Decision Next() { return batcher.Next(model.clock.Now()); }
  /// Ids of the next batch, "" when there is none.
  std::string NextIds() {
    std::string ids;
    for (const Pending& pending : Next().requests) ids += pending.request.id;
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

TEST(DynamicBatcher, RunsRequestsAloneWithoutDynamicBatching) {
  Batcher b("");
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

TEST(DynamicBatcher, GivesEverythingBack) {
  Batcher b(" dynamic_batching { }");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(b.Add(1).ok());
  EXPECT_EQ(b.batcher.TakeAll().size(), 5U);
  EXPECT_EQ(b.batcher.queued(), 0U);
}

}  // namespace
}  // namespace hadron::serving
