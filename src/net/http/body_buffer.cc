#include "net/http/body_buffer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace hadron::net {
namespace {

constexpr std::uint64_t kFirstBlock = 16 * 1024;
constexpr std::uint64_t kLargestBlock = 4 * 1024 * 1024;

}  // namespace

base::Status BodyBuffer::NewBlock(std::uint64_t bytes) {
  auto block = std::make_shared<Block>();
  if (budget_ != nullptr) {
    auto booking = budget_->Book(bytes);
    if (!booking) {
      return base::ResourceExhausted(fmt::format(
          "request bodies in flight fill --request-memory-budget ({} of {} bytes): no room for {} "
          "more; try again later",
          budget_->used_bytes(), budget_->limit_bytes(), bytes));
    }
    block->booking = std::move(*booking);
  }
  try {
    block->bytes = std::make_unique_for_overwrite<std::byte[]>(bytes);
  } catch (const std::bad_alloc&) {
    return base::ResourceExhausted(
        fmt::format("no memory for a request body of {} bytes; try again later", bytes));
  }
  block_ = std::move(block);
  block_size_ = bytes;
  filled_ = 0;
  return base::OkStatus();
}

base::Status BodyBuffer::Reserve(std::uint64_t bytes) { return NewBlock(bytes); }

std::span<std::byte> BodyBuffer::Remaining() {
  return {block_->bytes.get() + filled_, block_size_ - filled_};
}

base::Status BodyBuffer::Append(std::span<const std::byte> bytes) {
  if (bytes.size() > max_bytes_ - std::min(max_bytes_, received())) {
    return base::InvalidArgument(fmt::format(
        "request body exceeds the maximum allowed value of {} bytes (--http-max-request-size)",
        max_bytes_));
  }
  while (!bytes.empty()) {
    if (filled_ == block_size_) {
      FinishBlock();
      const std::uint64_t size = std::clamp<std::uint64_t>(received(), kFirstBlock, kLargestBlock);
      HADRON_RETURN_IF_ERROR(NewBlock(size));
    }
    const std::span<std::byte> room = Remaining();
    const std::size_t take = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), take);
    filled_ += take;
    bytes = bytes.subspan(take);
  }
  return base::OkStatus();
}

void BodyBuffer::FinishBlock() {
  if (block_ == nullptr) return;
  const std::span<const std::byte> bytes(block_->bytes.get(), filled_);
  whole_.Append(base::IoBuf::Wrap(bytes, std::move(block_)));
  block_ = nullptr;
  block_size_ = 0;
  filled_ = 0;
}

base::IoBuf BodyBuffer::Take() {
  FinishBlock();
  return std::exchange(whole_, {});
}

}  // namespace hadron::net
