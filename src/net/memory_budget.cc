#include "net/memory_budget.h"

namespace hadron::net {

MemoryBudget::Booking::~Booking() {
  if (budget_ != nullptr) budget_->used_.fetch_sub(bytes_, std::memory_order_relaxed);
}

std::optional<MemoryBudget::Booking> MemoryBudget::Book(std::uint64_t bytes) {
  std::uint64_t used = used_.load(std::memory_order_relaxed);
  do {
    if (limit_ != 0 && (used > limit_ || bytes > limit_ - used)) return std::nullopt;
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return Booking(this, bytes);
}

}  // namespace hadron::net
