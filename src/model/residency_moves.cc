// Where there are enough bytes but no hole is large enough, weights are moved together on the
// device.
#include <algorithm>

#include "base/log.h"
#include "model/residency_manager.h"

namespace hadron::model {
namespace {

using base::Status;

/// Of moves for one model: each makes as many holes as it can.
constexpr int kRounds = 64;

}  // namespace

bool ResidencyManager::StartMoves(std::vector<WeightStore::Move> moves, News& news) {
  if (moves.empty() || ++rounds_of_moves_ > kRounds || !OpenCopies().ok()) return false;
  for (WeightStore::Move& move : moves) {
    copies_->Copy(*move.from.buffer, move.from.offset, *move.to.buffer, move.to.offset, move.bytes);
    move.to.ready = copies_->Mark();
    store_.Filling(move.to, move.to.ready);
    totals_.moved_bytes += move.bytes;
  }
  std::vector<BindingRef> rebound;
  for (Residence* residence : residences_) {
    const auto binding = residence->binding_;
    Rebind(*residence, moves, news);
    if (residence->binding_ != binding) rebound.push_back(residence->binding_);
  }
  uploading_ = true;
  // The old places are read until then, whoever else has let go of them.
  copies_->Record(
      [this, rebound = std::move(rebound), moves = std::move(moves)](Status status) mutable {
        deps_.control->Post([this, rebound = std::move(rebound), moves = std::move(moves),
                             outcome = std::move(status)]() mutable {
          moves.clear();
          Moved(rebound, outcome);
        });
      });
  copies_->Flush();
  return true;
}

/// Runs go on where the weights were; the next ones read them where they are going.
void ResidencyManager::Rebind(Residence& residence, const std::vector<WeightStore::Move>& moves,
                              News& news) {
  if (residence.parts_.empty()) return;
  std::vector<plan::SegmentPlace> places = residence.binding_->places();
  bool concerned = false;
  for (plan::SegmentPlace& place : places) {
    if (place.hold == nullptr) continue;
    const auto move = std::ranges::find_if(
        moves, [&](const WeightStore::Move& m) { return m.from.hold == place.hold; });
    if (move == moves.end()) continue;
    place = move->to;
    concerned = true;
  }
  if (!concerned) return;
  leaving_.emplace_back(std::exchange(residence.last_of_binding_, nullptr));
  news.evicted.push_back(std::move(residence.binding_));
  Bind(residence, std::move(places));
}

void ResidencyManager::Moved(const std::vector<BindingRef>& rebound, const Status& status) {
  News news;
  {
    base::MutexLock lock(mutex_);
    uploading_ = false;
    if (!status.ok()) {
      base::LogError("weights were lost on the device", {{"error", std::string(status.message())}});
      for (const BindingRef& binding : rebound) {
        binding->MarkFailed();
        store_.Distrust(binding->places());
      }
      for (Residence* residence : residences_) {
        if (std::ranges::count(rebound, residence->binding_) == 0) continue;
        if (residence->binding_ != nullptr) news.evicted.push_back(TakeDown(*residence));
      }
    }
  }
  Tell(std::move(news));
  PostPump();  // when what was told and this task have let go
}

}  // namespace hadron::model
