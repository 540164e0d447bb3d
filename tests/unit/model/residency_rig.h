#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <functional>
#include <map>

#include "backend/kernel.h"
#include "device/host/factory.h"
#include "model/residency_manager.h"
#include "onnx/loader.h"
#include "plan/compiled_model.h"
#include "plan/shared_segments.h"
#include "support/faulty_device.h"
#include "support/onnx_writer.h"
#include "support/still_clock.h"

namespace hadron::model {

inline constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
inline constexpr std::int64_t kWidth = 512;  // a layer has 1 MiB

/// Square layers; each is filled with its number, so equal numbers are equal weights. A negative
/// number is a pair of different layers of twice that.
inline test::OnnxWriter Layers(const std::vector<int>& numbers) {
  test::OnnxWriter w;
  w.Input("x0", tensor::DataType::kFp32, {"batch", kWidth});
  int layer = 0;
  const auto add = [&](std::int64_t rows, std::int64_t columns, float number) {
    const std::vector<float> values(static_cast<std::size_t>(rows * columns), number);
    const std::string weight = "w" + std::to_string(layer);
    w.Initializer(weight, test::OnnxTensor::Floats({rows, columns}, values));
    const std::string input = "x" + std::to_string(layer++);
    w.Node({"MatMul", {input, weight}, {"x" + std::to_string(layer)}});
  };
  for (const int number : numbers) {
    if (number >= 0) {
      add(kWidth, kWidth, static_cast<float>(number));
    } else {
      add(kWidth, 2 * kWidth, static_cast<float>(number));
      add(2 * kWidth, kWidth, static_cast<float>(number) - 0.5F);
    }
  }
  w.Output("x" + std::to_string(layer), tensor::DataType::kFp32, {"batch", kWidth});
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
  void Copy(device::DeviceBuffer& from, std::uint64_t from_offset, device::DeviceBuffer& to,
            std::uint64_t to_offset, std::uint64_t bytes) override {
    if (!lost_) stream_->Copy(from, from_offset, to, to_offset, bytes);
  }
  void Launch(device::DeviceKernel& kernel, std::array<std::size_t, 3> global,
              std::array<std::size_t, 3> local) override {
    stream_->Launch(kernel, global, local);
  }
  void Host(device::HostTask task) override { stream_->Host(std::move(task)); }
  void Record(device::StreamCallback done) override {
    stream_->Record([done = std::move(done), lost = lost_](base::Status status) mutable {
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
                                       std::optional<base::Duration> idle_evict = std::nullopt,
                                       const ModelHandle& replaces = nullptr,
                                       ReloadPolicy policy = ReloadPolicy::kKeepOld) {
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
    compile.shared_segments = &host_segments_;
    const std::shared_ptr<EarlyWeights> early = std::move(early_);
    if (early != nullptr) {
      compile.packed = [this, early](const plan::WeightImage& image, std::uint32_t segment) {
        early->Add(image, segment);
        if (while_packing_) while_packing_();
      };
    }
    parts.compiled = plan::CompiledModel::Compile(std::move(loaded->graph), std::move(compile),
                                                  kernels_, *card_, *host_)
                         .value();
    HADRON_ASSIGN_OR_RETURN(
        parts.residence,
        manager_->Admit({name, parts.compiled->weights(), parts.metrics, parts.history, idle_evict,
                         replaces == nullptr ? nullptr : &replaces->residence(), policy, early}));
    return std::make_shared<const ModelVersion>(std::move(parts));
  }
  ModelHandle Admit(const std::string& name, const std::vector<int>& layers) {
    return TryAdmit(name, layers).value();
  }

  /// From here on restores are asked for in somebody's name.
  void ClaimFor(const ModelHandle& version, Payer payer, std::uint64_t most_bytes = 0,
                std::size_t turn = 0) {
    if (!claims_) claims_.emplace();
    claims_->push_back({&version->residence(), turn, clock_.Now(), payer, most_bytes});
    manager_->Want(*version, clock_.Now());
  }
  std::optional<std::vector<ResidencyManager::Claim>> Claims() override { return claims_; }
  void OnRestored(Payer payer, double seconds) override {
    EXPECT_GT(seconds, 0);
    restored_.push_back(payer);
  }
  void OnResident() override { ++news_; }
  void OnEvicted(std::shared_ptr<const plan::WeightBinding> weights) override {
    ++evicted_;
    if (hold_evicted_) held_.push_back(std::move(weights));
  }
  void OnMemoryShort() override { arena_ = {}; }
  void OnSpareWanted() override { spare_.reset(); }
  void OnRefused(const Residence*, const base::Status& status) override {
    refusal_ = status.message();
  }

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

  test::StillClock clock_;
  test::MemoryFaults faults_;
  bool copies_get_lost_ = false;
  base::ManualExecutor control_;
  base::ManualExecutor copies_;
  std::multimap<base::TimePoint, base::Task> timers_;
  std::unique_ptr<device::Device> host_ = device::MakeHostDevice(256 * kMiB);
  device::MemoryPool* ledger_ = nullptr;
  std::unique_ptr<device::Device> card_;
  plan::SharedSegments host_segments_;
  std::shared_ptr<EarlyWeights> early_;  ///< of the version that is admitted next
  std::function<void()> while_packing_;  ///< after each segment that was sent ahead
  backend::KernelRegistry kernels_;
  std::unique_ptr<ResidencyManager> manager_;
  std::optional<std::vector<ResidencyManager::Claim>> claims_;
  std::vector<Payer> restored_;  ///< for whom, one after the other
  int news_ = 0;
  int evicted_ = 0;
  bool hold_evicted_ = false;  ///< as a scheduler does until its lanes have forgotten them
  std::vector<std::shared_ptr<const plan::WeightBinding>> held_;
  std::string refusal_;
  std::string answer_;
  plan::ArenaPlace arena_;  ///< the lane's
  std::optional<plan::ArenaPlace> spare_;
  std::optional<ResidencyPin::Weights> arena_pin_;
};

}  // namespace hadron::model
