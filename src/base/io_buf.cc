#include "base/io_buf.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/check.h"

namespace hadron::base {

IoBuf IoBuf::FromString(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  return Wrap(AsBytes(std::string_view(*owner)), owner);
}

IoBuf IoBuf::FromVector(std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return Wrap(*owner, owner);
}

IoBuf IoBuf::Copy(std::span<const std::byte> bytes) {
  return FromVector(std::vector<std::byte>(bytes.begin(), bytes.end()));
}

IoBuf IoBuf::Wrap(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  IoBuf buf;
  if (!bytes.empty()) {
    buf.size_ = bytes.size();
    buf.slices_.push_back({bytes, std::move(owner)});
  }
  return buf;
}

std::span<const std::byte> IoBuf::bytes() const {
  HADRON_CHECK(contiguous());
  return slices_.empty() ? std::span<const std::byte>() : slices_.front().bytes;
}

void IoBuf::Append(const IoBuf& other) {
  slices_.insert(slices_.end(), other.slices_.begin(), other.slices_.end());
  size_ += other.size_;
}

IoBuf IoBuf::Sub(std::size_t offset, std::size_t count) const {
  HADRON_CHECK(offset <= size_ && count <= size_ - offset);
  IoBuf part;
  for (const Slice& slice : slices_) {
    if (count == 0) break;
    if (offset >= slice.bytes.size()) {
      offset -= slice.bytes.size();
      continue;
    }
    const std::size_t take = std::min(count, slice.bytes.size() - offset);
    part.slices_.push_back({slice.bytes.subspan(offset, take), slice.owner});
    part.size_ += take;
    count -= take;
    offset = 0;
  }
  return part;
}

void IoBuf::CopyTo(std::span<std::byte> to) const {
  HADRON_CHECK(to.size() >= size_);
  std::byte* at = to.data();
  for (const Slice& slice : slices_) {
    std::memcpy(at, slice.bytes.data(), slice.bytes.size());
    at += slice.bytes.size();
  }
}

IoBuf IoBuf::Flatten() const {
  if (contiguous()) return *this;
  std::vector<std::byte> all(size_);
  CopyTo(all);
  return FromVector(std::move(all));
}

std::string IoBuf::ToString() const {
  std::string text;
  text.reserve(size_);
  for (const Slice& slice : slices_) text.append(AsText(slice.bytes));
  return text;
}

}  // namespace hadron::base
