// What ModelManager does when the server starts, by control mode.
#include <fmt/format.h>

#include "base/log.h"
#include "base/strings.h"
#include "model/model_manager.h"

namespace hadron::model {

using base::Status;
using base::StatusOr;

/// How much of the start-up loads is still out. Control thread only.
struct ModelManager::Startup {
  Done done;
  std::size_t outstanding = 0;
  std::vector<std::string> failures;
};

void ModelManager::Start(Done done) {
  auto startup = std::make_shared<Startup>();
  startup->done = std::move(done);
  watch_.List(nullptr, options_.control_mode == ControlMode::kDemand,
              [this, startup](StatusOr<RepositoryWatch::Listing> listing) {
                OnListed(startup, std::move(listing));
              });
}

void ModelManager::OnListed(const std::shared_ptr<Startup>& startup,
                            StatusOr<RepositoryWatch::Listing> listing) {
  if (!listing.ok()) {
    table_.SetLoaded();
    PollLater();
    return startup->done(std::move(listing).status());
  }
  scan_ = listing->scan;
  const bool everything =
      options_.control_mode == ControlMode::kNone || options_.control_mode == ControlMode::kPoll;
  for (const auto& [name, model] : scan_->models) {
    if (IsBeingCopied(model)) continue;  // the poll goes on with it
    ModelRecord& record = table_.At(name);
    record.listing = std::shared_ptr<const ScannedModel>(scan_, &model);
    record.asked = record.asked || everything;  // a call may have been quicker
    const auto source = listing->identified.find(name);
    if (source != listing->identified.end()) {
      Catalogued(record, source->second);
    } else {
      record.reason = model.reason;
    }
  }
  const std::vector<std::string> names = NamesAtStart();
  startup->outstanding = names.size() + 1;  // one for this function
  for (const std::string& name : names) LoadAtStart(startup, name);
  table_.PublishAll();
  if (options_.control_mode == ControlMode::kDemand) table_.SetLoaded();
  FinishStart(startup);
}

/// Where changes are followed a model that is not whole is none yet; elsewhere it is a failure.
bool ModelManager::IsBeingCopied(const ScannedModel& model) const {
  const bool follows =
      options_.control_mode == ControlMode::kPoll || options_.control_mode == ControlMode::kDemand;
  return follows && options_.poll_interval.count() > 0 && !LooksWhole(model);
}

std::vector<std::string> ModelManager::NamesAtStart() const {
  const bool calls = options_.control_mode == ControlMode::kExplicit ||
                     options_.control_mode == ControlMode::kDemand;
  if (calls && options_.load_models != std::vector<std::string>{"*"}) return options_.load_models;
  std::vector<std::string> names;
  for (const auto& [name, model] : scan_->models) {
    if (!IsBeingCopied(model)) names.push_back(name);
  }
  return names;
}

void ModelManager::LoadAtStart(const std::shared_ptr<Startup>& startup, const std::string& name) {
  ModelRecord& record = table_.At(name);
  record.asked = true;
  record.for_others = false;
  record.when_idle.emplace_back([this, startup](const Status& status) {
    if (!status.ok()) startup->failures.push_back(status.message());
    FinishStart(startup);
  });
  if (record.running != nullptr) return;  // by call: the start follows
  PendingLoad pending;
  if (CheckChangesAllowed().ok()) pending.members = Members::kByCall;
  pending.find = record.listing == nullptr ? watch_.FindRequested({.name = name})
                                           : watch_.FindListed(record.listing);
  Submit(record, std::move(pending));
}

void ModelManager::FinishStart(const std::shared_ptr<Startup>& startup) {
  if (--startup->outstanding > 0) return;
  table_.SetLoaded();
  PollLater();
  Status status;
  if (!startup->failures.empty()) {
    status = base::InvalidArgument(fmt::format("{} of the models failed to load: {}",
                                               startup->failures.size(),
                                               base::Join(startup->failures, "; ")));
  }
  startup->done(std::move(status));
}

}  // namespace hadron::model
