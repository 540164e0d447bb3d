#include "plan/plan_cache.h"

#include <algorithm>

namespace hadron::plan {

bool PlanCache::Less::operator()(const Signature& a, const Signature& b) const {
  return std::ranges::lexicographical_compare(
      a, b, [](const tensor::Shape& x, const tensor::Shape& y) { return x.vector() < y.vector(); });
}

std::shared_ptr<const ExecutionPlan> PlanCache::Find(const Signature& signature) {
  base::MutexLock lock(mutex_);
  const auto it = index_.find(signature);
  if (it == index_.end()) return nullptr;
  order_.splice(order_.begin(), order_, it->second);
  return *it->second;
}

void PlanCache::Insert(std::shared_ptr<const ExecutionPlan> plan) {
  base::MutexLock lock(mutex_);
  if (index_.contains(plan->input_shapes)) return;
  order_.push_front(std::move(plan));
  index_[order_.front()->input_shapes] = order_.begin();
  if (order_.size() <= capacity_) return;
  index_.erase(order_.back()->input_shapes);
  order_.pop_back();
}

std::size_t PlanCache::size() const {
  base::MutexLock lock(mutex_);
  return order_.size();
}

}  // namespace hadron::plan
