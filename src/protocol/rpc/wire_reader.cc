#include "protocol/rpc/wire_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/bytes.h"

namespace hadron::protocol::rpc {
namespace {

constexpr int kMaxVarintBytes = 10;

base::Status Malformed(std::string_view what) {
  return base::InvalidArgument(fmt::format("failed to parse the request message: {}", what));
}

base::Status Truncated() { return Malformed("it ends in the middle of a field"); }

}  // namespace

template <typename Visit>
void WireReader::Walk(std::size_t count, Visit visit) {
  left_ -= count;
  while (count > 0) {
    const base::IoBuf::Slice& slice = slices_.front();
    const std::size_t take = std::min(count, slice.bytes.size() - offset_);
    visit(slice, slice.bytes.subspan(offset_, take));
    offset_ += take;
    count -= take;
    if (offset_ == slice.bytes.size()) {
      slices_ = slices_.subspan(1);
      offset_ = 0;
    }
  }
}

base::Status WireReader::ReadVarint(std::uint64_t& value) {
  if (left_ == 0) return Truncated();
  const std::span<const std::byte> bytes = slices_.front().bytes;
  const auto first = std::to_integer<std::uint64_t>(bytes[offset_]);
  if (first >= 0x80U || offset_ + 1 == bytes.size()) return ReadVarintAcross(value);
  value = first;
  ++offset_;
  --left_;
  return {};
}

base::Status WireReader::ReadVarintAcross(std::uint64_t& value) {
  value = 0;
  for (int i = 0; i < kMaxVarintBytes; ++i) {
    if (left_ == 0) return Truncated();
    std::uint64_t byte = 0;
    Walk(1, [&byte](const auto&, std::span<const std::byte> piece) {
      byte = std::to_integer<std::uint64_t>(piece.front());
    });
    value |= (byte & 0x7fU) << (7U * static_cast<unsigned>(i));  // bits above 64 are dropped
    if (byte < 0x80U) return {};
  }
  return Malformed("a number is longer than 10 bytes");
}

base::Status WireReader::ReadField(WireField& field) {
  std::uint64_t tag = 0;
  HADRON_RETURN_IF_ERROR(ReadVarint(tag));
  const std::uint64_t number = tag >> 3U;
  const std::uint64_t type = tag & 7U;
  if (number == 0 || tag > std::numeric_limits<std::uint32_t>::max()) {
    return Malformed(fmt::format("{} is not a field's tag", tag));
  }
  if (type == 3 || type == 4 || type > 5) {
    return Malformed(fmt::format(
        "field {} has the wire type {}, which is not used by this protocol", number, type));
  }
  field = {static_cast<std::uint32_t>(number), static_cast<WireType>(type)};
  return {};
}

base::Status WireReader::ReadLength(std::size_t& length) {
  std::uint64_t value = 0;
  HADRON_RETURN_IF_ERROR(ReadVarint(value));
  if (value > left_) {
    return Malformed(fmt::format("a field announces {} bytes, {} follow", value, left_));
  }
  length = static_cast<std::size_t>(value);
  return {};
}

WireReader WireReader::Cut(std::size_t count) {
  WireReader part = *this;
  part.left_ = count;
  Walk(count, [](const auto&, std::span<const std::byte>) {});
  return part;
}

base::Status WireReader::Take(const WireField& field, WireReader& payload) {
  std::size_t length = 0;
  switch (field.type) {
    case WireType::kVarint: {
      const WireReader before = *this;
      std::uint64_t ignored = 0;
      HADRON_RETURN_IF_ERROR(ReadVarint(ignored));
      payload = before;
      payload.left_ = before.left_ - left_;
      return {};
    }
    case WireType::kFixed64:
      length = 8;
      break;
    case WireType::kFixed32:
      length = 4;
      break;
    case WireType::kBytes:
      HADRON_RETURN_IF_ERROR(ReadLength(length));
      break;
  }
  if (length > left_) return Truncated();
  payload = Cut(length);
  return {};
}

base::Status WireReader::Skip(const WireField& field) {
  WireReader ignored;
  return Take(field, ignored);
}

base::Status WireReader::ReadBytes(base::IoBuf& bytes) {
  std::size_t length = 0;
  HADRON_RETURN_IF_ERROR(ReadLength(length));
  bytes = {};
  Walk(length, [&bytes](const base::IoBuf::Slice& slice, std::span<const std::byte> piece) {
    bytes.Append(base::IoBuf::Wrap(piece, slice.owner));
  });
  return {};
}

base::Status WireReader::ReadText(std::string_view name, std::string& text, std::size_t limit) {
  std::size_t length = 0;
  HADRON_RETURN_IF_ERROR(ReadLength(length));
  if (length > limit) {
    return Malformed(fmt::format("'{}' has {} bytes; at most {} are allowed", name, length, limit));
  }
  text.clear();
  text.reserve(length);
  Walk(length, [&text](const auto&, std::span<const std::byte> piece) {
    text.append(base::AsText(piece));
  });
  return IsUtf8(text) ? base::OkStatus() : Malformed(fmt::format("'{}' is not UTF-8", name));
}

std::size_t WireReader::CopyTo(std::span<std::byte> to) {
  const std::size_t count = std::min(to.size(), left_);
  std::byte* at = to.data();
  Walk(count, [&at](const auto&, std::span<const std::byte> piece) {
    at = std::copy(piece.begin(), piece.end(), at);
  });
  return count;
}

namespace {

struct Utf8Form {
  unsigned char lead_mask;
  unsigned char lead;
  std::size_t length;
  std::uint32_t least;  ///< smaller values are over-long
};
constexpr std::array<Utf8Form, 3> kUtf8Forms = {
    {{0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}}};

/// Length of the sequence of several bytes at the front of `text`, 0 when there is none.
std::size_t SequenceLength(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const auto form = std::find_if(kUtf8Forms.begin(), kUtf8Forms.end(), [lead](const Utf8Form& f) {
    return (lead & f.lead_mask) == f.lead;
  });
  if (form == kUtf8Forms.end() || text.size() < form->length) return 0;
  std::uint32_t code = lead & static_cast<unsigned char>(~form->lead_mask);
  for (const char c : text.substr(1, form->length - 1)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0U) != 0x80U) return 0;
    code = (code << 6U) | (byte & 0x3fU);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < form->least || code > 0x10ffff || surrogate ? 0 : form->length;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    if (static_cast<unsigned char>(text.front()) < 0x80) {
      text.remove_prefix(1);
      continue;
    }
    const std::size_t length = SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace hadron::protocol::rpc
