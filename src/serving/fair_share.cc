#include "serving/fair_share.h"

#include <algorithm>
#include <tuple>

namespace hadron::serving {

void FairShare::Enter(Key tenant) {
  Share& share = shares_[tenant];
  if (!share.active && share.running == 0) share.tag = std::max(share.tag, virtual_);
  share.active = true;
}

void FairShare::Leave(Key tenant) { shares_[tenant].active = false; }

void FairShare::Advance(double least) {
  for (const auto& [tenant, share] : shares_) {
    if (share.active) least = std::min(least, share.tag);
  }
  virtual_ = std::max(virtual_, least);
}

void FairShare::Begin(Key tenant, double expected, bool rides) {
  Share& share = shares_[tenant];
  if (!rides) Advance(share.tag);
  share.tag += expected / WeightOf(tenant);
  ++share.running;
}

void FairShare::Settle(Key tenant, double expected, double measured) {
  constexpr double kForget = 0.99;
  Share& share = shares_[tenant];
  share.tag += (measured - expected) / WeightOf(tenant);
  --share.running;
  longest_ = std::max(longest_ * kForget, measured);
}

void FairShare::Charge(Key tenant, double seconds) {
  Share& share = shares_[tenant];
  if (!share.active && share.running == 0) share.tag = std::max(share.tag, virtual_);
  share.tag += seconds / WeightOf(tenant);
  Advance(share.tag);
}

void FairShare::Rest() {
  const bool busy = std::ranges::any_of(
      shares_, [](const auto& entry) { return entry.second.active || entry.second.running > 0; });
  if (busy) return;
  for (const auto& [tenant, share] : shares_) virtual_ = std::max(virtual_, share.tag);
}

double FairShare::tag(Key tenant) const {
  const auto it = shares_.find(tenant);
  return it == shares_.end() ? virtual_ : it->second.tag;
}

bool FairShare::InsideShare(Key tenant) const {
  return tag(tenant) <= virtual_ + longest_ / WeightOf(tenant);
}

std::vector<Flow> FairShare::Order(std::vector<Flow> flows) const {
  const auto rank = [this](const Flow& flow) {
    const bool first = flow.interactive() && InsideShare(flow.tenant);
    return std::tuple(!first, tag(flow.tenant), flow.work_class);
  };
  if (flows.size() > 1) std::ranges::stable_sort(flows, {}, rank);
  return flows;
}

double FairShare::ActiveWeight(Key tenant) const {
  double sum = 0;
  bool counted = false;
  for (const auto& [key, share] : shares_) {
    if (!share.active && share.running == 0 && key != tenant) continue;
    counted = counted || key == tenant;
    sum += WeightOf(key);
  }
  return counted ? sum : sum + WeightOf(tenant);
}

}  // namespace hadron::serving
