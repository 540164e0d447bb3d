#include "serving/device_scheduler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "base/bytes.h"
#include "serving/inference_engine.h"
#include "unit/serving/served_model.h"

namespace hadron::serving {
namespace {

/// A scheduler with real threads for device, lane and loads.
class Rig {
 public:
  explicit Rig(const std::string& config, const std::string& name = "simple")
      : model(config, name) {
    auto made = plan::Lane::Create(*model.host, *model.host, lane_queue, "lane 0");
    HADRON_CHECK(made.ok());
    lane = std::move(made).value();
    auto made_bulk = plan::Lane::Create(*model.host, *model.host, lane_queue, "lane batch");
    HADRON_CHECK(made_bulk.ok());
    bulk = std::move(made_bulk).value();
    // Every step of batch work is a part of its own.
    scheduler = std::make_unique<DeviceScheduler>(DeviceScheduler::Dependencies{
        {lane.get()}, &load_queue, &clock, &model.residency, bulk.get(), base::Duration(1)});
    engine = std::make_unique<InferenceEngine>(InferenceEngine::Options{max_inflight}, *scheduler,
                                               model.metrics.server(), clock);
    scheduler->Add(model.version);
    lane_thread = std::jthread([this] { lane_queue.Run(); });
    load_thread = std::jthread([this] { load_queue.Run(); });
    device_thread = std::jthread([this] { scheduler->Run(); });
  }
  ~Rig() {
    scheduler->Stop();
    device_thread.join();
    lane_queue.Stop();
    load_queue.Stop();
    lane_thread.join();
    load_thread.join();
  }

  std::uint64_t max_inflight = 0;
  base::SystemClock clock;
  ServedModel model;
  base::TaskQueue lane_queue;
  base::TaskQueue load_queue;
  std::unique_ptr<plan::Lane> lane;
  std::unique_ptr<plan::Lane> bulk;
  std::unique_ptr<DeviceScheduler> scheduler;
  std::unique_ptr<InferenceEngine> engine;
  std::jthread lane_thread;
  std::jthread load_thread;
  std::jthread device_thread;
};

std::int32_t FirstElement(const tensor::HostTensor& tensor) {
  const auto flat = tensor.bytes.Flatten();
  return base::AsArray<std::int32_t>(flat.bytes())[0];
}

TEST(DeviceScheduler, AnswersEveryRequestWithItsOwnRows) {
  Rig rig(" dynamic_batching { }");
  constexpr int kThreads = 4;
  constexpr int kEach = 200;
  std::latch answered(kThreads * kEach);
  std::atomic<int> wrong{0};
  std::vector<std::jthread> clients;
  for (int t = 0; t < kThreads; ++t) {
    clients.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::int32_t value = t * 1000 + i;
        const std::int64_t rows = 1 + i % 3;
        rig.engine->Infer(rig.model.Request(rows, value), [&, value, rows](InferenceResponse r) {
          const bool right = r.status.ok() && r.outputs.size() == 2 &&
                             r.outputs[0].desc.shape == tensor::Shape{rows, 16} &&
                             FirstElement(r.outputs[0]) == value + 1 &&
                             FirstElement(r.outputs[1]) == value - 1;
          if (!right) wrong.fetch_add(1);
          answered.count_down();
        });
      }
    });
  }
  clients.clear();
  answered.wait();
  EXPECT_EQ(wrong.load(), 0);
  const auto statistics = rig.model.version->statistics().Snapshot();
  EXPECT_EQ(statistics.success.count, kThreads * kEach);
  EXPECT_LE(statistics.execution_count, statistics.success.count);
  EXPECT_EQ(rig.model.version->metrics().success.value(), kThreads * kEach);
  EXPECT_EQ(rig.model.version->metrics().pending.value(), 0);
}

TEST(DeviceScheduler, AnswersInteractiveWorkBetweenThePartsOfBatchWork) {
  Rig rig("");
  tenancy::Tenant farm("farm", {});
  tenancy::Tenant person("person", {});
  constexpr int kThreads = 4;
  constexpr int kEach = 300;
  std::latch answered(kThreads * kEach);
  std::atomic<int> wrong{0};
  std::vector<std::jthread> clients;
  for (int t = 0; t < kThreads; ++t) {
    clients.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::int32_t value = t * 1000 + i;
        InferenceRequest request = rig.model.Request(1 + i % 3, value);
        const bool batch = t % 2 == 0;
        request.identity.tenant = batch ? &farm : &person;
        request.work_class = batch ? tenancy::WorkClass::kBatch : tenancy::WorkClass::kInteractive;
        rig.engine->Infer(std::move(request), [&, value](InferenceResponse r) {
          if (!r.status.ok() || FirstElement(r.outputs[0]) != value + 1) wrong.fetch_add(1);
          answered.count_down();
        });
      }
    });
  }
  clients.clear();
  answered.wait();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(rig.model.version->metrics().pending.value(), 0);
  EXPECT_EQ(farm.outstanding() + person.outstanding(), 0U);
}

TEST(DeviceScheduler, PutsTheTimeOfABatchOnTheAccountsExactly) {
  Rig rig("");
  const auto account = std::make_shared<tenancy::Account>(tenancy::AccountKey{"a", "", "simple"});
  std::latch answered(100);
  for (int i = 0; i < 100; ++i) {
    InferenceRequest request = rig.model.Request(1 + i % 3, i);
    request.account = account;
    rig.engine->Infer(std::move(request), [&](InferenceResponse) { answered.count_down(); });
  }
  answered.wait();
  const tenancy::Usage usage = account->Read();
  EXPECT_EQ(usage.requests, 100U);
  EXPECT_EQ(static_cast<double>(usage.device_ns) * 1e-9, rig.scheduler->busy_seconds());
}

TEST(DeviceScheduler, LetsNobodyFailForAnothersInput) {
  // Nothing runs before all eight are there.
  Rig rig(
      " dynamic_batching { preferred_batch_size: [ 8 ] max_queue_delay_microseconds: 60000000 }",
      "simple_string");
  std::latch answered(8);
  for (int i = 0; i < 8; ++i) {
    const bool good = i != 3;
    rig.engine->Infer(rig.model.StringRequest(good ? "41" : "forty"),
                      [&answered, good](InferenceResponse response) {
                        EXPECT_EQ(response.status.ok(), good) << response.status.message();
                        if (!good) {
                          EXPECT_EQ(response.status.code(), base::StatusCode::kInvalidArgument);
                          EXPECT_NE(response.status.message().find("forty"), std::string::npos);
                        }
                        answered.count_down();
                      });
  }
  answered.wait();
  const auto statistics = rig.model.version->statistics().Snapshot();
  EXPECT_EQ(statistics.success.count, 7U);
  EXPECT_EQ(statistics.fail.count, 1U);
}

TEST(DeviceScheduler, ReturnsOnlyWhatWasAskedFor) {
  Rig rig("");
  InferenceRequest request = rig.model.Request(2, 5);
  request.requested_outputs = {"OUTPUT1"};
  std::latch answered(1);
  rig.engine->Infer(std::move(request), [&](InferenceResponse r) {
    EXPECT_TRUE(r.status.ok()) << r.status.message();
    EXPECT_EQ(r.outputs.size(), 1U);
    EXPECT_EQ(r.outputs[0].desc.name, "OUTPUT1");
    EXPECT_EQ(FirstElement(r.outputs[0]), 4);
    answered.count_down();
  });
  answered.wait();
}

TEST(DeviceScheduler, RefusesModelsItDoesNotKnow) {
  Rig rig("");
  const ServedModel other("");
  std::latch answered(1);
  rig.engine->Infer(other.Request(1), [&](InferenceResponse r) {
    EXPECT_EQ(r.status.code(), base::StatusCode::kNotFound);
    answered.count_down();
  });
  answered.wait();
}

/// The version as the life cycle hands it out: with somebody who notices its last handle.
model::ModelHandle Noticed(const model::ModelHandle& version, base::UniqueFunction<void()> gone) {
  return {version.get(), [gone = std::move(gone)](const model::ModelVersion*) mutable { gone(); }};
}

TEST(DeviceScheduler, TakesRequestsForAsLongAsThereAreHandles) {
  Rig rig("");
  std::latch gone(1);
  rig.model.version = Noticed(rig.model.version, [&, kept = rig.model.version] {
    rig.scheduler->Remove(*kept, [&gone, kept] { gone.count_down(); });
  });
  constexpr int kRequests = 200;
  std::latch answered(kRequests);
  std::atomic<int> failed{0};
  for (int i = 0; i < kRequests; ++i) {
    rig.engine->Infer(rig.model.Request(1, i), [&](InferenceResponse r) {
      if (!r.status.ok()) failed.fetch_add(1);
      answered.count_down();
    });
  }
  rig.model.version.reset();  // retired; the requests alone keep it
  answered.wait();
  gone.wait();
  EXPECT_EQ(failed.load(), 0);
}

TEST(DeviceScheduler, ForgetsTheWeightsOfWhatIsGone) {
  Rig rig("");
  std::latch answered(1);
  rig.engine->Infer(rig.model.Request(1), [&](InferenceResponse) { answered.count_down(); });
  answered.wait();
  const auto weights = rig.model.residency.TryPin(*rig.model.version)->binding;
  EXPECT_GT(weights.use_count(), 2);  // this one, the residency's, the lane's
  std::latch released(1);
  rig.scheduler->Remove(*rig.model.version, [&released] { released.count_down(); });
  released.wait();
  EXPECT_EQ(weights.use_count(), 1);
}

TEST(DeviceScheduler, GivesTheArenasBackWithTheLastVersionThatRan) {
  Rig rig("");
  std::latch answered(1);
  rig.engine->Infer(rig.model.Request(1), [&](InferenceResponse) { answered.count_down(); });
  answered.wait();
  EXPECT_GT(rig.lane->memory_bytes(), 0U);
  std::latch released(1);
  rig.scheduler->Remove(*rig.model.version, [&released] { released.count_down(); });
  released.wait();
  EXPECT_EQ(rig.lane->memory_bytes(), 0U);
  rig.model.version.reset();
  EXPECT_EQ(rig.model.host->memory().reserved(), 0U);
}

TEST(DeviceScheduler, AnswersWhatWaitsWhenItStops) {
  std::atomic<int> answers{0};
  {
    Rig rig("");
    for (int i = 0; i < 100; ++i) {
      rig.engine->Infer(rig.model.Request(1), [&](InferenceResponse r) {
        EXPECT_TRUE(r.status.ok() || r.status.code() == base::StatusCode::kUnavailable);
        answers.fetch_add(1);
      });
    }
  }
  EXPECT_EQ(answers.load(), 100);
}

TEST(InferenceEngine, RefusesAfterAdmissionHasStopped) {
  Rig rig("");
  rig.engine->StopAdmission();
  bool answered = false;
  rig.engine->Infer(rig.model.Request(1), [&](InferenceResponse r) {
    EXPECT_EQ(r.status.code(), base::StatusCode::kUnavailable);
    EXPECT_EQ(r.status.cause(), base::RefusalCause::kDraining);
    answered = true;
  });
  EXPECT_TRUE(answered);
}

}  // namespace
}  // namespace hadron::serving
