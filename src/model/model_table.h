#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/snapshot.h"
#include "base/unique_function.h"
#include "model/catalogue.h"
#include "model/lifecycle.h"
#include "model/load_operation.h"
#include "telemetry/metrics.h"

namespace hadron::model {

/// Told of versions that appear or go, on the control thread.
class VersionObserver {
 public:
  virtual ~VersionObserver() = default;
  /// Before the version is published: requests may come from now on, until OnGone.
  virtual void OnReady(const ModelHandle& version) = 0;
  /// Nobody holds a handle any more. `released` is to be called, on any thread, once nothing is
  /// kept that refers to the version or its weights; then it dies.
  virtual void OnGone(const ModelVersion& version, base::Task released) = 0;
};

/// What the control thread knows of one version.
struct VersionRecord {
  ModelHandle handle;      ///< set while it serves
  VersionContent content;  ///< of what serves, or has served and was evicted
  VersionFacts facts;
  std::shared_ptr<VersionHistory> history;    ///< set while it serves, and while it is evicted
  std::shared_ptr<const SavedVersion> saved;  ///< what it comes back from; may be null
};

/// What an ensemble's load does about the models of its steps that are not loaded.
enum class Members : std::uint8_t {
  kAsTheyAre,  ///< nothing: others see to them
  kOnUse,      ///< loads those whose next use would load them
  kByCall,     ///< loads them as if each had been called for
};

/// A load that is to come.
struct PendingLoad {
  LoadOperation::Finder find;
  bool rebuild = false;     ///< nothing of what runs is kept
  bool comes_back = false;  ///< as what it was when it left host memory
  Rung rung = Rung::kResident;
  Members members = Members::kAsTheyAre;
  std::optional<ReloadPolicy> reload_policy = {};  ///< in place of the server's
  base::UniqueFunction<void(base::Status)> done;   ///< may be empty
};

/// What the control thread knows of one model.
struct ModelRecord {
  std::string name;
  bool asked = false;                           ///< the server was asked to serve it
  bool unloaded = false;                        ///< by call, and not loaded since
  std::string reason;                           ///< why the whole model cannot be used
  std::shared_ptr<const ScannedModel> listing;  ///< what the catalogue goes by; null = no directory
  std::shared_ptr<const LoadOverride> override_;
  std::shared_ptr<const ScannedModel> served;  ///< what its versions were last made of, or null
  std::map<std::int64_t, VersionRecord> versions;
  std::vector<std::string> members;  ///< the models of the ensemble's steps, as last found
  bool for_others = false;           ///< loaded because an ensemble was, not by a call of its own

  std::shared_ptr<LoadOperation> running;                 ///< may have been cancelled
  Rung running_rung = Rung::kResident;                    ///< how far it loads
  base::UniqueFunction<void(base::Status)> running_done;  ///< of a call; may be empty
  std::optional<PendingLoad> next;
  /// Told once nothing runs and nothing is to come.
  std::vector<base::UniqueFunction<void(const base::Status&)>> when_idle;

  double load_factor = 1.5;  ///< host memory that a load takes, over its files
  int failures = 0;          ///< loads failed in a row
  std::string failure;
  base::TimePoint retry_at{};

  bool AnyLive() const;
  /// A load runs, or is to come.
  bool IsBusy() const { return running != nullptr || next.has_value(); }
  /// How far the versions that serve have been loaded.
  Rung rung() const;
  /// Whether its next use would load it.
  bool AnyLoadable() const;
  /// Whether a version that its next use would bring back has not left yet.
  bool IsLeaving() const;
  /// Contents of the versions that serve.
  std::map<std::int64_t, VersionContent> Live() const;
  /// What an evicted version of this content goes on with; null: it begins anew.
  std::shared_ptr<VersionHistory> HistoryOf(std::int64_t version,
                                            const VersionContent& content) const;
};

/// The control thread's book of models, and the only place that publishes the catalogue. It also
/// follows versions out of life: a version that is retired, or replaced, serves on until its last
/// handle has gone, then the observer lets go, a load thread destroys it, and only then it is
/// UNAVAILABLE. Control thread only, except for catalogue().
class ModelTable {
 public:
  struct Dependencies {
    base::Executor* control = nullptr;
    base::Executor* load = nullptr;
    telemetry::Metrics* metrics = nullptr;
    VersionObserver* observer = nullptr;
    /// An instance of the model has given its memory back.
    std::function<void(const std::string& model)> on_returned;
    /// On a load thread: what an evicted version comes back from, or null.
    std::function<std::shared_ptr<const SavedVersion>(const ModelVersion&)> save;
  };
  ModelTable(Dependencies dependencies, ControlMode mode);

  /// Never null. Any thread.
  std::shared_ptr<const Catalogue> catalogue() const { return catalogue_.Load(); }
  std::map<std::string, ModelRecord, std::less<>>& records() { return records_; }
  const std::map<std::string, ModelRecord, std::less<>>& records() const { return records_; }
  /// Made if need be.
  ModelRecord& At(const std::string& name);
  /// Null when there is none.
  ModelRecord* Find(std::string_view name);

  /// Brings the catalogue and the metrics up to date with a record; one that says nothing any more
  /// is erased. Do not use the reference afterwards unless something keeps the record.
  void Publish(ModelRecord& record);
  /// The same for many at once, after a listing.
  void PublishAll();
  void SetLoaded();

  /// Versions are about to be built: they are seen as LOADING where nothing serves.
  void BeginBuild(ModelRecord& record, const std::vector<std::int64_t>& versions);
  /// They are not being built any more.
  void EndBuild(ModelRecord& record);
  /// The new instance serves; the one it replaces retires.
  void Install(ModelRecord& record, ModelHandle built, VersionContent content);
  /// The version takes no more requests; what it has accepted it answers.
  void Retire(ModelRecord& record, std::int64_t version);
  /// The same, but its next use loads it again, and it goes on with its history.
  void Evict(ModelRecord& record, std::int64_t version);
  /// Drops the references of retired instances that the last Publish has taken out of the
  /// catalogue.
  void DropRetired() { retired_.clear(); }
  /// Whether an instance is about to give its memory back.
  bool AnybodyLeaves() const;
  /// Why an ensemble cannot serve, if what is built serves in place of what does now; empty: it
  /// can, or is none.
  std::string WhyNotReady(const ModelRecord& record, const std::vector<ModelHandle>& built) const;
  /// Has something destroyed on a load thread: it may take its time.
  void Discard(std::shared_ptr<const void> object);

 private:
  /// A handle whose end is noticed.
  ModelHandle Track(ModelHandle built);
  void Leave(VersionRecord& version);
  void Vanish(ModelHandle version);
  struct Return {
    std::string model;
    std::int64_t version = 0;
    std::shared_ptr<const SavedVersion> saved;
  };
  void Returned(Return returned);
  void UpdateMetrics(const ModelRecord& record) const;
  /// Ensembles are what their members let them be.
  void Judge(Catalogue& catalogue) const;
  ModelEntry Describe(const ModelRecord& record) const;
  bool AllReady(const Catalogue& catalogue) const;
  static bool SaysNothing(const ModelRecord& record);

  const Dependencies deps_;
  const ControlMode mode_;
  std::map<std::string, ModelRecord, std::less<>> records_;
  std::vector<ModelHandle> retired_;
  std::set<const ModelVersion*> evicted_;  ///< of those that leave: they will come back
  base::Snapshot<Catalogue> catalogue_;
};

}  // namespace hadron::model
