// Ensembles and the models of their steps: who is loaded, and unloaded, for whose sake.
#include <algorithm>
#include <set>

#include "base/log.h"
#include "model/model_manager.h"

namespace hadron::model {

using base::Status;

/// Whether the load of `from` waits, directly or not, for that of `to`.
bool ModelManager::LeadsTo(const std::string& from, const std::string& to) const {
  std::set<std::string> seen;
  std::vector<std::string> open = {from};
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    if (name == to) return true;
    const auto at = table_.records().find(name);
    if (at == table_.records().end() || !at->second.IsBusy() || !seen.insert(name).second) continue;
    for (const std::string& member : at->second.members) open.push_back(member);
  }
  return false;
}

void ModelManager::BuildAfterMembers(ModelRecord& record, const std::shared_ptr<Commit>& commit,
                                     const Wanted& wanted) {
  const std::string name = record.name;
  const auto outstanding = std::make_shared<std::size_t>(1);  // one for this function
  const auto ended = [this, name, commit, outstanding] {
    if (--*outstanding > 0) return;
    if (commit->plan.build.empty()) return OnBuilt(name, commit, {});
    Build(table_.At(name), commit);
  };
  for (const std::string& member : std::vector<std::string>(record.members)) {
    // Ensembles that contain each other would wait for ever; the catalogue says what is wrong.
    if (LeadsTo(member, name)) continue;
    LoadMember(member, wanted);
    ModelRecord* const found = table_.Find(member);
    if (found == nullptr || !found->IsBusy()) continue;
    ++*outstanding;
    found->when_idle.emplace_back([ended](const Status&) { ended(); });
  }
  ended();
}

/// Unless it is loaded, or on its way.
void ModelManager::LoadMember(const std::string& name, const Wanted& wanted) {
  const ModelRecord* const known = table_.Find(name);
  const bool there = known != nullptr && (known->AnyLive() || known->IsBusy());
  if (there || stopping_ || wanted.members == Members::kAsTheyAre) return;
  if (wanted.members == Members::kOnUse) {
    if (known != nullptr && known->AnyLoadable()) EnsureLoading(name, wanted.rung);
    return;
  }
  if (!CheckModelName(name).ok()) return;  // no repository has it
  ModelRecord& record = table_.At(name);
  record.for_others = true;
  PendingLoad pending;
  pending.members = Members::kByCall;
  pending.find = watch_.FindRequested({.name = name}, scan_);
  Submit(record, std::move(pending));
}

/// An ensemble has been built: whether its members are there and fit.
Status ModelManager::CheckMembers(const ModelRecord& record,
                                  const LoadOperation::Results& results) const {
  std::vector<ModelHandle> built;
  for (const auto& [number, result] : results) built.push_back(*result);
  const std::string why = table_.WhyNotReady(record, built);
  if (why.empty()) return {};
  return base::InvalidArgument("load failed for model '" + record.name + "': " + why);
}

bool ModelManager::IsUsed(const std::string& member) const {
  return std::ranges::any_of(table_.records(), [&](const auto& item) {
    const ModelRecord& record = item.second;
    const bool loads = record.running != nullptr && !record.running->cancelled();
    return (record.AnyLive() || loads || record.next) &&
           std::ranges::find(record.members, member) != record.members.end();
  });
}

void ModelManager::UnloadMembers(const std::vector<std::string>& members) {
  for (const std::string& member : members) {
    ModelRecord* const record = table_.Find(member);
    if (record == nullptr || !record->for_others || IsUsed(member)) continue;
    const std::vector<std::string> further = record->members;
    record->for_others = false;
    record->unloaded = true;
    UnloadNow(*record);
    UnloadMembers(further);
  }
}

}  // namespace hadron::model
