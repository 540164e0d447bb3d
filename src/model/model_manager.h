#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/status.h"
#include "model/activation_room.h"
#include "model/catalogue.h"
#include "model/eviction_policy.h"
#include "model/host_room.h"
#include "model/lifecycle.h"
#include "model/model_table.h"
#include "model/repository_watch.h"
#include "model/waiting_room.h"
#include "storage/object_store.h"

namespace hadron::device {
class MemoryPool;
}

namespace hadron::model {

/// What becomes of models, by control mode: start-up loads, load and unload calls, changes on disk,
/// loads on first use. Decides on the control thread, which alone writes states and never blocks;
/// has the work done on the load threads; publishes the catalogue.
///
/// One operation of a model runs at a time. A newer load or unload supersedes an older load, whose
/// caller is told so and whose result is dropped. A load is all or nothing: until every version it
/// needs is built, what serves goes on serving, and after a failure it is as if nothing had been.
///
/// Where host memory is short for a load, models leave it: they stay READY, what they have accepted
/// they answer, and their next use brings them back as what they were: from the packed weights that
/// were written to this machine's disk when they left, or from their files where that failed. The
/// modes that follow the disk load what has changed meanwhile instead; in the others that is for a
/// load call alone, and files that have changed fail a version that has nothing else.
///
/// Public methods: any thread. `done` functions run once, on the control thread if not said
/// otherwise, and must be short.
///
///     manager.Start([](base::Status loaded) { ... });
///     manager.Load({.name = "digits"}, [](base::Status loaded) { ... });
///     auto handle = manager.Find("digits", std::nullopt);
class ModelManager {
 public:
  struct Options {
    ControlMode control_mode = ControlMode::kNone;
    std::string model_config_name;
    /// Modes explicit and demand: what is loaded at start; "*" alone is everything.
    std::vector<std::string> load_models;
    base::Duration poll_interval{0};  ///< how often the repositories are listed; 0 = never
    unsigned load_retries = 0;        ///< further attempts of each version
    ReloadPolicy reload_policy = ReloadPolicy::kKeepOld;  ///< where a call does not say
  };
  /// Host memory, and who leaves it when a load needs room.
  struct HostMemory {
    const device::MemoryPool* pool = nullptr;  ///< null: without bound
    std::uint64_t margin = 0;                  ///< bytes that loads leave to the lanes' activations
    const EvictionPolicy* policy = nullptr;
    /// Adds a version to what would leave together with others, also when it must not: false.
    std::function<bool(const ModelVersion&, EvictionCandidate&)> add_part;
    /// Has the lanes give back what batches are computed in, and call OnHostMemory then; false:
    /// they hold nothing. Null: there are none.
    std::function<bool()> call_back = {};
  };
  struct Dependencies {
    std::vector<storage::ObjectStore*> stores;
    const Loader* loader = nullptr;
    base::Executor* control = nullptr;  ///< single-threaded
    base::Executor* load = nullptr;     ///< may be several threads
    const base::Clock* clock = nullptr;
    telemetry::Metrics* metrics = nullptr;
    /// Runs a task on the control thread, not before the time.
    std::function<void(base::TimePoint, base::Task)> post_at;
    LoadOverride::OpenDirectory open_directory;  ///< for override files
    HostMemory host = {};
  };
  using Observer = VersionObserver;
  using Done = base::UniqueFunction<void(base::Status)>;

  /// Everything referred to outlives the manager. The executors are stopped before it goes, and
  /// outlive all handles.
  ModelManager(Options options, Dependencies dependencies, Observer& observer);

  /// Scans, and loads what the control mode serves from the start. `done`: all loads have ended,
  /// with the scan's failure or, naming the models, the load failures. Once.
  void Start(Done done);
  /// Everybody who waits is told that the server exits, loads are given up, nothing new begins.
  void Stop();

  /// Loads or reloads. `done`: the wanted versions are READY, or what kept them from it. May run
  /// within the call, for requests that make no sense.
  void Load(LoadRequest request, Done done);
  /// Takes the model out of service. `done`: no new request reaches it; what it has accepted it
  /// answers, then it goes. A model that is not loaded is none the worse.
  /// `dependents`: models that serve only because an ensemble's load has loaded them go along with
  /// the last ensemble that uses them.
  void Unload(std::string name, Done done, bool dependents = false);
  /// Has the model leave host memory for this machine's disk, as others do when a load needs room.
  /// `done`: it takes no requests any more and gives its memory back when it has answered what it
  /// has accepted. UNAVAILABLE for one that is busy, pinned, or could not come back as it is. One
  /// that is not loaded is none the worse.
  void Evict(std::string name, Done done);
  /// A batch of the version needs so many bytes of host memory to compute in, more than are free:
  /// models leave for it. The caller keeps the version. RESOURCE_EXHAUSTED: none may.
  void WantActivations(const ModelVersion& by, std::uint64_t bytes, Done done);
  /// Host memory has come back that was not a model's.
  void OnHostMemory();
  /// UNAVAILABLE in the modes that do not take load and unload calls.
  base::Status CheckChangesAllowed() const;

  /// The version to serve: the given one, or the newest READY. Null where it is READY and not
  /// loaded so far (not yet, or evicted): Acquire it. Texts as the protocol wants them: NOT_FOUND
  /// for an unknown model or version or none available, UNAVAILABLE for a version that is not
  /// ready.
  base::StatusOr<ModelHandle> Find(std::string_view name, std::optional<std::int64_t> version,
                                   Rung rung = Rung::kResident) const;
  /// Find, and whether Acquire might do better: load the model, or try again what has failed.
  struct Lookup {
    base::StatusOr<ModelHandle> found;
    bool wait = false;
  };
  Lookup LookUp(std::string_view name, std::optional<std::int64_t> version,
                Rung rung = Rung::kResident) const;
  /// Find, and where the model would have to be loaded first, has it loaded and waits until it is,
  /// until `deadline` or until the client has gone. Answers within the call where there is nothing
  /// to wait for. Those who ask at the same time cause one load.
  void Acquire(Acquirer acquirer);

  /// Never null.
  std::shared_ptr<const Catalogue> catalogue() const { return table_.catalogue(); }
  ControlMode control_mode() const { return options_.control_mode; }

 private:
  struct Startup;
  /// What a load does, and what it does once its versions are built.
  struct Commit {
    LoadSource source;
    LoadPlan plan;
    std::map<std::int64_t, VersionContent> contents;
    std::shared_ptr<const LoadOverride> override_;
    std::uint64_t bytes = 0;     ///< of host memory that it takes, about
    bool last = false;           ///< nobody would leave for it any more
    std::uint64_t refusals = 0;  ///< of the host's ledger, before it began
    bool swaps = false;          ///< what served has left for it
  };
  /// How a load is to be done.
  struct Wanted {
    bool rebuild = false;
    bool comes_back = false;
    Rung rung = Rung::kResident;
    ReloadPolicy reload_policy = ReloadPolicy::kKeepOld;
    Members members = Members::kAsTheyAre;
  };

  // Start (startup.cc).
  void OnListed(const std::shared_ptr<Startup>& startup,
                base::StatusOr<RepositoryWatch::Listing> listing);
  bool IsBeingCopied(const ScannedModel& model) const;
  std::vector<std::string> NamesAtStart() const;
  void LoadAtStart(const std::shared_ptr<Startup>& startup, const std::string& name);
  void FinishStart(const std::shared_ptr<Startup>& startup);

  // Changes on disk (polling.cc).
  void PollLater();
  void OnPoll(base::StatusOr<RepositoryWatch::Listing> listing);
  void SayWhatIsMissing(const std::string& name, const ScanResult& scan) const;
  PollAction DecideFor(const std::string& name, const ScanResult& scan) const;
  void Follow(const std::string& name, PollAction action,
              std::shared_ptr<const ScannedModel> current);
  void OnIdentified(const std::map<std::string, std::shared_ptr<const ScannedModel>>& listings,
                    RepositoryWatch::Identified identified);
  /// Puts into the record what the listing says, without loading it.
  void Catalogued(ModelRecord& record, const base::StatusOr<LoadSource>& source);

  // Operations (model_manager.cc).
  void Submit(ModelRecord& record, PendingLoad pending);
  void StartLoad(ModelRecord& record, PendingLoad pending);
  void OnFound(const std::string& name, Wanted wanted, base::StatusOr<LoadOperation::Found> found);
  static void TryOutKept(const ModelRecord& record, Commit& commit, LoadSource& source);
  void DropUntried(ModelRecord& record, const Commit& commit,
                   const LoadOperation::Results& results);
  static std::uint64_t BytesToLoad(const ModelRecord& record, const Commit& commit);
  void Build(ModelRecord& record, const std::shared_ptr<Commit>& commit);
  bool WantsMoreRoom(const Commit& commit, const LoadOperation::Results& results) const;
  void OnBuilt(const std::string& name, const std::shared_ptr<Commit>& commit,
               LoadOperation::Results results);
  void DiscardBuilt(LoadOperation::Results& results);
  void GiveUp(ModelRecord& record, Commit& commit, LoadOperation::Results results);
  // Where host memory does not hold old and new at once (host_swap.cc).
  bool SwapOut(ModelRecord& record, Commit& commit, LoadOperation::Results& results);
  void SwapBack(ModelRecord& record, base::Status status);
  void OnFailed(ModelRecord& record, base::Status status);
  void Apply(ModelRecord& record, Commit& commit, LoadOperation::Results results);
  void EndLoad(ModelRecord& record, base::Status status);
  /// Tells the callers of older loads `why`, and has those loads given up.
  void Supersede(ModelRecord& record, const base::Status& why);
  void UnloadNow(ModelRecord& record);
  void PublishAndDrop(ModelRecord& record);

  // Ensembles and the models of their steps (dependents.cc).
  /// Goes on with the load when no member is being loaded any more.
  void BuildAfterMembers(ModelRecord& record, const std::shared_ptr<Commit>& commit,
                         const Wanted& wanted);
  void LoadMember(const std::string& name, const Wanted& wanted);
  bool LeadsTo(const std::string& from, const std::string& to) const;
  void UnloadMembers(const std::vector<std::string>& members);
  bool IsUsed(const std::string& member) const;
  base::Status CheckMembers(const ModelRecord& record, const LoadOperation::Results& results) const;

  // Leaving host memory (host_eviction.cc).
  HostRoom::Hooks RoomHooks();
  ActivationRoom::Hooks ActivationHooks();
  bool EvictFor(std::uint64_t bytes, const ActivationRoom::Models* idle_but = nullptr);
  void LookForRoom();
  void LookAtActivationsLater();
  /// What a model holds of host memory.
  struct HostShare {
    EvictionCandidate holds;
    bool pinned = false;
  };
  HostShare ShareOf(const ModelRecord& record) const;
  /// UNAVAILABLE: why it has to stay.
  base::Status WhyItStays(const ModelRecord& record, const HostShare& share) const;
  void EvictNow(ModelRecord& record, telemetry::EvictionCause cause);
  std::uint64_t HostRefusals() const;

  // Waiting (model_manager.cc).
  void Enter(Acquirer acquirer);
  /// True when nothing was on its way that brings it.
  bool EnsureLoading(const std::string& name, Rung rung);
  void AnswerServed(const std::string& name);
  void AnswerWaiting(const std::string& name);
  void OnReturned(const std::string& name);
  bool FollowsDisk() const {
    return options_.control_mode == ControlMode::kPoll ||
           options_.control_mode == ControlMode::kDemand;
  }
  void LookLater();

  const Options options_;
  const Dependencies deps_;
  const RepositoryWatch watch_;
  ModelTable table_;
  HostRoom room_;
  ActivationRoom activations_;
  WaitingRoom waiting_;
  std::shared_ptr<const ScanResult> scan_;  ///< the last one
  bool looking_ = false;
  bool looking_at_activations_ = false;  ///< a task is posted for it
  bool stopping_ = false;
};

}  // namespace hadron::model
