#include "server/server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>

#include "base/log.h"
#include "base/system_limits.h"
#include "server/version.h"

namespace hadron::server {
namespace {

using base::Status;
using base::StatusOr;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kPoll{5};
/// At the end of a drain: how long nobody must have asked, and how long to wait for that at most.
constexpr milliseconds kQuiet{100};
constexpr seconds kRefusing{2};
/// Of host memory that would hold models otherwise.
constexpr std::uint64_t kMostForActivations = std::uint64_t{256} << 20U;

/// Waits until `done` says so, the time has come, or `hurry` is set.
template <typename Done>
bool WaitUntil(base::TimePoint until, const std::atomic<bool>& hurry, Done done) {
  while (!done()) {
    if (std::chrono::steady_clock::now() >= until || hurry.load()) return done();
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

unsigned ComputeThreads(const Options& options) {
  const auto wanted = static_cast<unsigned>(options.Uint("cpu-threads"));
  if (wanted > 0) return wanted;
  const unsigned cpus = base::ReadSystemLimits().cpus;
  return cpus > 2 ? cpus - 1 : cpus;
}

/// For tensors between the steps of ensembles. On a CPU they are where they are needed anyway.
std::uint64_t RoomForKept(device::Device& device) {
  constexpr std::uint64_t kMost = std::uint64_t{256} << 20U;
  if (device.info().kind == device::DeviceKind::kHost) return 0;
  return std::min(device.memory().budget() / 16, kMost);
}

std::uint64_t RequestBudget(const Options& options) {
  const std::uint64_t wanted = options.Uint("request-memory-budget");
  return wanted > 0 ? wanted : base::ReadSystemLimits().memory_bytes / 4;
}

}  // namespace

/// Tells the scheduler which versions there are.
class Server::Events final : public model::ModelManager::Observer {
 public:
  Events(serving::DeviceScheduler& scheduler, serving::ResponseCache* answers)
      : scheduler_(scheduler), answers_(answers) {}
  /// Before the first version.
  void ServeEnsembles(serving::EnsembleRunner& ensembles, base::Executor& control) {
    ensembles_ = &ensembles;
    control_ = &control;
  }

  void OnReady(const model::ModelHandle& version) override {
    NoteCache(*version);
    // Until it is published, which is what the control thread does now, the old one serves steps.
    ensembles_->ForgetAnswers();
    control_->Post([this] { ensembles_->ForgetAnswers(); });
    version->is_ensemble() ? ensembles_->Add(version) : scheduler_.Add(version);
  }
  void OnGone(const model::ModelVersion& version, base::Task released) override {
    if (answers_ != nullptr) answers_->Forget(version);
    if (!version.is_ensemble()) return scheduler_.Remove(version, std::move(released));
    ensembles_->Remove(version);
    released();
  }

  std::promise<Status> loaded;

 private:
  void NoteCache(const model::ModelVersion& version) const {
    if (!serving::ResponseCache::Serves(version)) return;
    version.metrics().caches_responses.store(answers_ != nullptr);
    if (answers_ != nullptr) return;
    base::LogWarning(
        "response_cache is enabled but nothing is kept: start the server with "
        "--cache-config=local,size=<bytes>",
        {{"model", version.name()}, {"version", version.version()}});
  }

  serving::DeviceScheduler& scheduler_;
  serving::ResponseCache* const answers_;  ///< null: there is none
  serving::EnsembleRunner* ensembles_ = nullptr;
  base::Executor* control_ = nullptr;
};

Server::Server(const Options& options)
    : options_(options),
      metrics_({.triton_names = options.Bool("triton-metrics"),
                .cpu = options.Bool("allow-cpu-metrics")},
               clock_),
      state_({options.Text("id"), std::string(kVersion),
              protocol::ServerState::ImplementedExtensions()},
             options.Bool("strict-readiness")),
      request_memory_(RequestBudget(options)) {}

Server::~Server() { JoinThreads(); }

StatusOr<std::unique_ptr<Server>> Server::Create(const Options& options) {
  auto server = std::unique_ptr<Server>(new Server(options));  // NOLINT: private constructor
  HADRON_RETURN_IF_ERROR(server->OpenRepositories());
  HADRON_RETURN_IF_ERROR(server->MakeDevices());
  device::Device& host = *server->host_;
  device::Device& device = server->accelerator_ ? *server->accelerator_ : host;
  HADRON_ASSIGN_OR_RETURN(server->lane_,
                          plan::Lane::Create(device, host, server->lane_executor_, "lane 0"));
  HADRON_ASSIGN_OR_RETURN(server->bulk_lane_,
                          plan::Lane::Create(device, host, server->lane_executor_, "lane batch"));
  HADRON_RETURN_IF_ERROR(server->MakeResidency());
  HADRON_RETURN_IF_ERROR(server->MakeAccounts());
  server->MakeServing();
  HADRON_RETURN_IF_ERROR(server->MakeFrontends());
  HADRON_RETURN_IF_ERROR(server->CopyAccounts());
  return server;
}

Status Server::MakeResidency() {
  model::ResidencyManager::Options residency;
  const std::string policy = options_.Text("eviction-policy");
  residency.policy = model::FindEvictionPolicy(policy);
  if (residency.policy == nullptr) {
    return base::InvalidArgument(
        fmt::format("--eviction-policy={}: expected cost-lru, lru or none", policy));
  }
  residency.pinned = options_.Texts("pin-model");
  residency.restore_timeout = milliseconds(options_.Uint("model-restore-timeout-ms"));
  residency.idle_evict = seconds(options_.Uint("idle-evict-secs"));
  model::ResidencyManager::Dependencies dependencies{
      accelerator_ ? accelerator_.get() : host_.get(), &control_, &copies_, &clock_};
  dependencies.post_at = [this](base::TimePoint when, base::Task task) {
    control_.PostAt(when, std::move(task));
  };
  residency_ =
      std::make_unique<model::ResidencyManager>(std::move(residency), std::move(dependencies));
  return {};
}

void Server::MakeServing() {
  device::Device& device = accelerator_ ? *accelerator_ : *host_;
  if (const std::uint64_t bytes = *options_.ResponseCacheBytes(); bytes > 0) {
    answers_ = std::make_unique<serving::ResponseCache>(bytes, clock_);
  }
  serving::DeviceScheduler::Dependencies scheduling{
      {lane_.get()}, &load_, &clock_, residency_.get(), bulk_lane_.get()};
  scheduling.longest_part = std::chrono::microseconds(options_.Uint("preempt-after-us"));
  scheduling.cache = answers_.get();
  scheduling.host_memory = &host_->memory();
  scheduling.want_host_memory = [this](const model::ModelVersion& by, std::uint64_t bytes,
                                       base::UniqueFunction<void(Status)> done) {
    models_->WantActivations(by, bytes, std::move(done));
  };
  scheduling.room_for_kept = RoomForKept(device);
  scheduling.memory_is_back = [this] { models_->OnHostMemory(); };
  if (options_.Text("rate-limit") == "execution_count") {
    const auto limits = serving::RateLimiter::ParseLimits(options_.Texts("rate-limit-resource"));
    limiter_ = std::make_unique<serving::RateLimiter>(*limits, 0);  // the one device of the process
    scheduling.limiter = limiter_.get();
  }
  scheduler_ = std::make_unique<serving::DeviceScheduler>(std::move(scheduling));
  engine_ = std::make_unique<serving::InferenceEngine>(
      serving::InferenceEngine::Options{options_.Uint("max-inflight"),
                                        milliseconds(options_.Uint("model-restore-timeout-ms")),
                                        &accounts_->ledger()},
      *scheduler_, metrics_.server(), clock_);
  events_ = std::make_unique<Events>(*scheduler_, answers_.get());
  model::VersionLoader::Options loading;
  loading.disable_auto_complete =
      options_.Bool("disable-auto-complete-config") || options_.Bool("strict-model-config");
  loading.default_max_batch_size = *options_.DefaultMaxBatchSize();
  loading.max_model_nodes = static_cast<std::int64_t>(options_.Uint("max-model-nodes"));
  loading.max_model_bytes = options_.Uint("max-model-bytes");
  loading.max_fold_bytes = options_.Uint("max-fold-bytes");
  loading.allow_cpu_fallback = options_.Bool("allow-cpu-fallback");
  loading.batch_invariant = options_.Bool("batch-invariant");
  if (limiter_ != nullptr) {
    loading.check = [this](const config::ModelConfig& config) { return limiter_->Check(config); };
  }
  loading.compute_threads = static_cast<int>(ComputeThreads(options_));
  images_ = std::make_unique<model::ImageFiles>(Cache().path, Cache().bytes);
  loader_ = std::make_unique<model::VersionLoader>(
      std::move(loading), model::VersionLoader::Dependencies{
                              &device, host_.get(), &kernels_, &lane_executor_, &metrics_, &clock_,
                              programs_.get(), artifacts_.get(), residency_.get(), images_.get()});
  MakeModels();
}

void Server::MakeModels() {
  model::ModelManager::Options options;
  options.control_mode = *options_.ControlMode();
  options.model_config_name = options_.Text("model-config-name");
  options.load_models = options_.Texts("load-model");
  options.poll_interval = seconds(options_.Uint("repository-poll-secs"));
  options.reload_policy = *options_.ReloadPolicy();
  options.load_retries = static_cast<unsigned>(options_.Uint("model-load-retry-count"));
  model::ModelManager::Dependencies dependencies;
  for (const auto& store : stores_) dependencies.stores.push_back(store.get());
  dependencies.loader = loader_.get();
  dependencies.control = &control_;
  dependencies.load = &load_;
  dependencies.clock = &clock_;
  dependencies.metrics = &metrics_;
  dependencies.post_at = [this](base::TimePoint when, base::Task task) {
    control_.PostAt(when, std::move(task));
  };
  dependencies.open_directory = OpenDirectory;
  const std::uint64_t margin = std::min(host_->memory().budget() / 16, kMostForActivations);
  dependencies.host = {&host_->memory(), margin, &residency_->policy(),
                       [this](const model::ModelVersion& version, model::EvictionCandidate& with) {
                         return residency_->AddHostPart(version, with);
                       },
                       [this] { return scheduler_->CallBackMemory(); }};
  models_ =
      std::make_unique<model::ModelManager>(std::move(options), std::move(dependencies), *events_);
  ensembles_ = std::make_unique<serving::EnsembleRunner>(
      serving::EnsembleRunner::Dependencies{engine_.get(), models_.get(), &clock_, answers_.get()});
  engine_->ServeEnsembles([this](serving::InferenceRequest request, serving::OnDone done) {
    ensembles_->Enqueue(std::move(request), std::move(done));
  });
  events_->ServeEnsembles(*ensembles_, control_);
}

Status Server::MakeAccounts() {
  Accounts::Options accounts;
  accounts.tenant_config = options_.Text("tenant-config");
  accounts.ledger_dir = options_.Text("ledger-dir");
  accounts.keep_days = options_.Uint("ledger-keep-days");
  HADRON_ASSIGN_OR_RETURN(accounts_, Accounts::Create(std::move(accounts), clock_));
  return {};
}

/// To a database, in which servers are told apart by name, machine and port.
Status Server::CopyAccounts() {
  const std::string& conninfo = options_.Text("ledger-postgres");
  if (conninfo.empty()) return {};
  std::array<char, 256> machine{};
  if (gethostname(machine.data(), machine.size() - 1) != 0) machine[0] = '\0';
  const int port = rest_ ? rest_->port() : rpc_ ? rpc_->port() : static_cast<int>(getpid());
  HADRON_RETURN_IF_ERROR(accounts_->CopyTo(
      conninfo, fmt::format("{}@{}:{}", options_.Text("id"), machine.data(), port)));
  metrics_.AddSampled("hadron_ledger_dropped_total", {},
                      [this] { return static_cast<double>(accounts_->dropped()); });
  return {};
}

void Server::KeepAccounts() {
  accounts_->Tick(scheduler_->busy_seconds(), HeldNow(), scheduler_->Kept());
  export_.PostAt(clock_.Now() + Accounts::kInterval, [this] { KeepAccounts(); });
}

std::vector<ResidenceMeter::Held> Server::HeldNow() const {
  std::vector<ResidenceMeter::Held> held;
  for (const auto& [residence, view] : residency_->Look()) {
    // Where both memories are one there is one copy, and it is resident.
    const double resident = view.in_host_memory ? view.host_part : view.resident_part;
    const double compiled = view.in_host_memory ? 0 : view.host_part;
    held.push_back({view.model, {0, compiled, resident}});
  }
  const std::shared_ptr<const model::Catalogue> catalogue = models_->catalogue();
  for (const auto& [name, model] : catalogue->models) {
    for (const auto& [number, version] : model.versions) {
      if (version.handle == nullptr || !version.handle->on_disk()) continue;
      held.push_back({name, {static_cast<double>(version.handle->on_disk()->value()), 0, 0}});
    }
  }
  return held;
}

void Server::FoldAccounts() {
  accounts_->Fold(stopping_);
  ledger_.PostAt(clock_.Now() + Accounts::kFoldInterval, [this] { FoldAccounts(); });
}

void Server::RefreshMetrics() {
  metrics_.RefreshSystem();
  activity_.Sample(*models_->catalogue(), clock_.Now(), scheduler_->busy_seconds());
  control_.PostAt(clock_.Now() + milliseconds(options_.Uint("metrics-interval-ms")),
                  [this] { RefreshMetrics(); });
}

void Server::Start() {
  threads_.emplace_back([this] { lane_executor_.Run(); });
  threads_.emplace_back([this] { copies_.Run(); });
  threads_.emplace_back([this] { control_.Run(); });
  for (std::uint64_t i = 0; i < options_.Uint("model-load-thread-count"); ++i) {
    load_threads_.emplace_back([this] { load_.Run(); });
    if (artifacts_) fetch_threads_.emplace_back([this] { fetch_.Run(); });
  }
  device_thread_ = std::jthread([this] { scheduler_->Run(); });
  export_thread_ = std::jthread([this] { export_.Run(); });
  ledger_thread_ = std::jthread([this] { ledger_.Run(); });
  export_.Post([this] { KeepAccounts(); });
  ledger_.Post([this] { FoldAccounts(); });
  StartFrontends();
  control_.Post([this] { RefreshMetrics(); });
  models_->Start([this](Status status) { events_->loaded.set_value(std::move(status)); });
}

Status Server::WaitLoaded(const std::atomic<bool>& stop) {
  auto loaded = events_->loaded.get_future();
  WaitUntil(base::TimePoint::max(), stop,
            [&] { return loaded.wait_for(kPoll) == std::future_status::ready; });
  if (loaded.wait_for(milliseconds(0)) == std::future_status::ready) return loaded.get();
  return {};
}

bool Server::Drain(const std::atomic<bool>& hurry) {
  base::LogInfo("draining", {{"inflight", engine_->inflight()}});
  state_.BeginDrain();
  stopping_.store(true);
  if (rpc_) rpc_->BeginDrain();
  WaitUntil(clock_.Now() + seconds(options_.Uint("shutdown-drain-secs")), hurry,
            [] { return false; });
  const base::TimePoint end = clock_.Now() + seconds(options_.Uint("exit-timeout-secs"));
  state_.BeginExit();
  if (rest_) rest_->StopAccepting();
  const bool answered = WaitUntil(end, hurry, [this] { return engine_->inflight() == 0; });
  engine_->StopAdmission();
  models_->Stop();
  scheduler_->Stop();
  const bool written = !rest_ || rest_->WaitForAnswers(end);
  if (rpc_) {
    RefuseUntilQuiet(std::min(end, clock_.Now() + kRefusing), hurry);
    rpc_->Shutdown(end);
  }
  JoinThreads();
  return answered && written;
}

/// A call that gRPC has read but not handed out when it shuts down ends with CANCELLED. Clients
/// that were told UNAVAILABLE stay away, so the shutdown waits until nobody has asked for a while.
void Server::RefuseUntilQuiet(base::TimePoint end, const std::atomic<bool>& hurry) {
  std::uint64_t seen = state_.refusals();
  base::TimePoint since = clock_.Now();
  WaitUntil(end, hurry, [&] {
    const std::uint64_t now = state_.refusals();
    if (now != seen) since = clock_.Now();
    seen = now;
    return clock_.Now() - since >= kQuiet;
  });
}

void Server::JoinThreads() {
  if (models_) models_->Stop();  // calls that wait for a model end before their doors are shut
  stopping_.store(true);
  if (residency_) residency_->Stop();
  if (scheduler_) scheduler_->Stop();
  if (rpc_) rpc_->Shutdown(clock_.Now());
  if (rest_) rest_->Stop();
  if (scrapes_) scrapes_->Stop();
  // Upstream first: the scheduler orders plans from `load` and runs on the lane, so it ends while
  // both still work; `load` waits for runs on the lane and posts its results to `control`.
  if (device_thread_.joinable()) device_thread_.join();
  load_.Stop();
  load_threads_.clear();
  fetch_.Stop();  // nobody waits for a fetch any more
  fetch_threads_.clear();
  lane_executor_.Stop();
  copies_.Stop();
  control_.Stop();
  threads_.clear();
  ledger_.Stop();
  if (ledger_thread_.joinable()) ledger_thread_.join();
  export_.Stop();
  if (!export_thread_.joinable()) return;
  export_thread_.join();
  accounts_->Close(scheduler_->busy_seconds(), HeldNow(),
                   scheduler_->Kept());  // what was used last
}

}  // namespace hadron::server
