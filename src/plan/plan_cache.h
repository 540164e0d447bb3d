#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <vector>

#include "base/sync.h"
#include "plan/execution_plan.h"

namespace hadron::plan {

/// The plans of one model by signature, least recently used dropped first. Thread-safe.
class PlanCache {
 public:
  using Signature = std::vector<tensor::Shape>;

  explicit PlanCache(std::size_t capacity = 64) : capacity_(capacity) {}

  /// Null when there is none.
  std::shared_ptr<const ExecutionPlan> Find(const Signature& signature);
  void Insert(std::shared_ptr<const ExecutionPlan> plan);
  std::size_t size() const;

 private:
  struct Less {
    bool operator()(const Signature& a, const Signature& b) const;
  };
  using Order = std::list<std::shared_ptr<const ExecutionPlan>>;

  const std::size_t capacity_;
  mutable base::Mutex mutex_;
  Order order_ HADRON_GUARDED_BY(mutex_);  ///< most recent first
  std::map<Signature, Order::iterator, Less> index_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::plan
