#include "model/model_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace hadron::model {
namespace {

using base::Status;
using base::StatusCode;
using base::StatusOr;

Status Exiting() { return base::Unavailable("Server exiting", base::RefusalCause::kDraining); }

Status Newer(const std::string& name) {
  return base::Unavailable(
      fmt::format("load failed for model '{}': Newer operation has been applied to the model",
                  base::EscapeControl(name)));
}

/// What is wrong with a model is the caller's affair, whatever part of it found that out; what time
/// or memory would heal is not.
StatusCode LoadFailureCode(StatusCode cause) {
  const bool passing = cause == StatusCode::kResourceExhausted || cause == StatusCode::kUnavailable;
  return passing ? cause : StatusCode::kInvalidArgument;
}

Status LoadFailure(const std::string& name, const Status& cause) {
  if (cause.code() == StatusCode::kNotFound) return cause.Clone();
  return {LoadFailureCode(cause.code()),
          fmt::format("load failed for model '{}': {}", name, cause.message()), cause.cause()};
}

/// One failure of those of a load's versions.
Status LoadFailure(const std::string& name, const LoadOperation::Results& results) {
  std::string text = fmt::format("load failed for model '{}':", name);
  StatusCode code = StatusCode::kInvalidArgument;
  base::RefusalCause refusal = base::RefusalCause::kNone;
  for (const auto& [version, result] : results) {
    if (result.ok()) continue;
    text += fmt::format(" version {} is at UNAVAILABLE state: {};", version, result.message());
    if (LoadFailureCode(result.code()) == StatusCode::kInvalidArgument) continue;
    code = result.code();
    refusal = result.CloneStatus().cause();
  }
  return {code, std::move(text), refusal};
}

std::string Unknown(std::string_view name) {
  return fmt::format("Request for unknown model: '{}'", base::EscapeControl(name));
}

ModelManager::Dependencies Complete(ModelManager::Dependencies dependencies) {
  HADRON_CHECK(dependencies.loader != nullptr && dependencies.control != nullptr &&
               dependencies.load != nullptr && dependencies.clock != nullptr &&
               dependencies.metrics != nullptr);
  return dependencies;
}

/// Null when it has to be loaded further first.
ModelHandle IfSoFar(const ModelHandle& handle, Rung rung) {
  const bool so_far = handle != nullptr && (rung == Rung::kCompiled || handle->tried_out());
  return so_far ? handle : nullptr;
}

/// By how much more host memory than thought a load is tried again that the ledger has refused.
constexpr double kGrowth = 1.5;

}  // namespace

ModelManager::ModelManager(Options options, Dependencies dependencies, Observer& observer)
    : options_(std::move(options)),
      deps_(Complete(std::move(dependencies))),
      watch_({deps_.stores, deps_.loader, deps_.control, deps_.load, deps_.open_directory},
             {.model_config_name = options_.model_config_name}),
      table_({deps_.control, deps_.load, deps_.metrics, &observer,
              [this](const std::string& name) { OnReturned(name); },
              [this](const ModelVersion& version) { return deps_.loader->Save(version); }},
             options_.control_mode),
      room_(RoomHooks()),
      activations_(ActivationHooks()) {}

void ModelManager::Stop() {
  deps_.control->Post([this] {
    stopping_ = true;
    for (auto& [name, record] : table_.records()) {
      Supersede(record, Exiting());
      record.when_idle.clear();
    }
    for (Acquirer& acquirer : waiting_.TakeAll()) acquirer.done(Exiting());
    activations_.Refuse(Exiting());
  });
}

// ---- calls --------------------------------------------------------------------------------------

Status ModelManager::CheckChangesAllowed() const {
  if (options_.control_mode == ControlMode::kExplicit ||
      options_.control_mode == ControlMode::kDemand) {
    return {};
  }
  return base::Unavailable(
      "explicit model load / unload is not allowed if polling is enabled; start the server with "
      "--model-control-mode=explicit or demand");
}

void ModelManager::Load(LoadRequest request, Done done) {
  Status status = CheckLoadRequest(request);
  if (status.ok()) status = CheckChangesAllowed();
  if (!status.ok()) return done(std::move(status));
  deps_.control->Post([this, request = std::move(request), done = std::move(done)]() mutable {
    if (stopping_) return done(Exiting());
    ModelRecord& record = table_.At(request.name);
    record.for_others = false;
    PendingLoad pending;
    pending.members = Members::kByCall;
    pending.rebuild = request.overrides();
    pending.reload_policy = request.reload_policy;
    pending.find = watch_.FindRequested(std::move(request), scan_);
    pending.done = std::move(done);
    Submit(record, std::move(pending));
  });
}

void ModelManager::Unload(std::string name, Done done, bool dependents) {
  Status status = CheckChangesAllowed();
  if (!status.ok()) return done(std::move(status));
  deps_.control->Post([this, name = std::move(name), done = std::move(done), dependents]() mutable {
    ModelRecord* record = table_.Find(name);
    if (record != nullptr && !stopping_) {
      const std::vector<std::string> members = record->members;
      record->unloaded = true;
      UnloadNow(*record);
      if (dependents) UnloadMembers(members);
    }
    done(stopping_ ? Exiting() : Status());
  });
}

void ModelManager::UnloadNow(ModelRecord& record) {
  const std::string name = record.name;
  Supersede(record, Newer(name));
  for (auto& [number, version] : record.versions) {
    version.facts.unloaded = version.facts.unloaded || version.facts.loadable;
    version.facts.loadable = false;
    version.facts.failure.clear();
    table_.Retire(record, number);
  }
  base::LogInfo("model unloaded", {{"model", name}});
  record.failure.clear();
  record.failures = 0;
  record.asked = false;
  record.reason = record.listing == nullptr ? "" : record.listing->reason;
  table_.Discard(std::exchange(record.override_, nullptr));
  PublishAndDrop(record);
  AnswerWaiting(name);
}

void ModelManager::PublishAndDrop(ModelRecord& record) {
  table_.Publish(record);
  table_.DropRetired();
}

// ---- loads --------------------------------------------------------------------------------------

void ModelManager::Supersede(ModelRecord& record, const Status& why) {
  if (record.running != nullptr) {
    record.running->Cancel();
    room_.Look();
    table_.EndBuild(record);
    if (record.running_done) std::exchange(record.running_done, {})(why.Clone());
  }
  if (record.next) {
    if (record.next->done) record.next->done(why.Clone());
    record.next.reset();
  }
}

void ModelManager::Submit(ModelRecord& record, PendingLoad pending) {
  Supersede(record, Newer(record.name));
  if (record.running == nullptr) return StartLoad(record, std::move(pending));
  record.next = std::move(pending);
  table_.Publish(record);
}

void ModelManager::StartLoad(ModelRecord& record, PendingLoad pending) {
  record.running = std::make_shared<LoadOperation>(LoadOperation::Dependencies{
      deps_.loader, deps_.control, deps_.load, options_.load_retries + 1});
  record.running_done = std::move(pending.done);
  record.running_rung = pending.rung;
  const Wanted wanted{pending.rebuild, pending.comes_back, pending.rung,
                      pending.reload_policy.value_or(options_.reload_policy), pending.members};
  record.running->Find(std::move(pending.find),
                       [this, name = record.name, wanted](StatusOr<LoadOperation::Found> found) {
                         OnFound(name, wanted, std::move(found));
                       });
}

void ModelManager::OnFound(const std::string& name, Wanted wanted,
                           StatusOr<LoadOperation::Found> found) {
  ModelRecord& record = table_.At(name);
  if (record.running->cancelled()) {
    if (found.ok()) table_.Discard(std::move(found->override_));
    return EndLoad(record, Newer(name));
  }
  if (!found.ok()) {
    record.asked = record.asked || record.listing != nullptr;
    if (!record.AnyLive()) record.reason = found.message();
    return OnFailed(record, LoadFailure(name, found.CloneStatus()));
  }
  LoadSource& source = found->source;
  auto commit = std::make_shared<Commit>();
  commit->plan = PlanLoad(record.Live(), source.model, source.versions, wanted.rebuild);
  commit->override_ = std::move(found->override_);
  source.reload_policy = wanted.reload_policy;
  source.as_listed = wanted.comes_back;
  source.rung = wanted.rung;
  for (const std::int64_t version : commit->plan.build) {
    VersionContent content = ContentOf(source.model, *source.model.FindVersion(version));
    if (const auto history = record.HistoryOf(version, content)) {
      source.histories.emplace(version, history);
      if (const auto& saved = record.versions[version].saved) source.saved.emplace(version, saved);
    }
    if (const ModelHandle& old = record.versions[version].handle) {
      source.replaced.emplace(version, old);
    }
    commit->contents.emplace(version, std::move(content));
  }
  if (wanted.rung == Rung::kResident) TryOutKept(record, *commit, source);
  if (commit->override_ == nullptr && !wanted.comes_back) {
    record.listing = std::make_shared<const ScannedModel>(source.model);
  }
  record.members = source.config == nullptr ? std::vector<std::string>() : source.config->members();
  record.asked = true;
  record.reason.clear();
  table_.BeginBuild(record, commit->plan.build);
  table_.Publish(record);
  commit->source = std::move(source);
  commit->bytes = BytesToLoad(record, *commit);
  BuildAfterMembers(record, commit, wanted);
}

/// What runs on but has never run is to be tried out.
void ModelManager::TryOutKept(const ModelRecord& record, Commit& commit, LoadSource& source) {
  std::erase_if(commit.plan.keep, [&](std::int64_t number) {
    const ModelHandle& handle = record.versions.at(number).handle;
    if (handle->tried_out()) return false;
    source.compiled.emplace(number, handle);
    commit.plan.build.push_back(number);
    return true;
  });
}

/// What was compiled and has failed when it was tried out serves nobody.
void ModelManager::DropUntried(ModelRecord& record, const Commit& commit,
                               const LoadOperation::Results& results) {
  for (const auto& [number, handle] : commit.source.compiled) {
    const auto result = results.find(number);
    if (result == results.end() || result->second.ok()) continue;
    table_.Retire(record, number);
    record.versions[number].facts.loadable = true;
  }
}

std::uint64_t ModelManager::BytesToLoad(const ModelRecord& record, const Commit& commit) {
  std::uint64_t bytes = 0;
  std::uint64_t saved_bytes = 0;
  for (const auto& [version, content] : commit.contents) {
    const auto saved = commit.source.saved.find(version);
    if (saved != commit.source.saved.end()) {
      saved_bytes += saved->second->weights->bytes();
      continue;
    }
    for (const FileState& file : content.version.files) bytes += file.size;
  }
  return saved_bytes + static_cast<std::uint64_t>(static_cast<double>(bytes) * record.load_factor);
}

void ModelManager::Build(ModelRecord& record, const std::shared_ptr<Commit>& commit) {
  HostRoom::Load load;
  load.bytes = commit->bytes;
  load.fetches = !commit->source.model.store->LocalPath(record.name).has_value();
  load.cancelled = [operation = record.running] { return operation->cancelled(); };
  load.go = [this, name = record.name, operation = record.running, commit,
             fetches = load.fetches](bool last) {
    commit->last = last;
    commit->refusals = HostRefusals();
    operation->Build(commit->source, commit->plan.build,
                     [this, name, commit, fetches](LoadOperation::Results results) {
                       const std::uint64_t bytes = commit->bytes;
                       OnBuilt(name, commit, std::move(results));
                       room_.Leave(bytes, fetches);  // from here on it may leave for others
                       activations_.Look(deps_.clock->Now());
                     });
  };
  room_.Enter(std::move(load));
}

void ModelManager::OnBuilt(const std::string& name, const std::shared_ptr<Commit>& commit,
                           LoadOperation::Results results) {
  ModelRecord& record = table_.At(name);
  const bool cancelled = record.running->cancelled();
  const bool good = std::ranges::all_of(results, [](const auto& r) { return r.second.ok(); });
  if (good && !cancelled) {
    Status fits = CheckMembers(record, results);
    // What serves goes on serving; where nothing does the ensemble waits for members that fit.
    if (!fits.ok() && !results.empty() && record.AnyLive()) {
      DiscardBuilt(results);
      table_.Discard(std::move(commit->override_));
      return OnFailed(record, std::move(fits));
    }
    if (!fits.ok()) {
      base::LogError("ensemble cannot serve yet", {{"model", name}, {"reason", fits.message()}});
    }
    Apply(record, *commit, std::move(results));
    return EndLoad(record, std::move(fits));
  }
  if (!cancelled && WantsMoreRoom(*commit, results)) {
    DiscardBuilt(results);
    record.load_factor *= kGrowth;
    commit->bytes = BytesToLoad(record, *commit);
    return Build(record, commit);
  }
  if (!cancelled && SwapOut(record, *commit, results)) return Build(record, commit);
  GiveUp(record, *commit, std::move(results));
}

void ModelManager::DiscardBuilt(LoadOperation::Results& results) {
  for (auto& [number, result] : results) {
    if (result.ok()) table_.Discard(std::move(*result));
  }
}

void ModelManager::GiveUp(ModelRecord& record, Commit& commit, LoadOperation::Results results) {
  const bool cancelled = record.running->cancelled();
  Status failure = cancelled ? Newer(record.name) : LoadFailure(record.name, results);
  if (!cancelled) DropUntried(record, commit, results);
  for (auto& [number, result] : results) {
    VersionFacts& facts = record.versions[number].facts;
    if (!cancelled && !facts.live && !commit.swaps) {
      facts.unloaded = false;
      facts.failure = result.ok() ? "another version of the same load failed" : result.message();
    }
    if (result.ok()) table_.Discard(std::move(*result));
  }
  table_.Discard(std::move(commit.override_));
  if (cancelled) return EndLoad(record, std::move(failure));
  if (commit.swaps) return SwapBack(record, std::move(failure));
  OnFailed(record, std::move(failure));
}

/// The host's ledger has refused it, and others may leave for it.
bool ModelManager::WantsMoreRoom(const Commit& commit,
                                 const LoadOperation::Results& results) const {
  const bool exhausted = std::ranges::any_of(results, [](const auto& result) {
    return result.second.code() == StatusCode::kResourceExhausted;
  });
  return exhausted && !commit.last && HostRefusals() != commit.refusals;
}

void ModelManager::OnFailed(ModelRecord& record, Status status) {
  base::LogError("model failed to load", {{"model", record.name}, {"reason", status.message()}});
  if (record.AnyLoadable() && !record.AnyLive()) {
    record.failure = status.message();
    record.retry_at = deps_.clock->Now() + RetryDelay(++record.failures);
  }
  EndLoad(record, std::move(status));
}

void ModelManager::Apply(ModelRecord& record, Commit& commit, LoadOperation::Results results) {
  for (auto& [number, result] : results) {
    if (commit.source.compiled.contains(number)) continue;  // it serves already
    base::LogInfo(
        (*result)->is_ensemble() ? "ensemble loaded" : "model ready",
        {{"model", record.name}, {"version", number}, {"seconds", (*result)->load_seconds()}});
    table_.Install(record, std::move(*result), std::move(commit.contents.at(number)));
  }
  record.served = commit.override_ != nullptr
                      ? nullptr
                      : std::make_shared<const ScannedModel>(commit.source.model);
  const std::vector<std::int64_t>& versions = commit.source.versions;
  const std::set<std::int64_t> wanted(versions.begin(), versions.end());
  for (auto& [number, version] : record.versions) {
    if (!wanted.contains(number)) table_.Retire(record, number);
    version.facts.loadable =
        wanted.contains(number) && options_.control_mode == ControlMode::kDemand;
  }
  std::erase_if(record.versions, [&](const auto& item) {
    const VersionFacts& facts = item.second.facts;
    return !wanted.contains(item.first) && !facts.live && facts.retiring == 0 && !facts.unloaded;
  });
  record.unloaded = false;
  record.failure.clear();
  record.failures = 0;
  table_.Discard(std::exchange(record.override_, std::move(commit.override_)));
}

void ModelManager::EndLoad(ModelRecord& record, Status status) {
  const std::string name = record.name;
  record.running.reset();
  Done done = std::exchange(record.running_done, {});
  table_.EndBuild(record);
  if (record.next && !stopping_) {
    PendingLoad next = std::move(*record.next);
    record.next.reset();
    StartLoad(record, std::move(next));
    PublishAndDrop(record);
    if (done) done(std::move(status));
    return AnswerServed(name);
  }
  // An unload has superseded it: for whoever follows the model that is an end like any other.
  const bool given_up = record.unloaded && !status.ok();
  auto followers = std::exchange(record.when_idle, {});
  PublishAndDrop(record);
  for (auto& follower : followers) follower(given_up ? Status() : status.Clone());
  if (done) done(std::move(status));
  AnswerWaiting(name);
}

// ---- reading and waiting ------------------------------------------------------------------------

StatusOr<ModelHandle> ModelManager::Find(std::string_view name, std::optional<std::int64_t> version,
                                         Rung rung) const {
  const auto catalogue = table_.catalogue();
  const auto it = catalogue->models.find(name);
  if (it == catalogue->models.end()) {
    if (catalogue->listed) return base::NotFound(Unknown(name) + " is not found");
    return base::Unavailable("the server is starting: models are not known yet");
  }
  const ModelEntry& entry = it->second;
  const auto& versions = entry.versions;
  if (!version) {
    const auto newest = std::find_if(versions.rbegin(), versions.rend(), [](const auto& item) {
      return item.second.state == VersionState::kReady;
    });
    if (newest != versions.rend()) return IfSoFar(newest->second.handle, rung);
    if (!entry.failure.empty()) return base::Unavailable(entry.failure);
    return base::NotFound(Unknown(name) + " has no available versions");
  }
  const auto found = versions.find(*version);
  if (found == versions.end()) {
    return base::NotFound(fmt::format("{} version {} is not found", Unknown(name), *version));
  }
  if (found->second.state == VersionState::kReady) return IfSoFar(found->second.handle, rung);
  return base::Unavailable(fmt::format("{} version {} is not at ready state{}{}", Unknown(name),
                                       *version, entry.failure.empty() ? "" : ": ", entry.failure));
}

ModelManager::Lookup ModelManager::LookUp(std::string_view name,
                                          std::optional<std::int64_t> version, Rung rung) const {
  Lookup lookup{Find(name, version, rung)};
  if (lookup.found.ok()) {
    lookup.wait = *lookup.found == nullptr;
    return lookup;
  }
  const auto catalogue = table_.catalogue();
  const auto entry = catalogue->models.find(name);
  lookup.wait = entry != catalogue->models.end() && !entry->second.failure.empty() &&
                entry->second.retry_at <= deps_.clock->Now();
  return lookup;
}

void ModelManager::Acquire(Acquirer acquirer) {
  Lookup lookup = LookUp(acquirer.model, acquirer.version, acquirer.rung);
  if (!lookup.wait) return acquirer.done(std::move(lookup.found));
  deps_.control->Post(
      [this, acquirer = std::move(acquirer)]() mutable { Enter(std::move(acquirer)); });
}

void ModelManager::Enter(Acquirer acquirer) {
  if (stopping_) return acquirer.done(Exiting());
  Lookup lookup =
      LookUp(acquirer.model, acquirer.version, acquirer.rung);  // things may have changed
  if (!lookup.wait) return acquirer.done(std::move(lookup.found));
  const std::string name = acquirer.model;
  const Rung rung = acquirer.rung;
  const bool first = !waiting_.RungFor(name);
  const std::shared_ptr<std::atomic<bool>> causes_load = acquirer.causes_load;
  waiting_.Enter(std::move(acquirer));
  if (EnsureLoading(name, rung) && first && causes_load != nullptr) causes_load->store(true);
  LookLater();
}

bool ModelManager::EnsureLoading(const std::string& name, Rung rung) {
  ModelRecord& record = table_.At(name);
  if (record.next) record.next->rung = std::max(record.next->rung, rung);
  const bool coming = record.next || (record.running != nullptr && !record.running->cancelled() &&
                                      record.running_rung >= rung);
  // What leaves has to have left first: then it is known what it comes back from.
  if (coming) return false;
  if (record.IsLeaving()) return true;
  PendingLoad pending;
  pending.rung = rung;
  if (rung == Rung::kResident) pending.members = Members::kOnUse;
  pending.comes_back = !FollowsDisk() && record.served != nullptr;
  const auto& listing = pending.comes_back ? record.served : record.listing;
  if (listing == nullptr) return false;
  pending.find = watch_.FindListed(listing);
  if (record.running != nullptr) {
    record.next = std::move(pending);
  } else {
    StartLoad(record, std::move(pending));
  }
  return true;
}

void ModelManager::OnReturned(const std::string& name) {
  LookForRoom();
  if (const auto rung = waiting_.RungFor(name); rung && !stopping_) EnsureLoading(name, *rung);
}

/// Another load of the model is on its way: only those whom what is there serves go on.
void ModelManager::AnswerServed(const std::string& name) {
  for (Acquirer& acquirer : waiting_.Take(name)) {
    auto found = Find(name, acquirer.version, acquirer.rung);
    if (found.ok() && *found != nullptr) {
      acquirer.done(std::move(found));
    } else {
      waiting_.Enter(std::move(acquirer));
    }
  }
}

/// Nothing of the model is on its way any more: whoever waits gets what there is.
void ModelManager::AnswerWaiting(const std::string& name) {
  for (Acquirer& acquirer : waiting_.Take(name)) {
    auto found = Find(name, acquirer.version, acquirer.rung);
    const bool absent = found.ok() && *found == nullptr;
    acquirer.done(absent ? base::Unavailable(Unknown(name) + " could not be loaded; try again")
                         : std::move(found));
  }
}

void ModelManager::LookLater() {
  if (looking_ || waiting_.empty()) return;
  looking_ = true;
  deps_.post_at(waiting_.NextLook(deps_.clock->Now()), [this] {
    looking_ = false;
    waiting_.Expire(deps_.clock->Now());
    LookLater();
  });
}

}  // namespace hadron::model
