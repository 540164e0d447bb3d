// Reloads where host memory does not hold a model's old and new weights at once, and the old ones
// may leave first.
#include <algorithm>

#include "base/log.h"
#include "model/model_manager.h"

namespace hadron::model {

/// The new versions have been found right but for the room; whether the old ones leave for them.
/// Requests wait from here on as they do for any model that has left: until the load has ended.
bool ModelManager::SwapOut(ModelRecord& record, Commit& commit, LoadOperation::Results& results) {
  const bool exhausted = std::ranges::all_of(results, [](const auto& result) {
    return result.second.ok() || result.second.code() == base::StatusCode::kResourceExhausted;
  });
  const bool allowed = commit.source.reload_policy == ReloadPolicy::kSwapOutFirst && !commit.swaps;
  if (!allowed || !exhausted || HostRefusals() == commit.refusals) return false;
  if (!record.AnyLive() || record.served == nullptr) return false;
  DiscardBuilt(results);
  commit.swaps = true;
  commit.source.replaced.clear();
  base::LogInfo("the old version leaves host memory for the new one", {{"model", record.name}});
  for (auto& [number, version] : record.versions) {
    if (version.handle != nullptr) table_.Evict(record, number);
  }
  PublishAndDrop(record);
  return true;
}

/// It was not worth it: the old ones come back as they were.
void ModelManager::SwapBack(ModelRecord& record, base::Status status) {
  base::LogError("model failed to load, the old version comes back",
                 {{"model", record.name}, {"reason", status.message()}});
  // One that somebody still holds comes back with its next request.
  if (!record.next && !record.IsLeaving()) {
    PendingLoad pending;
    pending.comes_back = true;
    pending.find = watch_.FindListed(record.served);
    record.next = std::move(pending);
  }
  EndLoad(record, std::move(status));
}

}  // namespace hadron::model
