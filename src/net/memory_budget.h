#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

namespace hadron::net {

/// The bytes that request bodies in flight may hold, all protocols together
/// (--request-memory-budget). A body is booked before it is read and given back when its last slice
/// is released. Thread-safe; outlives its bookings.
///
///     auto booking = budget.Book(content_length);
///     if (!booking) return TooBusy();
class MemoryBudget {
 public:
  /// Gives the bytes back when it dies. Move-only; an empty one holds nothing.
  class Booking {
   public:
    Booking() = default;
    Booking(Booking&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
    Booking& operator=(Booking&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    Booking(const Booking&) = delete;
    Booking& operator=(const Booking&) = delete;
    ~Booking();

   private:
    friend class MemoryBudget;
    Booking(MemoryBudget* budget, std::uint64_t bytes) : budget_(budget), bytes_(bytes) {}
    MemoryBudget* budget_ = nullptr;
    std::uint64_t bytes_ = 0;
  };

  /// 0 = no limit.
  explicit MemoryBudget(std::uint64_t limit_bytes) : limit_(limit_bytes) {}

  /// Nothing when the bytes do not fit.
  std::optional<Booking> Book(std::uint64_t bytes);
  std::uint64_t used_bytes() const { return used_.load(std::memory_order_relaxed); }
  std::uint64_t limit_bytes() const { return limit_; }

 private:
  const std::uint64_t limit_;
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace hadron::net
