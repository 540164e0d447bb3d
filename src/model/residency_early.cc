// Segments that go to the device while others of their model are still being packed.
#include <algorithm>

#include "model/residency_manager.h"

namespace hadron::model {

using base::Status;

EarlyWeights::EarlyWeights(ResidencyManager& manager) : manager_(manager) {
  base::MutexLock lock(manager_.mutex_);
  manager_.early_.insert(this);
}

EarlyWeights::~EarlyWeights() {
  {
    base::MutexLock lock(manager_.mutex_);
    manager_.early_.erase(this);
    if (!holds()) return;
    GiveUp();  // under the lock: whoever looks for room sees either this or the room
  }
  manager_.PostPump();  // slabs that are empty now go back
}

void EarlyWeights::Add(const plan::WeightImage& image, std::uint32_t segment) {
  std::vector<std::uint64_t> sizes;
  for (const auto& one : image.segments()) {
    if (begun_) break;
    sizes.push_back(manager_.store_.PlacesAhead(one) ? one.bytes : 0);
  }
  begun_ = true;
  manager_.deps_.control->Post([&manager = manager_, expected = weak_from_this(),
                                sizes = std::move(sizes), segment,
                                bytes = image.segments()[segment]]() mutable {
    const auto early = expected.lock();
    if (early == nullptr) return;
    base::MutexLock lock(manager.mutex_);
    if (!sizes.empty()) early->sizes_ = std::move(sizes);
    if (manager.stopped_) early->GiveUp();
    if (early->over_ || early->sizes_[segment] == 0) return;
    early->waiting_.emplace_back(segment, bytes);
    manager.SendAhead(*early);
  });
}

/// Who waits for memory comes first. What the device has against it the restore will be told.
std::optional<WeightStore::Claimed> ResidencyManager::ClaimAhead(
    EarlyWeights& early, std::uint32_t index, const plan::WeightImage::Segment& segment) {
  if (starved_.load() || !OpenCopies().ok()) return std::nullopt;
  const bool first = !early.shares_ && early.reserved_.empty();
  if (store_.Holds(segment)) {
    early.shares_ = true;
    early.reserved_.clear();
  } else if (first) {
    auto places = store_.Reserve(early.sizes_);
    if (!places.ok() || places->empty()) return std::nullopt;
    early.reserved_ = std::move(places).value();
  }
  const plan::SegmentPlace reserved =
      early.shares_ ? plan::SegmentPlace() : std::exchange(early.reserved_[index], {});
  auto claimed = store_.Claim(reserved, segment);
  return claimed.ok() ? std::move(claimed).value() : std::nullopt;
}

/// One at a time: a restore that comes in between waits for no more than that.
void ResidencyManager::SendAhead(EarlyWeights& early) {
  while (!early.in_flight_ && !early.waiting_.empty()) {
    const auto [index, segment] = std::move(early.waiting_.front());
    early.waiting_.pop_front();
    auto claimed = ClaimAhead(early, index, segment);
    if (!claimed) {
      early.SendNoMore();
      return PostPump();  // slabs that were begun for it go back
    }
    plan::SegmentPlace& place = early.held_.emplace_back(std::move(claimed->place));
    if (!claimed->to_fill) continue;
    Copy(segment, place);
    early.in_flight_ = true;
    ++ahead_in_flight_;
    // Both ends of the copy stay until it has ended, whatever becomes of the load.
    copies_->Record([this, expected = early.weak_from_this(), segment = segment, place = place,
                     began = deps_.clock->Now()](Status status) mutable {
      deps_.control->Post([this, expected = std::move(expected), segment, place = std::move(place),
                           began, outcome = std::move(status)]() mutable {
        CameAhead(expected, std::move(place), segment.bytes, began, outcome);
      });
    });
    copies_->Flush();
  }
}

void ResidencyManager::CameAhead(const std::weak_ptr<EarlyWeights>& expected,
                                 plan::SegmentPlace place, std::uint64_t bytes,
                                 base::TimePoint began, const Status& status) {
  auto early = expected.lock();
  {
    base::MutexLock lock(mutex_);
    --ahead_in_flight_;
    if (early != nullptr) {
      early->in_flight_ = false;
      if (status.ok() && !early->over_) {
        store_.Offer(place);
        early->held_bytes_ += store_.Shares({place}).front().bytes;
        early->copied_bytes_ += bytes;
        early->copied_for_ += deps_.clock->Now() - began;
        totals_.restored_bytes += bytes;
        SendAhead(*early);
      } else {
        early->GiveUp();
      }
    }
  }
  place = {};     // the memory is free when Pump looks for some
  early.reset();  // it may be the last one
  Pump();
}

bool ResidencyManager::CallBack(const EarlyWeights* keep) {
  bool somebody = false;
  for (EarlyWeights* early : early_) {
    if (early == keep) continue;
    somebody = somebody || early->holds();
    early->GiveUp();
  }
  if (somebody) PostPump();  // also when others hold the same ranges, so that none came back
  return somebody || ahead_in_flight_ > 0;
}

}  // namespace hadron::model
