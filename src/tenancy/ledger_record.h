#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tenancy/usage.h"

namespace hadron::tenancy {

/// One record of the journal as bytes:
///
///     length of what follows the checksum (4) | checksum (8) | from_ms (8) | to_ms (8) | rows (4)
///     | for each row: class (1), tenant, user, model (varint length and bytes), which numbers are
///     not zero (varint of bits), these numbers (varints; byte-seconds as 8 bytes of a double)
///
/// Little-endian. The checksum is the first 8 bytes of the SHA-256 of what follows it, so that a
/// record that was torn by a crash is recognised wherever it was cut. Pure functions.
inline constexpr std::size_t kRecordPrefix = 12;
/// Rows of more than this go into another record.
inline constexpr std::size_t kMaxRecordRows = 4096;
/// Longer names are cut where an account is opened.
inline constexpr std::size_t kMaxNameBytes = 256;
/// No record is longer: what says so is damaged, and is not believed.
inline constexpr std::size_t kMaxRecordBytes = kMaxRecordRows * (3 * (kMaxNameBytes + 2) + 200);

std::string EncodeRecord(std::int64_t from_ms, std::int64_t to_ms, std::span<const UsageRow> rows);

struct Record {
  std::int64_t from_ms = 0;
  std::int64_t to_ms = 0;
  std::vector<UsageRow> rows;
};
/// Bytes that the whole record at the beginning of `text` takes; nothing when there is none, or it
/// is damaged.
std::optional<std::size_t> RecordSize(std::string_view text);
/// The record of that size. Nothing when its contents make no sense.
std::optional<Record> DecodeRecord(std::string_view record);

}  // namespace hadron::tenancy
