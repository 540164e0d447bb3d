// Who is on the device: restores, evictions, pins, sharing, refusals, and what is left at the end.
// The device is a card that the CPU plays; nothing runs but when the test says so.
#include "model/residency_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <future>
#include <map>
#include <thread>

#include "backend/kernel.h"
#include "device/host/factory.h"
#include "onnx/loader.h"
#include "plan/compiled_model.h"
#include "support/faulty_device.h"
#include "support/onnx_writer.h"

namespace hadron::model {
namespace {

using base::Status;
using testing::HasSubstr;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
constexpr std::int64_t kWidth = 512;  // a layer has 1 MiB

class FixedClock final : public base::Clock {
 public:
  base::TimePoint Now() const override { return now_; }
  std::int64_t WallMs() const override { return 0; }
  void Advance(base::Duration by) { now_ += by; }

 private:
  base::TimePoint now_{std::chrono::hours(1)};
};

/// Square layers; each is filled with its number, so equal numbers are equal weights.
test::OnnxWriter Layers(const std::vector<int>& numbers) {
  test::OnnxWriter w;
  w.Input("x0", tensor::DataType::kFp32, {"batch", kWidth});
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::vector<float> values(kWidth * kWidth, static_cast<float>(numbers[i]));
    const std::string weight = "w" + std::to_string(i);
    w.Initializer(weight, test::OnnxTensor::Floats({kWidth, kWidth}, values));
    w.Node({"MatMul", {"x" + std::to_string(i), weight}, {"x" + std::to_string(i + 1)}});
  }
  w.Output("x" + std::to_string(numbers.size()), tensor::DataType::kFp32, {"batch", kWidth});
  return w;
}

/// A stream whose uploads get lost while `lost` is set; its Record says so.
class LossyStream final : public device::Stream {
 public:
  LossyStream(std::unique_ptr<device::Stream> stream, const bool& lost)
      : stream_(std::move(stream)), lost_(lost) {}
  void Upload(std::span<const std::byte> from, device::DeviceBuffer& to,
              std::uint64_t offset) override {
    if (!lost_) stream_->Upload(from, to, offset);
  }
  void Download(device::DeviceBuffer& from, std::uint64_t offset,
                std::span<std::byte> to) override {
    stream_->Download(from, offset, to);
  }
  void Launch(device::DeviceKernel& kernel, std::array<std::size_t, 3> global,
              std::array<std::size_t, 3> local) override {
    stream_->Launch(kernel, global, local);
  }
  void Host(device::HostTask task) override { stream_->Host(std::move(task)); }
  void Record(device::StreamCallback done) override {
    stream_->Record([done = std::move(done), lost = lost_](Status status) mutable {
      done(lost ? base::Internal("planted: the copy was lost") : std::move(status));
    });
  }
  std::shared_ptr<const device::Event> Mark() override { return stream_->Mark(); }
  void Wait(std::shared_ptr<const device::Event> event) override {
    stream_->Wait(std::move(event));
  }
  void Flush() override { stream_->Flush(); }

 private:
  std::unique_ptr<device::Stream> stream_;
  const bool& lost_;
};

class LossyDevice final : public device::Device {
 public:
  LossyDevice(std::unique_ptr<device::Device> device, const bool& lost)
      : device_(std::move(device)), lost_(lost) {}
  const device::DeviceInfo& info() const override { return device_->info(); }
  device::MemoryPool& memory() override { return device_->memory(); }
  base::StatusOr<std::unique_ptr<device::DeviceBuffer>> Allocate(device::Reservation reservation,
                                                                 std::uint64_t bytes) override {
    return device_->Allocate(std::move(reservation), bytes);
  }
  base::StatusOr<std::unique_ptr<device::Stream>> CreateStream(base::Executor& lane) override {
    HADRON_ASSIGN_OR_RETURN(auto stream, device_->CreateStream(lane));
    return std::unique_ptr<device::Stream>(std::make_unique<LossyStream>(std::move(stream), lost_));
  }
  base::StatusOr<std::unique_ptr<device::Program>> BuildProgram(
      std::string_view name, std::string_view source, const std::string& options) override {
    return device_->BuildProgram(name, source, options);
  }

 private:
  std::unique_ptr<device::Device> device_;
  const bool& lost_;
};

class Residency : public testing::Test, public ResidencyManager::Observer {
 protected:
  /// A card of so many bytes.
  void Open(std::uint64_t budget, ResidencyManager::Options options = {}) {
    Open(budget, std::move(options), control_, copies_);
  }
  void Open(std::uint64_t budget, ResidencyManager::Options options, base::Executor& control,
            base::Executor& copies) {
    auto card = device::MakeHostDevice(
        {.budget_bytes = budget, .copy_bytes_per_second = std::uint64_t{1} << 40U});
    ledger_ = &card->memory();
    card_ = std::make_unique<LossyDevice>(
        std::make_unique<test::FaultyDevice>(std::move(card), faults_), copies_get_lost_);
    options.store.slab_bytes = 2 * kMiB;
    manager_ = std::make_unique<ResidencyManager>(
        std::move(options),
        ResidencyManager::Dependencies{card_.get(), &control, &copies, &clock_,
                                       [this](base::TimePoint when, base::Task task) {
                                         timers_.emplace(when, std::move(task));
                                       }});
    manager_->Watch(this);
  }

  base::StatusOr<ModelHandle> TryAdmit(const std::string& name, const std::vector<int>& layers,
                                       std::optional<base::Duration> idle_evict = std::nullopt) {
    auto loaded = onnx::LoadOnnx(base::IoBuf::FromString(Layers(layers).Serialize()),
                                 onnx::ExternalData::None(), {});
    HADRON_CHECK(loaded.ok());
    if (kernels_.Find(backend::BackendId::kNative, "", "MatMul") == nullptr) {
      backend::RegisterNativeKernels(kernels_);
    }
    config::ModelConfig::Fields fields;
    fields.name = name;
    ModelVersion::Parts parts;
    parts.name = name;
    parts.version = 1;
    parts.config = std::make_shared<const config::ModelConfig>(std::move(fields));
    parts.metrics =
        std::make_shared<telemetry::ModelMetrics>(std::make_shared<telemetry::BatchSizes>());
    plan::CompileOptions compile;
    compile.owner = name;
    parts.compiled = plan::CompiledModel::Compile(std::move(loaded->graph), std::move(compile),
                                                  kernels_, *card_, *host_)
                         .value();
    HADRON_ASSIGN_OR_RETURN(parts.residence,
                            manager_->Admit({name, parts.compiled->weights(), parts.metrics,
                                             parts.history, idle_evict}));
    return std::make_shared<const ModelVersion>(std::move(parts));
  }
  ModelHandle Admit(const std::string& name, const std::vector<int>& layers) {
    return TryAdmit(name, layers).value();
  }

  void OnResident() override { ++news_; }
  void OnEvicted(std::shared_ptr<const plan::WeightBinding> weights) override {
    ++evicted_;
    if (hold_evicted_) held_.push_back(std::move(weights));
  }
  void OnMemoryShort() override { arena_ = {}; }
  void OnRefused(const Residence*, const Status& status) override { refusal_ = status.message(); }

  void RunAll() {
    while (control_.RunOne() || copies_.RunOne()) {
    }
  }
  /// A lane asks for memory for a batch of the version; what it is told, "" when it waits.
  std::string AskForArena(const ModelHandle& version, std::uint64_t bytes) {
    answer_.clear();
    arena_pin_ = manager_->TryPin(*version);
    manager_->WantArena(*version, bytes, [this](base::StatusOr<plan::ArenaPlace> arena) {
      arena_pin_.reset();
      answer_ = arena.ok() ? "granted" : arena.message();
      if (arena.ok()) arena_ = std::move(arena).value();
    });
    RunAll();
    return answer_;
  }
  /// Time goes by; what it was set for happens.
  void Pass(base::Duration by) {
    clock_.Advance(by);
    while (!timers_.empty() && timers_.begin()->first <= clock_.Now()) {
      base::Task task = std::move(timers_.extract(timers_.begin()).mapped());
      task();
    }
    RunAll();
  }
  /// A request comes and is served if that can be.
  bool Serve(const ModelHandle& version) {
    clock_.Advance(std::chrono::milliseconds(1));
    if (!Resident(version)) {
      manager_->Want(*version, clock_.Now());
      RunAll();
    }
    const auto pin = manager_->TryPin(*version);
    if (!pin) return false;
    manager_->CountUse(*version, 1);
    EXPECT_TRUE(HasItsBytes(version, *pin->binding));
    return true;
  }
  bool Resident(const ModelHandle& version) { return manager_->TryPin(*version).has_value(); }

  static bool HasItsBytes(const ModelHandle& version, const plan::WeightBinding& binding) {
    const auto& segments = version->compiled().weights()->segments();
    for (std::uint32_t i = 0; i < segments.size(); ++i) {
      const auto view = binding.View({i, 0, segments[i].bytes});
      if (view.host == segments[i].host->host()) return false;  // not on the card
      if (std::memcmp(view.host, segments[i].host->host(), segments[i].bytes) != 0) return false;
    }
    return true;
  }

  FixedClock clock_;
  test::MemoryFaults faults_;
  bool copies_get_lost_ = false;
  base::ManualExecutor control_;
  base::ManualExecutor copies_;
  std::multimap<base::TimePoint, base::Task> timers_;
  std::unique_ptr<device::Device> host_ = device::MakeHostDevice(256 * kMiB);
  device::MemoryPool* ledger_ = nullptr;
  std::unique_ptr<device::Device> card_;
  backend::KernelRegistry kernels_;
  std::unique_ptr<ResidencyManager> manager_;
  int news_ = 0;
  int evicted_ = 0;
  bool hold_evicted_ = false;  ///< as a scheduler does until its lanes have forgotten them
  std::vector<std::shared_ptr<const plan::WeightBinding>> held_;
  std::string refusal_;
  std::string answer_;
  plan::ArenaPlace arena_;  ///< the lane's
  std::optional<ResidencyPin::Weights> arena_pin_;
};

TEST_F(Residency, BringsModelsOntoTheCardOnDemand) {
  Open(8 * kMiB);
  const ModelHandle model = Admit("a", {1, 2});
  EXPECT_FALSE(Resident(model));
  EXPECT_GT(manager_->RestoreSeconds(*model), 0);
  EXPECT_TRUE(Serve(model));
  EXPECT_EQ(news_, 1);
  EXPECT_EQ(manager_->RestoreSeconds(*model), 0);
  EXPECT_EQ(manager_->totals().used_bytes, 2 * kMiB);
}

TEST_F(Residency, EvictsWhomRequestsWantLeast) {
  Open(4 * kMiB);
  const ModelHandle often = Admit("often", {1, 2});
  const ModelHandle once = Admit("once", {3, 4});
  const ModelHandle other = Admit("other", {5, 6});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Serve(often));
  EXPECT_TRUE(Serve(once));
  EXPECT_TRUE(Serve(other));
  EXPECT_TRUE(Resident(often));
  EXPECT_FALSE(Resident(once));
  EXPECT_TRUE(Serve(once)) << "and back, by a copy";
  EXPECT_EQ(manager_->totals().evictions, 2U);
  EXPECT_EQ(manager_->totals().restores, 4U);
  EXPECT_EQ(once->metrics().evictions(telemetry::EvictionCause::kPressure), 1U);
  EXPECT_EQ(often->metrics().evictions(telemetry::EvictionCause::kPressure), 0U);
}

TEST_F(Residency, LeavesWhatRunsAndWaitsForIt) {
  Open(4 * kMiB);
  const ModelHandle running = Admit("running", {1, 2, 3});
  const ModelHandle next = Admit("next", {4, 5});
  ASSERT_TRUE(Serve(running));
  auto pin = manager_->TryPin(*running);
  manager_->Want(*next, clock_.Now());
  RunAll();
  EXPECT_FALSE(Resident(next));
  EXPECT_TRUE(Resident(running));
  EXPECT_EQ(evicted_, 0);
  pin.reset();
  RunAll();
  EXPECT_TRUE(Resident(next));
  EXPECT_FALSE(Resident(running));
}

TEST_F(Residency, KeepsARestoredModelUntilItHasServedWhatWaited) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {1, 2, 3});
  const ModelHandle b = Admit("b", {4, 5, 6});
  a->metrics().pending.Add(3);
  manager_->Want(*a, clock_.Now());
  RunAll();
  manager_->Want(*b, clock_.Now());
  RunAll();
  EXPECT_TRUE(Resident(a)) << "three requests wait for it";
  for (int i = 0; i < 3; ++i) {
    const auto pin = manager_->TryPin(*a);
    manager_->CountUse(*a, 1);
    a->metrics().pending.Add(-1);
  }
  RunAll();
  EXPECT_TRUE(Resident(b));
}

TEST_F(Residency, NeverEvictsPinnedModels) {
  ResidencyManager::Options options;
  options.pinned = {"precious"};
  Open(4 * kMiB, std::move(options));
  const ModelHandle precious = Admit("precious", {1, 2});
  ASSERT_TRUE(Serve(precious));
  const ModelHandle small = Admit("small", {3, 4});
  EXPECT_TRUE(Serve(small));
  const auto large = TryAdmit("large", {5, 6, 7});
  EXPECT_EQ(large.code(), base::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(large.message()), HasSubstr("3.0 MiB"));
  EXPECT_THAT(std::string(large.message()), HasSubstr("2.0 MiB of that are pinned"));
  EXPECT_TRUE(Resident(precious));
}

TEST_F(Residency, CountsPinnedBytesThatAreSharedOnce) {
  ResidencyManager::Options options;
  options.pinned = {"precious"};
  Open(4 * kMiB, std::move(options));
  const ModelHandle before = Admit("precious", {1, 2});
  const ModelHandle after = Admit("precious", {1, 2});  // its next version, say
  ASSERT_TRUE(Serve(before));
  ASSERT_TRUE(Serve(after));
  EXPECT_TRUE(Serve(Admit("other", {3, 4})));
}

TEST_F(Residency, ShowsAndForeseesWhoIsWhere) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {1, 2});
  const ModelHandle b = Admit("b", {1, 3});
  const ModelHandle c = Admit("c", {4, 5, 6});
  ASSERT_TRUE(Serve(a));
  ASSERT_TRUE(Serve(b));
  const auto picture = manager_->Look();
  EXPECT_TRUE(picture.at(&a->residence()).resident);
  EXPECT_EQ(picture.at(&a->residence()).resident_bytes, 2 * kMiB);
  EXPECT_EQ(picture.at(&a->residence()).shared_bytes, kMiB);
  EXPECT_FALSE(picture.at(&c->residence()).resident);
  EXPECT_EQ(picture.at(&c->residence()).host_bytes, 3 * kMiB);
  EXPECT_EQ(manager_->Foresee(*a).missing_bytes, 0U);
  const auto forecast = manager_->Foresee(*c);
  EXPECT_EQ(forecast.missing_bytes, 3 * kMiB);
  EXPECT_FALSE(forecast.victims.empty());
  EXPECT_TRUE(Resident(a) && Resident(b));  // nothing has changed
  manager_->Pin("a");
  manager_->Pin("b");
  EXPECT_TRUE(manager_->Foresee(*c).blocked);
}

TEST_F(Residency, EvictsByCallWhatIsIdleAndNotPinned) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {1, 2});
  ASSERT_TRUE(Serve(a));
  std::string answer;
  const auto evict = [&] {
    answer = "none";
    manager_->Evict("a", [&](Status status) { answer = status.ok() ? "" : status.message(); });
    RunAll();
  };
  manager_->Pin("a");
  evict();
  EXPECT_THAT(answer, HasSubstr("is pinned"));
  ASSERT_TRUE(manager_->Unpin("a").ok());
  {
    const auto pin = manager_->TryPin(*a);
    evict();
    EXPECT_THAT(answer, HasSubstr("is busy"));
  }
  evict();
  EXPECT_EQ(answer, "");
  EXPECT_FALSE(Resident(a));
  EXPECT_EQ(a->metrics().evictions(telemetry::EvictionCause::kManual), 1U);
  evict();
  EXPECT_EQ(answer, "");
  EXPECT_TRUE(Serve(a));
}

TEST_F(Residency, SendsAwayWhomNobodyUses) {
  using std::chrono::seconds;
  ResidencyManager::Options options;
  options.idle_evict = seconds(10);
  Open(8 * kMiB, std::move(options));
  const ModelHandle used = Admit("used", {1});
  const ModelHandle idle = Admit("idle", {2});
  const ModelHandle quick = TryAdmit("quick", {3}, seconds(3)).value();
  const ModelHandle stays = TryAdmit("stays", {4}, seconds(0)).value();
  const ModelHandle pinned = Admit("pinned", {5});
  manager_->Pin("pinned");
  const std::vector<ModelHandle> all = {used, idle, quick, stays, pinned};
  for (const ModelHandle& model : all) ASSERT_TRUE(Serve(model));
  const auto resident = [&] {
    std::string names;
    for (const ModelHandle& model : all) {
      if (manager_->Look().at(&model->residence()).resident) names += " " + model->name();
    }
    return names;
  };
  Pass(seconds(2));
  EXPECT_EQ(resident(), " used idle quick stays pinned");
  Pass(seconds(1));
  EXPECT_EQ(resident(), " used idle stays pinned");
  EXPECT_TRUE(Serve(used));
  auto pin = manager_->TryPin(*used);  // a long run
  Pass(seconds(8));
  EXPECT_EQ(resident(), " used stays pinned");
  Pass(seconds(60));
  EXPECT_EQ(resident(), " used stays pinned");
  pin.reset();
  Pass(seconds(9));
  EXPECT_EQ(resident(), " used stays pinned") << "the run ended nine seconds ago";
  Pass(seconds(10));
  EXPECT_EQ(resident(), " stays pinned");
  for (const ModelHandle& gone : {used, idle, quick}) {
    EXPECT_EQ(gone->metrics().evictions(telemetry::EvictionCause::kIdle), 1U);
    EXPECT_TRUE(Serve(gone)) << "and back";
  }
  used->metrics().pending.Add(1);  // waits in its queue, whatever for
  Pass(seconds(30));
  EXPECT_EQ(resident(), " used stays pinned");
}

TEST_F(Residency, GivesArenasOfTheSameMemory) {
  Open(6 * kMiB);
  const ModelHandle a = Admit("a", {1, 2});
  const ModelHandle b = Admit("b", {3, 4});
  const ModelHandle c = Admit("c", {5, 6});
  for (const ModelHandle& model : {a, b, c}) ASSERT_TRUE(Serve(model));
  ASSERT_EQ(AskForArena(c, kMiB), "granted");
  EXPECT_EQ(arena_.bytes, kMiB);
  EXPECT_EQ(a->metrics().evictions(telemetry::EvictionCause::kArena), 1U) << "the oldest";
  EXPECT_TRUE(Resident(b) && Resident(c));
  EXPECT_EQ(manager_->totals().used_bytes, 5 * kMiB);
  EXPECT_LE(ledger_->reserved(), 6 * kMiB);
  std::memset(arena_.buffer->host() + arena_.offset, 0xEE, arena_.bytes);
  EXPECT_TRUE(Serve(b) && Serve(c)) << "weights are not where the arena is";
  EXPECT_TRUE(Serve(a)) << "somebody else leaves";
}

TEST_F(Residency, WaitsWithAnArenaForThoseWhoRun) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {1, 2});
  const ModelHandle b = Admit("b", {3, 4});
  ASSERT_TRUE(Serve(a));
  ASSERT_TRUE(Serve(b));
  auto running = manager_->TryPin(*b);
  EXPECT_EQ(AskForArena(a, kMiB), "");
  running.reset();
  RunAll();
  EXPECT_EQ(answer_, "granted");
  EXPECT_FALSE(Resident(b));
}

TEST_F(Residency, OwesNothingWhileALaneWaits) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {1, 2});
  const ModelHandle b = Admit("b", {3, 4});
  ASSERT_TRUE(Serve(a));
  b->metrics().pending.Add(5);  // they wait behind the lane
  manager_->Want(*b, clock_.Now());
  RunAll();
  ASSERT_TRUE(Resident(b));
  EXPECT_EQ(AskForArena(a, kMiB), "granted");
}

TEST_F(Residency, RefusesOneArenaAndNothingElse) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {1, 2});
  const ModelHandle pinned = Admit("pinned", {3});
  ASSERT_TRUE(Serve(a));
  ASSERT_TRUE(Serve(pinned));
  manager_->Pin("pinned");
  EXPECT_THAT(AskForArena(a, 2 * kMiB), HasSubstr("2.0 MiB of the device's memory"));
  EXPECT_THAT(answer_, HasSubstr("1.0 MiB are free"));
  EXPECT_TRUE(Resident(a) && Resident(pinned));
  EXPECT_EQ(AskForArena(a, kMiB), "granted");
  manager_->Stop();
  EXPECT_THAT(AskForArena(a, kMiB), HasSubstr("Server exiting"));
}

TEST_F(Residency, TakesAnArenaBackBeforeItRefusesWeights) {
  Open(4 * kMiB);
  const ModelHandle small = Admit("small", {1});
  const ModelHandle large = Admit("large", {2, 3, 4, 5});
  ASSERT_TRUE(Serve(small));
  ASSERT_EQ(AskForArena(small, 2 * kMiB), "granted");
  EXPECT_TRUE(Serve(large));
  EXPECT_EQ(arena_.buffer, nullptr);
  EXPECT_EQ(refusal_, "");
}

TEST_F(Residency, RefusesWhatTheCardCouldNeverHold) {
  Open(4 * kMiB);
  const ModelHandle resident = Admit("a", {1});
  ASSERT_TRUE(Serve(resident));
  EXPECT_EQ(TryAdmit("huge", {1, 2, 3, 4, 5, 6}).code(), base::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Resident(resident)) << "nobody is evicted for it";
}

TEST_F(Residency, StoresEqualWeightsOnce) {
  Open(6 * kMiB);
  const ModelHandle base = Admit("base", {1, 2, 3});
  const ModelHandle tuned = Admit("tuned", {1, 2, 9});
  ASSERT_TRUE(Serve(base));
  ASSERT_TRUE(Serve(tuned));
  EXPECT_EQ(manager_->totals().used_bytes, 4 * kMiB);
  EXPECT_EQ(manager_->totals().restored_bytes, 4 * kMiB) << "only the difference was copied";
  const ModelHandle other = Admit("other", {20, 21, 22});
  ASSERT_TRUE(Serve(other));
  EXPECT_TRUE(Serve(base));
  EXPECT_TRUE(Serve(tuned));
}

TEST_F(Residency, RefusesOneModelWhenTheDeviceLies) {
  Open(8 * kMiB);
  const ModelHandle a = Admit("a", {1});
  const ModelHandle b = Admit("b", {2, 3, 4});
  ASSERT_TRUE(Serve(a));
  const std::uint64_t before = ledger_->reserved();
  faults_.FailAt(test::MemoryFaults::Kind::kAllocate, 0);
  EXPECT_FALSE(Serve(b));
  EXPECT_TRUE(faults_.Disarm());
  EXPECT_THAT(refusal_, HasSubstr("allocates nothing more"));
  EXPECT_TRUE(Resident(a));
  EXPECT_EQ(ledger_->reserved(), before);
  EXPECT_TRUE(Serve(b)) << "the next request tries again";
}

TEST_F(Residency, NeverSharesWhatALostCopyLeft) {
  Open(8 * kMiB);
  hold_evicted_ = true;
  const ModelHandle model = Admit("a", {1, 2});
  const ModelHandle sibling = Admit("b", {1, 3});
  copies_get_lost_ = true;
  manager_->Want(*model, clock_.Now());
  RunAll();
  EXPECT_FALSE(Resident(model));
  EXPECT_THAT(refusal_, HasSubstr("the copy was lost"));
  copies_get_lost_ = false;
  EXPECT_TRUE(Serve(sibling));
  EXPECT_TRUE(Serve(model));
  held_.clear();
}

TEST_F(Residency, MayLoseAVersionInTheMiddleOfItsUpload) {
  Open(4 * kMiB);
  ModelHandle gone = Admit("gone", {1, 2, 3});
  manager_->Want(*gone, clock_.Now());
  control_.RunAll();  // the copies are enqueued and have not run
  gone.reset();
  const ModelHandle next = Admit("next", {4, 5, 6});
  EXPECT_TRUE(Serve(next));
}

TEST_F(Residency, EndsALoadThatNobodyMakesRoomFor) {
  ResidencyManager::Options options;
  options.restore_timeout = std::chrono::milliseconds(20);
  Open(4 * kMiB, std::move(options));
  const ModelHandle running = Admit("running", {1, 2, 3});
  ASSERT_TRUE(Serve(running));
  const auto pin = manager_->TryPin(*running);
  const ModelHandle next = Admit("next", {4, 5});
  const auto refused = manager_->Obtain(next);
  EXPECT_EQ(refused.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--model-restore-timeout-ms"));
}

/// Threads for the executors, in place of the test's own hand.
struct Threads {
  base::TaskQueue control;
  base::TaskQueue copies;
  std::jthread control_thread{[this] { control.Run(); }};
  std::jthread copies_thread{[this] { copies.Run(); }};
  ~Threads() {
    copies.Stop();
    control.Stop();
  }
};

TEST_F(Residency, BringsEachOfTheLoadsOfAStartInOnce) {
  constexpr int kLoads = 4;
  Threads threads;
  Open(3 * kMiB, {}, threads.control, threads.copies);
  std::vector<ModelHandle> models;
  for (int i = 0; i < kLoads; ++i) models.push_back(Admit("m", {10 * i, 10 * i + 1}));
  {
    std::vector<std::jthread> loads;
    for (const ModelHandle& model : models) {
      loads.emplace_back([this, &model] {
        const auto pin = manager_->Obtain(model);
        EXPECT_TRUE(pin.ok() && HasItsBytes(model, *pin->weights_ptr()));
      });
    }
  }
  EXPECT_EQ(manager_->totals().restores, kLoads);
  EXPECT_EQ(manager_->totals().evictions, kLoads - 1) << "one at a time is all that fits";
  models.clear();
  std::promise<void> settled;
  threads.control.Post([&] { settled.set_value(); });
  settled.get_future().wait();
}

TEST_F(Residency, GivesEverythingBack) {
  Open(4 * kMiB);
  std::vector<ModelHandle> models;
  for (int i = 0; i < 5; ++i) models.push_back(Admit("m", {10 * i, 10 * i + 1}));
  for (int round = 0; round < 3; ++round) {
    for (const ModelHandle& model : models) ASSERT_TRUE(Serve(model));
  }
  models.clear();
  RunAll();
  EXPECT_EQ(ledger_->reserved(), 0U);
  EXPECT_EQ(host_->memory().reserved(), 0U);
}

}  // namespace
}  // namespace hadron::model
