#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "backend/kernel.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/status.h"
#include "device/device.h"
#include "model/image_file.h"
#include "model/model_manager.h"
#include "model/residency_manager.h"
#include "model/version_loader.h"
#include "net/memory_budget.h"
#include "plan/lane.h"
#include "protocol/rest_frontend.h"
#include "protocol/rpc_frontend.h"
#include "protocol/server_state.h"
#include "server/accounts.h"
#include "server/cache_directory.h"
#include "server/options.h"
#include "serving/device_scheduler.h"
#include "serving/ensemble_run.h"
#include "serving/inference_engine.h"
#include "storage/artifact_cache.h"
#include "storage/object_store.h"
#include "telemetry/metrics.h"

namespace hadron::server {

/// The whole server: builds every part, starts the threads, drains and joins them. Everything below
/// gets what it needs from here; nothing is global.
/// Life: Create (ports are taken) -> Start -> WaitLoaded -> Drain. One thread (main) calls it.
class Server {
 public:
  /// Takes the ports and opens the repositories; loads nothing yet.
  static base::StatusOr<std::unique_ptr<Server>> Create(const Options& options);
  ~Server();

  /// Starts threads and the loading of models; live from here on.
  void Start();
  /// Blocks until the start-up loads have ended or `stop` becomes true; their failure.
  base::Status WaitLoaded(const std::atomic<bool>& stop);
  /// Writes --port-file, if asked for.
  base::Status WritePortFile() const;
  /// Not ready -> still serving for --shutdown-drain-secs -> refusing -> requests in flight end.
  /// False when work was dropped. `hurry` cuts the waits short.
  bool Drain(const std::atomic<bool>& hurry);

 private:
  class Events;

  explicit Server(const Options& options);
  base::Status OpenRepositories();
  base::StatusOr<std::unique_ptr<storage::ObjectStore>> OpenStore(const std::string& url);
  void MakeArtifactCache();
  /// Found when it is first wanted.
  const CacheDirectory& Cache();
  base::Status MakeDevices();
  base::Status MakeOpenCl(unsigned index);
  base::Status MakeAccounts();
  /// On the `export` thread, again and again.
  void KeepAccounts();
  std::vector<ResidenceMeter::Held> HeldNow() const;
  /// On the thread `ledger`, again and again.
  void FoldAccounts();
  base::Status MakeFrontends();
  base::Status CopyAccounts();
  void StartFrontends();
  void SampleGauges();
  base::Status MakeResidency();
  std::vector<protocol::DeviceStatus> DevicesNow() const;
  void MakeServing();
  void MakeModels();
  /// The store over a directory of this machine.
  static base::StatusOr<std::unique_ptr<storage::ObjectStore>> OpenDirectory(std::string path);
  void RefreshMetrics();
  void RefuseUntilQuiet(base::TimePoint end, const std::atomic<bool>& hurry);
  void JoinThreads();

  const Options options_;
  const base::SystemClock clock_;
  telemetry::Metrics metrics_;
  protocol::ServerState state_;
  net::MemoryBudget request_memory_;
  protocol::ActivityMeter activity_;

  std::unique_ptr<model::ImageFiles> images_;  ///< tasks may hold files of it
  // Executors outlive everything that posts to them.
  base::TaskQueue control_;
  base::TaskQueue load_;
  base::TaskQueue fetch_;  ///< files of models that are loaded meanwhile
  base::TaskQueue lane_executor_;
  base::TaskQueue copies_;  ///< the stream of uploads
  base::TaskQueue export_;  ///< accounts, as they come
  base::TaskQueue ledger_;  ///< accounts, as they were: reads and folding, which take their time

  std::atomic<bool> stopping_{false};  ///< ends transfers from object stores
  std::optional<CacheDirectory> cache_;
  std::vector<std::unique_ptr<storage::ObjectStore>> stores_;
  std::unique_ptr<storage::ArtifactCache> artifacts_;  ///< null where every store is local
  std::unique_ptr<device::Device> host_;
  std::unique_ptr<device::Device> accelerator_;  ///< null when the CPU serves
  backend::KernelRegistry kernels_;
  std::shared_ptr<backend::DevicePrograms> programs_;  ///< null when the CPU serves
  std::unique_ptr<model::ResidencyManager> residency_;
  std::unique_ptr<plan::Lane> lane_;
  std::unique_ptr<plan::Lane> bulk_lane_;  ///< for work of class batch
  std::unique_ptr<Accounts> accounts_;     ///< requests count on them until the scheduler has ended
  std::unique_ptr<serving::ResponseCache> answers_;  ///< null without --cache-config
  std::unique_ptr<serving::RateLimiter> limiter_;    ///< null without --rate-limit
  std::unique_ptr<serving::DeviceScheduler> scheduler_;
  std::unique_ptr<serving::InferenceEngine> engine_;
  std::unique_ptr<serving::EnsembleRunner> ensembles_;
  std::unique_ptr<Events> events_;
  std::unique_ptr<model::VersionLoader> loader_;
  std::unique_ptr<model::ModelManager> models_;
  std::unique_ptr<protocol::RestFrontend> rest_;        ///< null without --allow-http
  std::unique_ptr<protocol::RpcFrontend> rpc_;          ///< null without --allow-grpc
  std::unique_ptr<protocol::MetricsFrontend> scrapes_;  ///< null without --allow-metrics
  std::jthread device_thread_;
  std::vector<std::jthread> threads_;  ///< lane, copies, control
  std::jthread export_thread_;
  std::jthread ledger_thread_;
  std::vector<std::jthread> load_threads_;
  std::vector<std::jthread> fetch_threads_;  ///< none where every store is local
};

}  // namespace hadron::server
