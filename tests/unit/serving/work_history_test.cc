// Nobody is lost, served twice or out of turn, and nobody computes with another model's weights,
// whatever happens: requests come, are cancelled and run out of time, while models are loaded,
// unloaded and evicted for each other.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <random>

#include "serving/work_queues.h"
#include "support/onnx_writer.h"
#include "unit/serving/served_model.h"

namespace hadron::serving {
namespace {

using std::chrono::microseconds;
using tenancy::Tenant;
using tenancy::WorkClass;

constexpr std::int64_t kWidth = 64;
constexpr std::uint64_t kWeights = kWidth * kWidth * sizeof(float);
constexpr std::size_t kModels = 4;
constexpr std::size_t kRoom = 2;  ///< for so many of them

/// The queues of a card that holds two of four models. Versions come and go; copies and the
/// decisions about them are made when a test says so.
class Card {
 public:
  explicit Card(const std::string& config)
      : card_(device::MakeHostDevice(
            {.budget_bytes = kRoom * kWeights, .copy_bytes_per_second = std::uint64_t{1} << 40U})),
        metrics_({}, clock),
        residency_(Slabs(), {card_.get(), &control, &copies, &clock}),
        queues(residency_) {
    backend::RegisterNativeKernels(kernels_);
    for (std::size_t i = 0; i < kModels; ++i) Compile(i, config);
    for (std::size_t i = 0; i < kModels; ++i) Load(i);
  }
  ~Card() {
    for (std::size_t i = 0; i < kModels; ++i) Unload(i);
    Forget();
    RunAll();
  }

  /// The version that takes requests; null: none.
  const model::ModelHandle& live(std::size_t i) const { return models_[i].version; }
  void Load(std::size_t i) {
    if (live(i) != nullptr) return;
    model::ModelVersion::Parts parts;
    parts.name = "m" + std::to_string(i);
    parts.version = 1;
    parts.config = models_[i].config;
    parts.compiled = models_[i].compiled;
    parts.metrics = models_[i].metrics;
    auto residence =
        residency_.Admit({parts.name, parts.compiled->weights(), parts.metrics, parts.history});
    HADRON_CHECK(residence.ok());
    parts.residence = std::move(residence).value();
    models_[i].version = std::make_shared<const model::ModelVersion>(std::move(parts));
    queues.Add(models_[i].version);
  }
  /// It takes no more requests; what waits for it is served.
  void Unload(std::size_t i) {
    if (live(i) != nullptr) leaving_.push_back(std::exchange(models_[i].version, nullptr));
  }
  /// Versions that nobody has a handle of any more go.
  void Forget() {
    std::erase_if(leaving_, [this](const model::ModelHandle& version) {
      if (version.use_count() > 1) return false;
      queues.Remove(*version);
      return true;
    });
  }
  void RunAll() {
    while (control.RunOne() || copies.RunOne()) {
    }
  }
  /// Whether what the batch reads is where its model is: nobody leaves under a batch.
  bool Holds(const Batch& batch) {
    const auto now = residency_.TryPin(*batch.pin.version());
    return now && now->binding == batch.pin.weights_ptr();
  }
  std::uint64_t evictions() const { return residency_.totals().evictions; }
  std::int64_t pending() const {
    std::int64_t sum = 0;
    for (const auto& model : models_) sum += model.metrics->pending.value();
    return sum;
  }

  test::StillClock clock;
  base::ManualExecutor control;
  base::ManualExecutor copies;

 private:
  struct Model {
    std::shared_ptr<const config::ModelConfig> config;
    std::shared_ptr<const plan::CompiledModel> compiled;
    std::shared_ptr<telemetry::ModelMetrics> metrics;
    model::ModelHandle version;
  };

  static model::ResidencyManager::Options Slabs() {
    model::ResidencyManager::Options options;
    options.store.slab_bytes = kWeights;
    return options;
  }

  void Compile(std::size_t i, const std::string& extra) {
    const std::vector<float> weights(kWidth * kWidth, static_cast<float>(i + 1));
    test::OnnxWriter w;
    w.Input("x", tensor::DataType::kFp32, {"batch", kWidth});
    w.Initializer("w", test::OnnxTensor::Floats({kWidth, kWidth}, weights));
    w.Node({"MatMul", {"x", "w"}, {"y"}}).Output("y", tensor::DataType::kFp32, {"batch", kWidth});
    auto loaded =
        onnx::LoadOnnx(base::IoBuf::FromString(w.Serialize()), onnx::ExternalData::None(), {});
    HADRON_CHECK(loaded.ok());
    const std::string name = "m" + std::to_string(i);
    auto raw = config::ParsePbtxt("max_batch_size: 8" + extra, "config.pbtxt");
    HADRON_CHECK(raw.ok());
    auto identified = config::Identify(std::move(raw).value(), {name, {"model.onnx"}}, false);
    HADRON_CHECK(identified.ok());
    models_[i].config = config::Complete(*identified, &loaded->graph, {}).value();
    plan::CompileOptions options;
    options.owner = name;
    options.max_batch = 8;
    models_[i].compiled =
        plan::CompiledModel::Compile(std::move(loaded->graph), options, kernels_, *card_, *host_)
            .value();
    models_[i].metrics = metrics_.AddModel(name, 1);
  }

  std::unique_ptr<device::Device> host_ = device::MakeHostDevice(std::uint64_t{1} << 28U);
  std::unique_ptr<device::Device> card_;
  backend::KernelRegistry kernels_;
  telemetry::Metrics metrics_;
  model::ResidencyManager residency_;
  std::array<Model, kModels> models_;
  std::vector<model::ModelHandle> leaving_;

 public:
  WorkQueues queues;
};

/// One random history: everybody has to come out once, and nobody before those of the same tenant,
/// class, version and level who came earlier (but for those that ran out of time and wait on).
class History {
 public:
  History(Card& card, std::uint64_t seed) : card_(card), random_(seed) {}

  void Play(int events, std::span<Tenant* const> tenants) {
    for (int i = 0; i < events; ++i) {
      card_.clock.Advance(microseconds(Up(40)));
      Step(tenants);
    }
  }

  /// All who wait are served or told, whoever has to leave the card for it; or the server ends.
  void End() {
    if (Up(8) == 0) {
      for (const Pending& pending : card_.queues.TakeWaiting()) {
        EXPECT_EQ(waiting_.erase(std::stoi(pending.request.id)), 1U);
      }
      EXPECT_TRUE(waiting_.empty()) << waiting_.size() << " lost";
    }
    for (int i = 0; i < 1000 && (!waiting_.empty() || !running_.empty()); ++i) {
      card_.RunAll();
      Serve({});
      EndOne();
      card_.clock.Advance(microseconds(60));
    }
    EXPECT_TRUE(waiting_.empty()) << waiting_.size() << " lost";
    EXPECT_TRUE(running_.empty());
    EXPECT_EQ(card_.pending(), 0);
    card_.Forget();
  }

 private:
  using Key = std::tuple<const model::ModelVersion*, Flow, std::uint64_t>;
  struct Waiting {
    Key key;
    bool patient = true;
  };

  void Step(std::span<Tenant* const> tenants) {
    switch (Up(12)) {
      case 0:
        return Up(4) == 0 ? card_.Unload(Up(kModels)) : card_.Load(Up(kModels));
      case 1:
        if (!flags_.empty()) flags_[Up(flags_.size())]->store(true);
        return;
      case 2:
        card_.control.RunOne();
        return;
      case 3:
        card_.copies.RunOne();
        return;
      case 4:
        return EndOne();
      case 5:
      case 6:
        return card_.RunAll();
      case 7:
      case 8:
        return Serve({.batch = Up(3) != 0, .only_full = Up(4) == 0});
      default:
        return Come(tenants);
    }
  }

  void Come(std::span<Tenant* const> tenants) {
    const model::ModelHandle& version = card_.live(Up(kModels));
    if (version == nullptr) return;
    Pending pending;
    pending.request.model = version;
    pending.request.rows = 1 + static_cast<std::int64_t>(Up(3));
    pending.request.id = std::to_string(came_);
    pending.request.identity.tenant = tenants[Up(tenants.size())];
    pending.request.work_class = Up(2) == 0 ? WorkClass::kInteractive : WorkClass::kBatch;
    pending.request.priority = Up(3);
    pending.request.timeout_us = Up(4) == 0 ? 1 + Up(200) : 0;
    const auto flag = std::make_shared<std::atomic<bool>>(false);
    pending.request.cancelled = flag;
    pending.enqueued = card_.clock.Now();
    const bool patient = pending.request.timeout_us == 0;
    const Key key{version.get(), pending.flow(),
                  pending.request.priority == 0 ? 2 : pending.request.priority};
    if (!card_.queues.Enqueue(pending, card_.clock.Now(), {}).ok()) return;
    if (Up(4) == 0) flags_.push_back(flag);
    waiting_.emplace(came_++, Waiting{key, patient});
  }

  /// Two batches run at a time, as on a card with two lanes.
  void Serve(const WorkQueues::Wish& wish) {
    WorkQueues::Search search;
    search.now = card_.clock.Now();
    std::optional<Batch> batch;
    if (running_.size() < 2) batch = card_.queues.Next(wish, search);
    card_.queues.ExpireDue(search);
    for (const auto& [pending, status] : search.expired) {
      EXPECT_EQ(waiting_.erase(std::stoi(pending.request.id)), 1U) << "left twice";
    }
    if (!batch) return;
    EXPECT_LE(batch->rows, 8);
    for (const Pending& pending : batch->requests) {
      EXPECT_EQ(pending.request.model, batch->pin.version());
      Served(std::stoi(pending.request.id));
    }
    running_.push_back(std::move(*batch));
  }

  /// What it read was its model's for all of its time.
  void EndOne() {
    if (running_.empty()) return;
    const std::size_t which = Up(running_.size());
    {
      const Batch batch = std::move(running_[which]);
      running_.erase(running_.begin() + static_cast<long>(which));
      EXPECT_TRUE(card_.Holds(batch));
      const plan::WeightBinding& weights = *batch.pin.weights_ptr();
      const auto& segments = batch.pin->compiled().weights()->segments();
      for (std::uint32_t i = 0; i < segments.size(); ++i) {
        if (weights.Pending(i) != nullptr) continue;  // a run would still wait for it
        const auto view = weights.View({i, 0, segments[i].bytes});
        EXPECT_EQ(std::memcmp(view.host, segments[i].host->host(), segments[i].bytes), 0);
      }
      card_.queues.Settle(batch, 1e-4, card_.clock.Now());
    }
    card_.Forget();
  }

  void Served(int id) {
    const auto it = waiting_.find(id);
    ASSERT_NE(it, waiting_.end()) << "served twice, or never came";
    for (auto earlier = waiting_.begin(); earlier != it; ++earlier) {
      const bool passed =
          earlier->second.key == it->second.key && earlier->second.patient && it->second.patient;
      EXPECT_FALSE(passed) << id << " before " << earlier->first;
    }
    waiting_.erase(it);
  }

  std::size_t Up(std::size_t below) { return static_cast<std::size_t>(random_() % below); }

  Card& card_;
  std::mt19937_64 random_;
  int came_ = 0;
  std::map<int, Waiting> waiting_;
  std::vector<Batch> running_;
  std::vector<std::shared_ptr<std::atomic<bool>>> flags_;
};

tenancy::TenantSettings OfWeight(double weight) {
  tenancy::TenantSettings settings;
  settings.weight = weight;
  return settings;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kHistories = 5'000;
#else
constexpr std::uint64_t kHistories = 100'000;
#endif

TEST(WorkHistory, LosesNobodyWhileModelsComeAndGo) {
  Tenant a("a", {});
  Tenant b("b", OfWeight(3));
  const std::array<Tenant*, 3> tenants = {&a, &b, nullptr};
  for (const char* config :
       {" dynamic_batching { priority_levels: 2 default_priority_level: 2 "
        "max_queue_delay_microseconds: 50 preferred_batch_size: [ 4 ] default_queue_policy { "
        "allow_timeout_override: true max_queue_size: 6 } }",
        " dynamic_batching { priority_levels: 2 default_priority_level: 2 default_queue_policy { "
        "timeout_action: DELAY allow_timeout_override: true } }",
        " dynamic_batching { priority_levels: 2 default_priority_level: 2 }",
        " dynamic_batching { priority_levels: 2 default_priority_level: 2 priority_queue_policy { "
        "key: 1 value { default_timeout_microseconds: 60 } } }"}) {
    Card card(config);
    for (std::uint64_t i = 0; i < kHistories / 4; ++i) {
      History history(card, i);
      history.Play(60, tenants);
      history.End();
      if (testing::Test::HasFailure()) FAIL() << "history " << i << " of " << config;
    }
    EXPECT_GT(card.evictions(), kHistories / 40);
  }
}

}  // namespace
}  // namespace hadron::serving
