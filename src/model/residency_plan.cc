// The dry run: what bringing several models onto the device would come to.
#include <algorithm>
#include <numeric>

#include "model/residency_manager.h"

namespace hadron::model {

using From = ResidencyManager::PlannedStep::From;

std::vector<ResidencyManager::PlannedStep> ResidencyManager::InOrder(
    std::span<const Wish> wishes) const {
  std::vector<PlannedStep> steps;
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    PlannedStep& step = steps.emplace_back();
    step.wish = i;
    if (wishes[i].version == nullptr) {
      step.from = From::kRepository;
      step.bytes = step.added_bytes = step.missing_bytes = wishes[i].file_bytes;
      step.seconds = wishes[i].load_seconds;
      continue;
    }
    const Residence& residence = wishes[i].version->residence();
    const bool there = residence.binding_ != nullptr;
    step.from = there ? From::kDevice : From::kHost;
    step.seconds = there ? 0 : CostOf(residence);
    step.bytes = residence.image_->total_bytes();
  }
  std::ranges::stable_sort(steps, [](const PlannedStep& a, const PlannedStep& b) {
    if (a.from != b.from) return a.from < b.from;
    return a.from == From::kHost && *a.seconds < *b.seconds;
  });
  return steps;
}

ResidencyManager::Outlook ResidencyManager::Foresee(std::span<const Wish> wishes) const {
  Outlook outlook;
  base::MutexLock lock(mutex_);
  outlook.budget = deps_.device->memory().budget();
  outlook.capacity = store_.capacity();
  outlook.free_bytes = store_.free_bytes();
  outlook.steps = InOrder(wishes);
  std::set<const Residence*> wished;
  for (const Wish& wish : wishes) {
    if (wish.version != nullptr) wished.insert(&wish.version->residence());
  }
  // What is pinned is there before anybody comes.
  std::vector<const plan::WeightImage*> images;
  for (const Residence* residence : residences_) {
    const bool stays = residence->pinned_ && residence->binding_ != nullptr;
    if (stays && !wished.contains(residence)) images.push_back(residence->image_.get());
  }
  const std::size_t pinned = images.size();
  for (const PlannedStep& step : outlook.steps) {
    const ModelVersion* version = wishes[step.wish].version;
    if (version != nullptr) images.push_back(version->residence().image_.get());
  }
  const std::vector<WeightStore::Need> needs = store_.Needs(images);
  std::uint64_t taken = 0;
  for (std::size_t i = 0; i < pinned; ++i) taken += needs[i].added_bytes;
  std::uint64_t missing = 0;
  std::size_t next = pinned;
  for (PlannedStep& step : outlook.steps) {
    if (wishes[step.wish].version != nullptr) {
      step.added_bytes = needs[next].added_bytes;
      step.missing_bytes = needs[next].missing_bytes;
      ++next;
    }
    step.fits = step.added_bytes <= outlook.capacity - std::min(outlook.capacity, taken);
    if (!step.fits) continue;
    taken += step.added_bytes;
    missing += step.missing_bytes;
  }
  if (missing <= outlook.free_bytes) return outlook;
  for (const Residence* victim : ChooseVictims(missing - outlook.free_bytes, nullptr, wished)) {
    outlook.victims.push_back(victim->model_);
  }
  outlook.blocked = outlook.victims.empty();
  return outlook;
}

}  // namespace hadron::model
