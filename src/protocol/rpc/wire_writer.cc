#include "protocol/rpc/wire_writer.h"

#include <utility>

#include "protocol/rpc/wire_reader.h"

namespace hadron::protocol::rpc {
namespace {

std::uint64_t TagOf(std::uint32_t field, WireType type) {
  return (std::uint64_t{field} << 3U) | static_cast<std::uint64_t>(type);
}

std::size_t VarintSize(std::uint64_t value) {
  std::size_t size = 1;
  for (; value >= 0x80U; value >>= 7U) ++size;
  return size;
}

}  // namespace

void WireWriter::Varint(std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U) own_.push_back(static_cast<char>((value & 0x7fU) | 0x80U));
  own_.push_back(static_cast<char>(value));
}

void WireWriter::Header(std::uint32_t field, std::size_t length) {
  Varint(TagOf(field, WireType::kBytes));
  Varint(length);
}

void WireWriter::Bool(std::uint32_t field, bool value) {
  Varint(TagOf(field, WireType::kVarint));
  Varint(value ? 1 : 0);
}

void WireWriter::Text(std::uint32_t field, std::string_view text) {
  if (text.empty()) return;
  Header(field, text.size());
  own_.append(text);
}

void WireWriter::PackedInt64(std::uint32_t field, std::span<const std::int64_t> values) {
  if (values.empty()) return;
  std::size_t length = 0;
  for (const std::int64_t value : values) length += VarintSize(static_cast<std::uint64_t>(value));
  Header(field, length);
  for (const std::int64_t value : values) Varint(static_cast<std::uint64_t>(value));
}

void WireWriter::Bytes(std::uint32_t field, const base::IoBuf& bytes) {
  Header(field, bytes.size());
  if (bytes.empty()) return;
  inserts_.push_back({own_.size(), bytes});
  foreign_bytes_ += bytes.size();
}

void WireWriter::Message(std::uint32_t field, const WireWriter& message) {
  Header(field, message.size());
  const std::size_t start = own_.size();
  own_.append(message.own_);
  for (const Insert& insert : message.inserts_) {
    inserts_.push_back({start + insert.at, insert.bytes});
  }
  foreign_bytes_ += message.foreign_bytes_;
}

base::IoBuf WireWriter::Finish() && {
  const base::IoBuf own = base::IoBuf::FromString(std::move(own_));
  base::IoBuf all;
  std::size_t written = 0;
  for (const Insert& insert : inserts_) {
    all.Append(own.Sub(written, insert.at - written));
    all.Append(insert.bytes);
    written = insert.at;
  }
  all.Append(own.Sub(written, own.size() - written));
  return all;
}

}  // namespace hadron::protocol::rpc
