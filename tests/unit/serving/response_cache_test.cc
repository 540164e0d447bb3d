// Answers that are kept: what makes two requests equal, what goes first, and who counts what.
#include "serving/response_cache.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/bytes.h"
#include "serving/batch_run.h"
#include "serving/dynamic_batcher.h"
#include "unit/serving/served_model.h"

namespace hadron::serving {
namespace {

constexpr const char* kCached = " dynamic_batching { } response_cache { enable: true }";

tensor::HostTensor Output(std::size_t bytes, std::uint8_t value) {
  const std::vector<std::uint8_t> values(bytes, value);
  return {{"y", tensor::DataType::kUint8, {static_cast<std::int64_t>(bytes)}},
          base::IoBuf::Copy(std::as_bytes(std::span(values)))};
}

struct CacheRig {
  explicit CacheRig(std::uint64_t bytes = 1 << 20) : cache(bytes, clock) {}

  ResponseCache::Key Key(std::int32_t first) const {
    return ResponseCache::KeyOf(model.Request(1, first));
  }
  bool Has(std::int32_t first) { return cache.Find(Key(first)).has_value(); }
  Pending Ask(std::int32_t first, std::vector<InferenceResponse>& answers) const {
    Pending pending;
    pending.request = model.Request(1, first);
    pending.done = [&answers](InferenceResponse r) { answers.push_back(std::move(r)); };
    pending.enqueued = clock.Now();
    return pending;
  }

  test::StillClock clock;
  ServedModel model{kCached};
  ResponseCache cache;
};

TEST(ResponseCache, TellsRequestsApartByEverythingThatMayChangeTheAnswer) {
  const CacheRig rig;
  const auto key = [&](const std::function<void(InferenceRequest&)>& change) {
    InferenceRequest request = rig.model.Request(2, 3);
    request.parameters["p"] = std::int64_t{1};
    change(request);
    return ResponseCache::KeyOf(request);
  };
  const ServedModel reloaded(kCached);
  const std::pair<const char*, std::function<void(InferenceRequest&)>> changes[] = {
      {"the load", [&](InferenceRequest& r) { r.model = reloaded.version; }},
      {"bytes", [&](InferenceRequest& r) { r.inputs = rig.model.Request(2, 4).inputs; }},
      {"rows", [&](InferenceRequest& r) { r.inputs = rig.model.Request(1, 3).inputs; }},
      {"shape of equal bytes",
       [](InferenceRequest& r) {
         r.inputs[0].desc.shape = {1, 32};
       }},
      {"type", [](InferenceRequest& r) { r.inputs[0].desc.type = tensor::DataType::kUint32; }},
      {"name", [](InferenceRequest& r) { r.inputs[0].desc.name = "INPUT2"; }},
      {"bytes of the other input",
       [](InferenceRequest& r) { std::swap(r.inputs[0].bytes, r.inputs[1].bytes); }},
      {"an input left out", [](InferenceRequest& r) { r.inputs.pop_back(); }},
      {"outputs", [](InferenceRequest& r) { r.requested_outputs = {"OUTPUT0"}; }},
      {"other outputs", [](InferenceRequest& r) { r.requested_outputs = {"OUTPUT1"}; }},
      {"outputs in order",
       [](InferenceRequest& r) {
         r.requested_outputs = {"OUTPUT1", "OUTPUT0"};
       }},
      {"outputs, all",
       [](InferenceRequest& r) {
         r.requested_outputs = {"OUTPUT0", "OUTPUT1"};
       }},
      {"a parameter", [](InferenceRequest& r) { r.parameters["q"] = std::string("x"); }},
      {"its value", [](InferenceRequest& r) { r.parameters["p"] = std::int64_t{2}; }},
      {"its type", [](InferenceRequest& r) { r.parameters["p"] = std::uint64_t{1}; }},
      {"its name", [](InferenceRequest& r) {
         r.parameters.clear();
         r.parameters["pp"] = std::int64_t{1};
       }}};
  std::vector<std::pair<std::string, ResponseCache::Key>> keys = {
      {"nothing", key([](InferenceRequest&) {})}};
  for (const auto& [what, change] : changes) {
    const ResponseCache::Key changed = key(change);
    for (const auto& [other, known] : keys) EXPECT_NE(changed, known) << what << " and " << other;
    keys.emplace_back(what, changed);
  }
}

TEST(ResponseCache, FindsARequestAgainWhoeverSendsIt) {
  const CacheRig rig;
  InferenceRequest again = rig.model.Request(1, 3);
  again.id = "another";
  again.priority = 2;
  again.timeout_us = 1000;
  // The same bytes in two pieces.
  const base::IoBuf whole = again.inputs[0].bytes;
  again.inputs[0].bytes = whole.Sub(0, 10);
  again.inputs[0].bytes.Append(whole.Sub(10, whole.size() - 10));
  EXPECT_EQ(ResponseCache::KeyOf(again), rig.Key(3));
}

TEST(ResponseCache, DropsTheLeastRecentlyUsedAndStaysInItsBounds) {
  CacheRig rig(3 * 1500);
  for (const std::int32_t i : {0, 1, 2}) {
    rig.cache.Insert(rig.Key(i), {Output(1000, static_cast<std::uint8_t>(i))});
  }
  EXPECT_EQ(rig.cache.counts().entries, 3U);
  EXPECT_TRUE(rig.Has(0));  // now 1 is the oldest
  rig.cache.Insert(rig.Key(3), {Output(1000, 3)});
  EXPECT_FALSE(rig.Has(1));
  EXPECT_TRUE(rig.Has(0) && rig.Has(2) && rig.Has(3));
  EXPECT_LE(rig.cache.counts().bytes, 3U * 1500);
  rig.cache.Insert(rig.Key(4), {Output(3500, 4)});  // takes the room of all
  EXPECT_EQ(rig.cache.counts().entries, 1U);
  rig.cache.Insert(rig.Key(5), {Output(5000, 5)});  // larger than everything: nobody leaves
  EXPECT_FALSE(rig.Has(5));
  EXPECT_TRUE(rig.Has(4));
}

TEST(ResponseCache, CountsAnAnswerOnceThatIsInsertedTwice) {
  CacheRig rig;
  rig.cache.Insert(rig.Key(1), {Output(100, 1)});
  const auto before = rig.cache.counts();
  rig.cache.Insert(rig.Key(1), {Output(100, 1)});
  EXPECT_EQ(rig.cache.counts().bytes, before.bytes);
  EXPECT_EQ(rig.cache.counts().entries, 1U);
}

TEST(ResponseCache, KeepsCopiesNotTheBuffersOfRuns) {
  CacheRig rig;
  auto slab = std::make_shared<std::vector<std::byte>>(64, std::byte{7});
  const std::weak_ptr<std::vector<std::byte>> alive = slab;
  tensor::HostTensor output{{"y", tensor::DataType::kUint8, {64}}, base::IoBuf::Wrap(*slab, slab)};
  slab.reset();
  rig.cache.Insert(rig.Key(1), {output});
  output.bytes = {};
  EXPECT_TRUE(alive.expired());
  const auto found = rig.cache.Find(rig.Key(1));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->outputs.front().bytes.ToString(), std::string(64, '\7'));
}

TEST(ResponseCache, ForgetsOneVersionAndNoOther) {
  CacheRig rig;
  const ServedModel other(kCached);
  const auto others = ResponseCache::KeyOf(other.Request(1, 0));
  rig.cache.Insert(others, {Output(100, 9)});
  for (std::int32_t i = 0; i < 20; ++i) rig.cache.Insert(rig.Key(i), {Output(100, 1)});
  rig.cache.Forget(*rig.model.version);
  EXPECT_EQ(rig.cache.counts().entries, 1U);
  EXPECT_TRUE(rig.cache.Find(others));
  rig.cache.Forget(*other.version);
  EXPECT_EQ(rig.cache.counts().bytes, 0U);
}

TEST(ResponseCache, KeepsSuccessesOnlyAndCountsThem) {
  CacheRig rig;
  std::vector<InferenceResponse> answers;
  Pending failing = rig.Ask(1, answers);
  EXPECT_FALSE(rig.cache.Look(failing));
  InferenceResponse failure;
  failure.status = base::Internal("the device");
  failing.done(std::move(failure));
  EXPECT_EQ(answers.back().status.code(), base::StatusCode::kInternal);
  EXPECT_FALSE(rig.Has(1));
  EXPECT_EQ(rig.model.version->statistics().Snapshot().cache_miss.count, 0U);

  Pending first = rig.Ask(1, answers);
  EXPECT_FALSE(rig.cache.Look(first));
  InferenceResponse success;
  success.outputs = {Output(8, 5)};
  first.done(std::move(success));
  Pending second = rig.Ask(1, answers);
  auto hit = rig.cache.Look(second);
  ASSERT_TRUE(hit);
  CompleteHit(std::move(second), std::move(*hit), rig.clock);
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(answers.back().outputs.front().bytes.ToString(), std::string(8, '\5'));

  const auto statistics = rig.model.version->statistics().Snapshot();
  EXPECT_EQ(statistics.cache_miss.count, 1U);
  EXPECT_EQ(statistics.cache_hit.count, 1U);
  EXPECT_EQ(statistics.success.count, 1U);  // the miss's success is counted by its run
  EXPECT_EQ(statistics.queue.count, 1U);
  EXPECT_EQ(statistics.inference_count, 0U);
  EXPECT_EQ(statistics.compute_infer.count, 0U);
  telemetry::ModelMetrics& metrics = rig.model.version->metrics();
  EXPECT_EQ(metrics.cache_hits.value(), 1U);
  EXPECT_EQ(metrics.cache_misses.value(), 1U);
  EXPECT_EQ(metrics.success.value(), 1U);
  EXPECT_EQ(metrics.inference_count.value(), 0U);
}

TEST(ResponseCache, LetsAHitWaitForItsTurnWhereAnswersHaveAnOrder) {
  const struct {
    const char* config;
    std::vector<int> order;
  } rows[] = {{" dynamic_batching { }", {2, 1}},
              {" dynamic_batching { preserve_ordering: true }", {1, 2}}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.config);
    const ServedModel model(row.config);
    DynamicBatcher batcher(model.version->config_ptr());
    std::vector<int> order;
    Pending waits;
    waits.request = model.Request(1);
    waits.done = [&order](InferenceResponse) { order.push_back(1); };
    ASSERT_TRUE(batcher.Enqueue(waits).ok());
    OnDone hit = batcher.InOrder([&order](InferenceResponse) { order.push_back(2); });
    hit({});
    std::vector<Pending> taken = batcher.TakeAll();
    taken.front().done({});
    EXPECT_EQ(order, row.order);
  }
}

}  // namespace
}  // namespace hadron::serving
