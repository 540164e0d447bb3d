// What lanes need of the device's memory for the tensors between the layers.
#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "base/strings.h"
#include "model/residency_manager.h"

namespace hadron::model {

using base::StatusOr;

namespace {

base::Status GoesFirst() {
  return base::Unavailable("others use, or wait for, the device's memory and go first",
                           base::RefusalCause::kMemory);
}

}  // namespace

void ResidencyManager::WantArena(const ModelVersion& by, std::uint64_t bytes, ArenaDone done) {
  AddArenaWant({&by.residence(), bytes, nullptr, std::move(done)});
}

StatusOr<plan::ArenaPlace> ResidencyManager::ObtainArena(const ModelVersion& by,
                                                         std::uint64_t bytes) {
  auto given = std::make_shared<std::promise<StatusOr<plan::ArenaPlace>>>();
  auto answer = given->get_future();
  AddArenaWant({&by.residence(), bytes, given.get(),
                [given](StatusOr<plan::ArenaPlace> arena) { given->set_value(std::move(arena)); }});
  // Batches that it waits for may wait for a plan, which load threads make.
  if (answer.wait_for(options_.restore_timeout) != std::future_status::ready) {
    base::MutexLock lock(mutex_);
    // What is not on the list any more has an answer on its way.
    const auto own = [&](const ArenaWant& want) { return want.load == given.get(); };
    if (std::erase_if(arenas_wanted_, own) > 0) return GoesFirst();
  }
  return answer.get();
}

std::optional<plan::ArenaPlace> ResidencyManager::TakeSpare(std::uint64_t bytes) {
  base::MutexLock lock(mutex_);
  const bool wanted = std::ranges::any_of(
      residences_, [](const Residence* residence) { return residence->wanted_; });
  if (stopped_ || wanted || starved_.load() || !arenas_wanted_.empty()) return std::nullopt;
  auto place = store_.PlaceArena(bytes);
  if (!place.ok() || !place->has_value()) return std::nullopt;  // it is not needed that much
  spare_ = (*place)->hold;
  return *std::move(*place);
}

void ResidencyManager::ForgetSpare() {
  {
    base::MutexLock lock(mutex_);
    spare_.reset();
  }
  PostPump();
}

bool ResidencyManager::CallSpareBack(News& news) {
  if (spare_.expired()) return false;
  news.spare_wanted = true;
  return true;
}

void ResidencyManager::AddArenaWant(ArenaWant want) {
  deps_.control->Post([this, want = std::move(want)]() mutable {
    bool stopped = false;
    {
      base::MutexLock lock(mutex_);
      stopped = stopped_;
      if (!stopped) arenas_wanted_.push_back(std::move(want));
    }
    if (!stopped) return Pump();
    want.done(base::Unavailable("Server exiting", base::RefusalCause::kDraining));
  });
}

/// One after the other: a lane that waits runs nothing, so these come before all restores.
void ResidencyManager::PlaceArenas(News& news) {
  while (!arenas_wanted_.empty()) {
    auto outcome = TryArena(arenas_wanted_.front(), news);
    if (!outcome) return;
    news.arenas.emplace_back(std::move(arenas_wanted_.front().done), std::move(*outcome));
    arenas_wanted_.pop_front();
  }
}

/// Nothing when it has to wait for memory.
std::optional<StatusOr<plan::ArenaPlace>> ResidencyManager::TryArena(const ArenaWant& want,
                                                                     News& news) {
  using Outcome = std::optional<StatusOr<plan::ArenaPlace>>;
  // As in StartRestore: from here on whoever gives memory back says so.
  starved_.store(true);
  const bool somebody_leaves = SomebodyLeaves();
  auto place = store_.PlaceArena(want.bytes);
  if (place.ok() && !place->has_value()) {
    if (CallSpareBack(news) || CallBack(nullptr)) return std::nullopt;
    const std::uint64_t missing = store_.ArenaBytes(want.bytes);
    const bool in_sum = !somebody_leaves && missing <= store_.free_bytes();
    if (in_sum && uploading_) return std::nullopt;
    if (in_sum && StartMoves(store_.MakeHole(want.bytes, RangesInUse()), news)) return std::nullopt;
    const auto cause = telemetry::EvictionCause::kArena;
    if (somebody_leaves || EvictFor(missing, cause, nullptr, news) || SomebodyElseEnds(want) ||
        HaveLoadYield(news)) {
      return std::nullopt;
    }
    starved_.store(false);
    return Outcome(base::ResourceExhausted(
        fmt::format("the tensors between the layers take {} of the device's memory for a request "
                    "of this shape, {} are free and nobody may be evicted: send smaller batches or "
                    "give it a larger --device-memory-budget",
                    base::HumanBytes(missing), base::HumanBytes(store_.free_bytes())),
        base::RefusalCause::kMemory));
  }
  starved_.store(false);
  rounds_of_moves_ = 0;
  if (!place.ok()) return Outcome(std::move(place).status());
  return Outcome(std::move(**place));
}

/// Those who wait hold what the others wait for. A load can come again, a batch cannot.
bool ResidencyManager::HaveLoadYield(News& news) {
  const auto load = std::ranges::find_if(
      arenas_wanted_, [](const ArenaWant& want) { return want.load != nullptr; });
  if (arenas_wanted_.size() < 2 || load == arenas_wanted_.end()) return false;
  news.arenas.emplace_back(std::move(load->done), GoesFirst());
  arenas_wanted_.erase(load);
  return true;
}

/// Weights that batches have been formed with: they keep them until they have run. What was sent
/// ahead is held where it is.
std::set<const void*> ResidencyManager::RangesInUse() const {
  std::set<const void*> ranges;
  for (const Residence* residence : residences_) {
    if (residence->pins_ == 0) continue;
    for (const auto& part : residence->parts_) ranges.insert(part.range);
  }
  for (const EarlyWeights* early : early_) {
    for (const auto& place : early->reserved_) ranges.insert(place.hold.get());
    for (const auto& place : early->held_) ranges.insert(place.hold.get());
  }
  return ranges;
}

/// Whether weights will be evictable that are not now. Those of batches that wait for an arena
/// themselves will not.
bool ResidencyManager::SomebodyElseEnds(const ArenaWant& want) const {
  return std::ranges::any_of(residences_, [&](const Residence* other) {
    if (other == want.by || other->parts_.empty() || other->pinned_) return false;
    const bool waits = std::ranges::any_of(
        arenas_wanted_, [other](const ArenaWant& wanting) { return wanting.by == other; });
    return !waits && !Evictable(*other);
  });
}

}  // namespace hadron::model
