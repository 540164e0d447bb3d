#include "model/residency_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace hadron::model {
namespace {

using base::Status;
using base::StatusOr;

/// Requests until half of a model's earlier use is forgotten.
constexpr double kHalfLife = 1000;
/// Requests a restored model serves before it may leave again.
constexpr std::int64_t kOwed = 64;
/// Inputs of runs overtake weights between two chunks.
constexpr std::uint64_t kChunk = std::uint64_t{4} << 20U;
/// Weight of a model's newest restore, and how much slower or faster than others' it may seem.
constexpr double kNewest = 0.1;
constexpr double kMostSlowness = 2;

double Seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

Status Exiting() { return base::Unavailable("Server exiting", base::RefusalCause::kDraining); }

}  // namespace

ResidencyManager::ResidencyManager(Options options, Dependencies dependencies)
    : options_(std::move(options)),
      deps_(std::move(dependencies)),
      store_(*deps_.device, options_.store, [this] {
        if (starved_.load()) PostPump();
      }) {}

ResidencyManager::~ResidencyManager() {
  base::MutexLock lock(mutex_);
  HADRON_CHECK(residences_.empty());
}

StatusOr<std::unique_ptr<Residence>> ResidencyManager::Admit(Admission admission) {
  const plan::WeightImage& image = *admission.image;
  std::uint64_t placed = 0;
  for (const auto& segment : image.segments()) {
    if (WeightStore::Places(segment.home, deps_.device->info())) placed += segment.bytes;
  }
  std::uint64_t missing = store_.MissingBytes(image);
  if (!admission.idle_evict) admission.idle_evict = options_.idle_evict;
  std::unique_ptr<Residence> residence(new Residence(*this, std::move(admission)));  // NOLINT
  base::MutexLock lock(mutex_);
  residence->pinned_ = IsPinned(residence->model_);
  const std::uint64_t pinned = PinnedBytes(residence->swaps_ ? residence->replaces_ : nullptr);
  if (residence->early_ != nullptr) missing += residence->early_->held_bytes_;
  residences_.insert(residence.get());
  if (placed == 0) {
    residence->binding_ = plan::WeightBinding::InPlace(residence->image_);
  }
  Tally(*residence);
  if (placed == 0) return residence;
  const std::uint64_t capacity = store_.capacity();
  if (missing + pinned <= capacity) return residence;
  return base::ResourceExhausted(fmt::format(
      "the weights take {}, the device has {} for weights and {} of that are pinned: give it a "
      "larger --device-memory-budget or pin less",
      base::HumanBytes(missing), base::HumanBytes(capacity), base::HumanBytes(pinned)));
}

std::uint64_t ResidencyManager::PinnedBytes(const Residence* beside) const {
  std::map<const void*, std::uint64_t> ranges;  // what several share counts once
  for (const Residence* residence : residences_) {
    if (!residence->pinned_ || residence == beside) continue;
    for (const auto& part : residence->parts_) ranges[part.range] = part.bytes;
  }
  std::uint64_t bytes = 0;
  for (const auto& [range, size] : ranges) bytes += size;
  return bytes;
}

std::optional<ResidencyPin::Weights> ResidencyManager::TryPin(const ModelVersion& version) {
  base::MutexLock lock(mutex_);
  Residence& residence = version.residence();
  if (residence.binding_ == nullptr || residence.yields_) return std::nullopt;
  return PinNow(residence);
}

void ResidencyManager::PinWaiters(News& news) {
  for (Residence* const residence : residences_) {
    const bool there = residence->binding_ != nullptr && residence != restoring_;
    if (there && !residence->waiters_.empty()) TakeWaiters(*residence, Status(), news);
  }
}

ResidencyPin::Weights ResidencyManager::PinNow(Residence& residence) {
  ++residence.pins_;
  return {residence.binding_,
          std::shared_ptr<const void>(&residence,
                                      [this, &residence](const void*) { Unpin(residence); })};
}

std::shared_ptr<const plan::WeightBinding> ResidencyManager::TakeDown(const ModelVersion& version) {
  base::MutexLock lock(mutex_);
  Residence& residence = version.residence();
  if (restoring_ == &residence) restoring_ = nullptr;
  return residence.binding_ == nullptr ? nullptr : TakeDown(residence);
}

void ResidencyManager::CountUse(const ModelVersion& version, std::int64_t requests) {
  Residence& residence = version.residence();
  base::MutexLock lock(mutex_);
  residence.owed_ = std::max<std::int64_t>(0, residence.owed_ - requests);
  const double before = FrequencyOf(residence);
  requests_ += static_cast<std::uint64_t>(requests);
  residence.use().last_used = requests_;
  residence.use().frequency = before + static_cast<double>(requests);
}

double ResidencyManager::FrequencyOf(const Residence& residence) const {
  const auto idle = static_cast<double>(requests_ - residence.use().last_used);
  return residence.use().frequency * std::exp2(-idle / kHalfLife);
}

void ResidencyManager::Unpin(Residence& residence) {
  {
    base::MutexLock lock(mutex_);
    if (--residence.pins_ > 0) return;
    residence.used_until_ = deps_.clock->Now();
    EndYield(residence, false);
  }
  if (starved_.load() || limits_wait_.load()) PostPump();
}

void ResidencyManager::Want(const ModelVersion& version, std::optional<base::TimePoint> oldest) {
  Residence& residence = version.residence();
  {
    base::MutexLock lock(mutex_);
    if (!oldest) residence.wanted_ = !residence.waiters_.empty();
    if (!oldest || residence.binding_ != nullptr) return;
    residence.wanted_since_ = *oldest;
    // Who is held back by a limit may not be any more: others have stopped using what he uses.
    if (std::exchange(residence.wanted_, true) && residence.held_back_.empty()) return;
  }
  PostPump();
}

StatusOr<ResidencyPin> ResidencyManager::Obtain(const ModelHandle& version) {
  Residence& residence = version->residence();
  auto waiter = std::make_shared<Waiter>();
  std::future<StatusOr<ResidencyPin::Weights>> there = waiter->get_future();
  {
    base::MutexLock lock(mutex_);
    if (stopped_) return Exiting();
    // Who asks for an arena waits for pins to end: none is added before it has got it.
    if (residence.binding_ != nullptr && restoring_ != &residence && arenas_wanted_.empty()) {
      waiter->set_value(PinNow(residence));
    } else {
      residence.waiters_.push_back(waiter);
    }
  }
  Want(*version, deps_.clock->Now());
  if (there.wait_for(options_.restore_timeout) != std::future_status::ready) {
    base::MutexLock lock(mutex_);
    // Who is not on the list any more has an answer on its way.
    if (std::erase(residence.waiters_, waiter) > 0) {
      return base::Unavailable(
          fmt::format("the device's memory is taken by models that are in use; none left within "
                      "{} s (--model-restore-timeout-ms)",
                      Seconds(options_.restore_timeout)));
    }
  }
  HADRON_ASSIGN_OR_RETURN(ResidencyPin::Weights weights, there.get());
  CountUse(*version, 1);
  return ResidencyPin(version, std::move(weights));
}

void ResidencyManager::Stop() {
  News news;
  {
    base::MutexLock lock(mutex_);
    stopped_ = true;
    for (Residence* residence : residences_) TakeWaiters(*residence, Exiting(), news);
    for (ArenaWant& want : arenas_wanted_) {
      news.arenas.emplace_back(std::move(want.done), Exiting());
    }
    arenas_wanted_.clear();
  }
  Tell(std::move(news));
}

double ResidencyManager::RestoreSeconds(const ModelVersion& version) const {
  const Residence& residence = version.residence();
  base::MutexLock lock(mutex_);
  if (residence.binding_ == nullptr) return CostOf(residence);
  return &residence != restoring_ ? 0 : std::max(0.0, Seconds(upload_ends_ - deps_.clock->Now()));
}

double ResidencyManager::CostOf(const Residence& residence) const {
  const VersionUse& use = residence.use();
  const std::uint64_t bytes = use.restored_bytes.value_or(residence.image_->total_bytes());
  return use.slowness * restore_times_.Expected(bytes);
}

ResidencyManager::Totals ResidencyManager::totals() const {
  Totals totals;
  {
    base::MutexLock lock(mutex_);
    totals = totals_;
  }
  totals.slab_bytes = store_.slab_bytes();
  totals.used_bytes = store_.used_bytes();
  return totals;
}

void ResidencyManager::PostPump() {
  if (pump_posted_.exchange(true)) return;
  deps_.control->Post([this] {
    pump_posted_.store(false);
    Pump();
  });
}

void ResidencyManager::Pump() {
  // Before the lock: who answers has one that is taken first.
  const Claims claims = AskForClaims();
  News news;
  {
    base::MutexLock lock(mutex_);
    starved_.store(false);
    PlaceArenas(news);
    if (arenas_wanted_.empty()) PinWaiters(news);
    KeepLimits(news);
    while (!uploading_ && arenas_wanted_.empty()) {
      Residence* const next = ChooseNext(claims, news);
      if (next == nullptr || !StartRestore(*next, news)) break;
    }
    if (!uploading_ && !starved_.load()) store_.Trim();
    const bool held_back = std::ranges::any_of(
        residences_, [](const Residence* other) { return !other->held_back_.empty(); });
    limits_wait_.store(held_back || !above_limit_.empty());
  }
  Tell(std::move(news));
}

void ResidencyManager::Tell(News news) {
  for (BindingRef& evicted : news.evicted) {
    const BindingRef binding = std::move(evicted);
    if (observer_ != nullptr) observer_->OnEvicted(binding);
  }
  for (const auto& [residence, status] : news.refused) {
    if (observer_ != nullptr) observer_->OnRefused(residence, status);
  }
  if (news.resident && observer_ != nullptr) observer_->OnResident();
  if (news.memory_short && observer_ != nullptr) observer_->OnMemoryShort();
  if (news.spare_wanted && observer_ != nullptr) observer_->OnSpareWanted();
  for (const auto& [payer, seconds] : news.restored) {
    if (observer_ != nullptr) observer_->OnRestored(payer, seconds);
  }
  for (auto& [waiter, answer] : news.answers) waiter->set_value(std::move(answer));
  for (auto& [done, answer] : news.arenas) done(std::move(answer));
}

/// False when it has to wait for memory.
bool ResidencyManager::StartRestore(Residence& next, News& news) {
  // From here on whoever gives memory back says so: also while this looks for some.
  starved_.store(true);
  // Its last segments may still be on their way to this thread: they come with the restore.
  if (next.early_ != nullptr) next.early_->SendNoMore();
  // Asked before looking for room: who has gone since then has left room that was not seen.
  const bool somebody_leaves = SomebodyLeaves();
  auto placement = store_.Place(*next.image_);
  if (placement.ok() && !placement->has_value()) {
    if (MakeRoom(next, somebody_leaves, news)) return false;
    Refuse(next, NoRoom(next), news);
  } else {
    const Status status = placement.ok() ? Publish(next, std::move(**placement), news)
                                         : std::move(placement).status();
    news.done_with.push_back(std::exchange(next.early_, nullptr));
    if (!status.ok()) Refuse(next, status, news);
    if (status.ok() && restoring_ != &next) TakeWaiters(next, Status(), news);
    news.resident = news.resident || status.ok();
  }
  starved_.store(false);
  return true;
}

/// False: nothing can be done, and nobody leaves.
bool ResidencyManager::MakeRoom(const Residence& next, bool somebody_leaves, News& news) {
  if (CallSpareBack(news) || CallBack(next.early_.get())) return true;
  const std::uint64_t missing = store_.MissingBytes(*next.image_);
  const bool in_sum = !somebody_leaves && missing <= store_.free_bytes();
  if (in_sum && StartMoves(store_.MakeHoles(*next.image_, RangesInUse()), news)) return true;
  // What a batch reads, of a pinned model too, can be moved when it has ended.
  const auto runs = [](const Residence* other) {
    return other->pins_ > 0 && !other->parts_.empty();
  };
  if (in_sum && std::ranges::any_of(residences_, runs)) return true;
  const auto cause = telemetry::EvictionCause::kPressure;
  if (somebody_leaves || EvictFor(missing, cause, &next, news) || OthersWillLeave(next, news)) {
    return true;
  }
  news.memory_short = news.memory_short || store_.arena_bytes() > 0;
  // At last: what it has sent ahead itself may lie where it cuts the room in pieces.
  return store_.arena_bytes() > 0 || CallBack(nullptr);
}

/// Busy models leave sooner or later.
bool ResidencyManager::SomebodyIsBusy(const Residence& next) const {
  return std::ranges::any_of(residences_, [&](const Residence* other) {
    return !other->parts_.empty() && !StaysFor(*other, &next) && !Evictable(*other, &next);
  });
}

Status ResidencyManager::NoRoom(const Residence& residence) const {
  const Residence* const old = Replaced(&residence);
  const bool beside_old = old != nullptr && !old->parts_.empty();
  return base::ResourceExhausted(
      fmt::format("the weights need {} more of the device's memory, {} are free {}",
                  base::HumanBytes(store_.MissingBytes(*residence.image_)),
                  base::HumanBytes(store_.free_bytes()),
                  beside_old ? "beside the version that serves, which goes on "
                               "(--reload-policy=swap-out-first lets it leave first)"
                             : "and nobody may be evicted (--eviction-policy, --pin-model)"),
      base::RefusalCause::kMemory);
}

bool ResidencyManager::SomebodyLeaves() {
  std::erase_if(leaving_, [](const auto& last) { return last.expired(); });
  return !leaving_.empty();
}

void ResidencyManager::Refuse(Residence& residence, const Status& status, News& news) {
  residence.wanted_ = residence.wanted_back_ = false;
  news.done_with.push_back(std::exchange(residence.early_, nullptr));
  news.refused.emplace_back(&residence, status.Clone());
  base::LogError("model does not get onto the device",
                 {{"model", residence.model_}, {"error", std::string(status.message())}});
  TakeWaiters(residence, status, news);
}

void ResidencyManager::TakeWaiters(Residence& residence, const Status& status, News& news) {
  for (auto& waiter : residence.waiters_) {
    using Answer = StatusOr<ResidencyPin::Weights>;
    news.answers.emplace_back(std::move(waiter),
                              status.ok() ? Answer(PinNow(residence)) : Answer(status.Clone()));
  }
  residence.waiters_.clear();
}

bool ResidencyManager::Evictable(const Residence& residence, const Residence* next) const {
  if (residence.binding_ == nullptr || residence.parts_.empty()) return false;
  if (StaysFor(residence, next)) return false;
  if (residence.pins_ > 0 || &residence == restoring_) return false;
  // While a lane waits for memory nobody is served, so nothing is owed.
  if (!arenas_wanted_.empty()) return true;
  if (!residence.waiters_.empty()) return false;
  // What waits in this model's name may be what waits for its old version.
  if (next != nullptr && residence.replaces_ == next) return true;
  return residence.owed_ <= 0 || residence.metrics_->pending.value() <= 0;
}

EvictionCandidate ResidencyManager::CandidateOf(const Residence& residence) const {
  return {residence.parts_, std::max<std::int64_t>(0, residence.metrics_->pending.value()),
          FrequencyOf(residence), CostOf(residence), residence.use().last_used};
}

std::vector<Residence*> ResidencyManager::ChooseVictims(
    std::uint64_t needed, const Residence* next, const std::set<const Residence*>& keep) const {
  std::vector<Residence*> owners;
  std::vector<EvictionCandidate> candidates;
  EvictionSnapshot snapshot;
  for (Residence* residence : residences_) {
    for (const auto& part : residence->parts_) ++snapshot.holders[part.range];
    if (!Evictable(*residence, next) || keep.contains(residence)) continue;
    owners.push_back(residence);
    candidates.push_back(CandidateOf(*residence));
  }
  snapshot.candidates = candidates;
  std::vector<Residence*> victims;
  for (const std::size_t victim : options_.policy->Choose(snapshot, needed)) {
    victims.push_back(owners[victim]);
  }
  return victims;
}

bool ResidencyManager::EvictFor(std::uint64_t missing, telemetry::EvictionCause cause,
                                const Residence* next, News& news) {
  const std::uint64_t free = store_.free_bytes();
  // Enough in sum, but not in one piece: somebody has to make room all the same.
  const std::uint64_t needed = missing > free ? missing - free : 1;
  const std::vector<Residence*> victims = ChooseVictims(needed, next);
  for (Residence* victim : victims) SendAway(*victim, cause, news);
  return !victims.empty();
}

void ResidencyManager::SendAway(Residence& residence, telemetry::EvictionCause cause, News& news) {
  residence.metrics_->CountEviction(cause);
  news.evicted.push_back(TakeDown(residence));
  ++totals_.evictions;
}

ResidencyManager::BindingRef ResidencyManager::TakeDown(Residence& residence) {
  BindingRef binding = std::move(residence.binding_);
  residence.binding_ = nullptr;
  residence.parts_.clear();
  residence.shares_.Clear();
  residence.owed_ = 0;
  if (!residence.waiters_.empty()) {  // an arena came first: it is to come back for them
    residence.wanted_ = true;
    residence.wanted_since_ = deps_.clock->Now();
  }
  leaving_.emplace_back(std::exchange(residence.last_of_binding_, nullptr));
  Tally(residence);
  return binding;
}

void ResidencyManager::Bind(Residence& residence, std::vector<plan::SegmentPlace> places) {
  residence.parts_.clear();
  for (const auto& share : store_.Shares(places)) {
    residence.parts_.push_back({share.range, share.bytes});
  }
  residence.last_of_binding_ = std::shared_ptr<const void>(this, [this](const void*) {
    if (starved_.load()) PostPump();
  });
  residence.binding_ = std::make_shared<const plan::WeightBinding>(
      residence.image_, std::move(places), residence.last_of_binding_);
  Tally(residence);
}

Status ResidencyManager::OpenCopies() {
  if (copies_ != nullptr) return {};
  HADRON_ASSIGN_OR_RETURN(copies_, deps_.device->CreateStream(*deps_.copies));
  return {};
}

Status ResidencyManager::Publish(Residence& residence, WeightStore::Placement placement,
                                 News& news) {
  HADRON_RETURN_IF_ERROR(OpenCopies());
  rounds_of_moves_ = 0;
  Upload(residence, placement);
  const bool filling = !placement.to_fill.empty();
  Bind(residence, std::move(placement.places));
  residence.wanted_ = residence.wanted_back_ = false;
  residence.held_back_.clear();
  residence.used_until_ = deps_.clock->Now();
  residence.shares_.Begin(residence.brought_for_, residence.used_until_);
  if (residence.idle_evict_ > base::Duration::zero()) {
    LookForIdleAt(residence.used_until_ + residence.idle_evict_);
  }
  residence.owed_ = std::clamp<std::int64_t>(residence.metrics_->pending.value(), 1, kOwed);
  ++totals_.restores;
  totals_.restored_bytes += placement.fill_bytes;
  // What was sent ahead is part of what bringing it here takes.
  const EarlyWeights* const early = residence.early_.get();
  const base::TimePoint began =
      deps_.clock->Now() - (early == nullptr ? base::Duration::zero() : early->copied_for_);
  const std::uint64_t bytes = placement.fill_bytes + (early == nullptr ? 0 : early->copied_bytes_);
  if (!filling && bytes > 0) CountRestore(residence, began, bytes, news);
  if (!filling) return {};
  restoring_ = &residence;
  uploading_ = true;
  upload_ends_ = deps_.clock->Now() + std::chrono::duration_cast<base::Duration>(
                                          std::chrono::duration<double>(CostOf(residence)));
  copies_->Record([this, binding = residence.binding_, began, bytes](Status status) mutable {
    deps_.control->Post(
        [this, binding = std::move(binding), began, bytes, outcome = std::move(status)]() mutable {
          Uploaded(std::move(binding), outcome, began, bytes);
        });
  });
  copies_->Flush();
  return {};
}

void ResidencyManager::Copy(const plan::WeightImage::Segment& segment, plan::SegmentPlace& place) {
  const std::span<const std::byte> bytes(segment.host->host(), segment.bytes);
  for (std::uint64_t at = 0; at < segment.bytes; at += kChunk) {
    copies_->Upload(bytes.subspan(at, std::min(kChunk, segment.bytes - at)), *place.buffer,
                    place.offset + at);
  }
  place.ready = copies_->Mark();
  store_.Filling(place, place.ready);
}

void ResidencyManager::Upload(Residence& residence, WeightStore::Placement& placement) {
  for (const std::uint32_t i : placement.to_fill) {
    Copy(residence.image_->segments()[i], placement.places[i]);
  }
  // Segments that are equal inside the model, or being filled for another one.
  for (std::uint32_t i = 0; i < placement.places.size(); ++i) {
    if (placement.places[i].ready == nullptr) {
      placement.places[i].ready = store_.Ready(placement.places[i]);
    }
  }
}

void ResidencyManager::Uploaded(BindingRef binding, const Status& status, base::TimePoint began,
                                std::uint64_t bytes) {
  if (!status.ok()) {
    binding->MarkFailed();
    store_.Distrust(binding->places());
  }
  News news;
  {
    base::MutexLock lock(mutex_);
    uploading_ = false;
    if (restoring_ != nullptr) {  // else the version has gone
      Residence& residence = *std::exchange(restoring_, nullptr);
      if (!status.ok()) {
        Refuse(residence, status, news);
        news.evicted.push_back(TakeDown(residence));
      } else {
        CountRestore(residence, began, bytes, news);
        TakeWaiters(residence, Status(), news);
      }
    }
  }
  binding.reset();  // whoever waited may let go and count what is left
  Tell(std::move(news));
  Pump();
}

void ResidencyManager::CountRestore(Residence& residence, base::TimePoint began,
                                    std::uint64_t bytes, News& news) {
  const double seconds = std::max(1e-6, Seconds(deps_.clock->Now() - began));
  residence.metrics_->ObserveRestore(telemetry::LoadSource::kHost, seconds);
  if (residence.brought_for_ != nullptr) {
    news.restored.emplace_back(residence.brought_for_, seconds);
  }
  restore_times_.Note(bytes, seconds);
  VersionUse& use = residence.use();
  const double against_others = seconds / std::max(1e-6, restore_times_.Expected(bytes));
  use.slowness +=
      kNewest * (std::clamp(against_others, 1 / kMostSlowness, kMostSlowness) - use.slowness);
  use.restored_bytes = bytes;
}

void ResidencyManager::Withdraw(Residence& residence) {
  BindingRef binding;
  {
    base::MutexLock lock(mutex_);
    residences_.erase(&residence);
    EndYield(residence, true);
    ForgetReplaced(residence);
    if (restoring_ == &residence) restoring_ = nullptr;
    if (residence.binding_ != nullptr) binding = TakeDown(residence);
    TallyGone(residence);
  }
  // The memory goes now, unless launch state holds it. That is told later: whoever lets go of a
  // version may hold a lock that the observer wants.
  const std::weak_ptr<const plan::WeightBinding> held(binding);
  binding.reset();
  deps_.control->Post([this, held] {
    News news;
    if (BindingRef still = held.lock()) news.evicted.push_back(std::move(still));
    Tell(std::move(news));
    Pump();
  });
}

}  // namespace hadron::model
