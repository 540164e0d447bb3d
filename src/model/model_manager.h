#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/executor.h"
#include "base/snapshot.h"
#include "base/status.h"
#include "model/catalogue.h"
#include "model/version_loader.h"
#include "storage/object_store.h"

namespace hadron::model {

enum class ControlMode : std::uint8_t { kNone, kPoll, kExplicit, kDemand };

/// What becomes of models: scans the repositories, has versions loaded on the load threads,
/// publishes the catalogue. The control thread is the only writer of states.
/// Public methods: any thread.
class ModelManager {
 public:
  struct Options {
    ControlMode control_mode = ControlMode::kNone;
    std::string model_config_name;
  };
  struct Dependencies {
    std::vector<storage::ObjectStore*> stores;
    const VersionLoader* loader = nullptr;
    base::Executor* control = nullptr;  ///< single-threaded
    base::Executor* load = nullptr;     ///< may be several threads
  };
  /// Told of versions that appear or go, on the control thread, before they are published.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void OnReady(const ModelHandle& version) = 0;
    virtual void OnGone(const ModelHandle& version) = 0;
  };

  /// Everything referred to outlives the manager, and the executors are stopped before it goes.
  ModelManager(Options options, Dependencies dependencies, Observer& observer);

  /// Scans and loads what control mode `none` serves: every model, by its version policy. `done`
  /// runs on the control thread when all loads have ended, with the scan's failure or, naming the
  /// models, the load failures. Once.
  void Start(base::UniqueFunction<void(base::Status)> done);

  /// The version to serve: the given one, or the newest READY. Texts as the protocol wants them:
  /// NOT_FOUND for an unknown model or version or none available, UNAVAILABLE for a version that is
  /// not ready.
  base::StatusOr<ModelHandle> Acquire(std::string_view name,
                                      std::optional<std::int64_t> version) const;
  /// Never null.
  std::shared_ptr<const Catalogue> catalogue() const { return catalogue_.Load(); }
  ControlMode control_mode() const { return options_.control_mode; }

 private:
  struct Startup;

  void Scan(const std::shared_ptr<Startup>& startup);
  void Announce(const std::shared_ptr<Startup>& startup);
  void Settle(const std::shared_ptr<Startup>& startup, const std::string& model,
              std::int64_t version, base::StatusOr<ModelHandle> result);
  void Finish(const std::shared_ptr<Startup>& startup);
  void Update(const std::function<void(Catalogue&)>& change);

  const Options options_;
  const Dependencies deps_;
  Observer& observer_;
  base::Snapshot<Catalogue> catalogue_;
};

}  // namespace hadron::model
