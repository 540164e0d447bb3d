#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/io_buf.h"
#include "base/status.h"
#include "net/memory_budget.h"

namespace hadron::net {

/// The body of one request while it arrives. A body of known length gets one block that is neither
/// zeroed nor touched before its bytes come (a lying Content-Length costs address space, no
/// memory); a chunked body gets blocks that grow. Every block is booked in the budget before it
/// exists, and stays booked until the last slice of it is gone. Externally synchronised.
class BodyBuffer {
 public:
  /// `budget` may be null. `max_bytes` bounds a chunked body.
  BodyBuffer(MemoryBudget* budget, std::uint64_t max_bytes)
      : budget_(budget), max_bytes_(max_bytes) {}

  /// Makes room for exactly `bytes`. RESOURCE_EXHAUSTED over the budget or out of address space.
  base::Status Reserve(std::uint64_t bytes);
  /// The part of the reserved block still to be filled.
  std::span<std::byte> Remaining();
  void Commit(std::size_t bytes) { filled_ += bytes; }
  bool complete() const { return filled_ == block_size_; }

  /// Copies bytes to the end, with new blocks as needed. INVALID_ARGUMENT above `max_bytes`,
  /// RESOURCE_EXHAUSTED as above.
  base::Status Append(std::span<const std::byte> bytes);

  std::uint64_t received() const { return whole_.size() + filled_; }
  /// Everything received; the buffer is empty afterwards.
  base::IoBuf Take();

 private:
  struct Block {
    MemoryBudget::Booking booking;
    std::unique_ptr<std::byte[]> bytes;
  };
  base::Status NewBlock(std::uint64_t bytes);
  void FinishBlock();

  MemoryBudget* budget_;
  std::uint64_t max_bytes_;
  base::IoBuf whole_;  ///< finished blocks
  std::shared_ptr<Block> block_;
  std::size_t block_size_ = 0;
  std::size_t filled_ = 0;
};

}  // namespace hadron::net
