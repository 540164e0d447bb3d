#include "tenancy/ledger_record.h"

#include <bit>

#include "base/sha256.h"

namespace hadron::tenancy {
namespace {

constexpr std::size_t kChecksum = 8;
constexpr unsigned kByteBits = 8;
constexpr unsigned kVarintBits = 7;
constexpr unsigned kVarintMore = 0x80;
constexpr unsigned kLongestShift = 63;

void PutFixed(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) {
    out.push_back(static_cast<char>(value & 0xFFU));
    value >>= kByteBits;
  }
}

void PutVarint(std::string& out, std::uint64_t value) {
  while (value >= kVarintMore) {
    out.push_back(static_cast<char>((value & (kVarintMore - 1)) | kVarintMore));
    value >>= kVarintBits;
  }
  out.push_back(static_cast<char>(value));
}

void PutText(std::string& out, std::string_view text) {
  PutVarint(out, text.size());
  out.append(text);
}

/// Takes things from the front of bytes; once something is missing, everything is.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  std::uint64_t Fixed(std::size_t bytes) {
    const std::string_view text = Take(bytes);
    std::uint64_t value = 0;
    for (std::size_t i = text.size(); i > 0; --i) {
      value = (value << kByteBits) | static_cast<unsigned char>(text[i - 1]);
    }
    return value;
  }
  std::uint64_t Varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift <= kLongestShift; shift += kVarintBits) {
      const std::uint64_t byte = Fixed(1);
      value |= (byte & (kVarintMore - 1)) << shift;
      if (byte < kVarintMore) return value;
    }
    good_ = false;
    return 0;
  }
  std::string Text() { return std::string(Take(Varint())); }
  bool good() const { return good_; }
  bool done() const { return good_ && left_.empty(); }

 private:
  std::string_view Take(std::uint64_t bytes) {
    good_ = good_ && bytes <= left_.size();
    if (!good_) return {};
    const std::string_view taken = left_.substr(0, bytes);
    left_.remove_prefix(bytes);
    return taken;
  }

  std::string_view left_;
  bool good_ = true;
};

std::string Checksum(std::string_view text) {
  const base::Sha256Digest digest = base::Sha256::Of(std::as_bytes(std::span(text)));
  std::string sum;
  for (std::size_t i = 0; i < kChecksum; ++i) sum.push_back(static_cast<char>(digest[i]));
  return sum;
}

/// The whole numbers of a usage in the order of the journal; appended to, never reordered.
template <typename AnyUsage, typename Visitor>
void VisitCounts(AnyUsage& usage, Visitor visit) {
  visit(usage.requests);
  visit(usage.failures);
  visit(usage.rows);
  visit(usage.device_ns);
  visit(usage.queue_ns);
  visit(usage.bytes_in);
  visit(usage.bytes_out);
  visit(usage.loads);
  for (auto& refusals : usage.refusals) visit(refusals);
}

void PutRow(std::string& out, const UsageRow& row) {
  out.push_back(static_cast<char>(row.key.work_class));
  PutText(out, row.key.tenant);
  PutText(out, row.key.user);
  PutText(out, row.key.model);
  std::uint64_t present = 0;
  unsigned bit = 0;
  std::string numbers;
  VisitCounts(row.usage, [&](std::uint64_t value) {
    if (value != 0) {
      present |= std::uint64_t{1} << bit;
      PutVarint(numbers, value);
    }
    ++bit;
  });
  for (const double value : row.usage.byte_seconds) {
    if (value != 0) {
      present |= std::uint64_t{1} << bit;
      PutFixed(numbers, std::bit_cast<std::uint64_t>(value), sizeof(value));
    }
    ++bit;
  }
  PutVarint(out, present);
  out.append(numbers);
}

bool ReadRow(Reader& in, UsageRow& row) {
  const std::uint64_t work_class = in.Fixed(1);
  if (work_class >= kWorkClasses.size()) return false;
  row.key.work_class = static_cast<WorkClass>(work_class);
  row.key.tenant = in.Text();
  row.key.user = in.Text();
  row.key.model = in.Text();
  std::uint64_t present = in.Varint();
  const auto next = [&present] {
    const bool is = (present & 1U) != 0;
    present >>= 1U;
    return is;
  };
  VisitCounts(row.usage, [&](std::uint64_t& value) { value = next() ? in.Varint() : 0; });
  for (double& value : row.usage.byte_seconds) {
    value = next() ? std::bit_cast<double>(in.Fixed(sizeof(value))) : 0;
  }
  return in.good() && present == 0;
}

}  // namespace

std::string EncodeRecord(std::int64_t from_ms, std::int64_t to_ms, std::span<const UsageRow> rows) {
  std::string body;
  PutFixed(body, std::bit_cast<std::uint64_t>(from_ms), sizeof(from_ms));
  PutFixed(body, std::bit_cast<std::uint64_t>(to_ms), sizeof(to_ms));
  PutFixed(body, rows.size(), sizeof(std::uint32_t));
  for (const UsageRow& row : rows) PutRow(body, row);
  std::string record;
  PutFixed(record, body.size(), kRecordPrefix - kChecksum);
  return record.append(Checksum(body)).append(body);
}

std::optional<std::size_t> RecordSize(std::string_view text) {
  if (text.size() < kRecordPrefix) return std::nullopt;
  const std::uint64_t length = Reader(text).Fixed(kRecordPrefix - kChecksum);
  if (length == 0 || length > kMaxRecordBytes || length > text.size() - kRecordPrefix) {
    return std::nullopt;
  }
  const std::string_view body = text.substr(kRecordPrefix, length);
  if (Checksum(body) != text.substr(kRecordPrefix - kChecksum, kChecksum)) return std::nullopt;
  return kRecordPrefix + length;
}

std::optional<Record> DecodeRecord(std::string_view text) {
  Reader in(text.substr(std::min(kRecordPrefix, text.size())));
  Record record;
  record.from_ms = std::bit_cast<std::int64_t>(in.Fixed(sizeof(record.from_ms)));
  record.to_ms = std::bit_cast<std::int64_t>(in.Fixed(sizeof(record.to_ms)));
  const std::uint64_t rows = in.Fixed(sizeof(std::uint32_t));
  if (!in.good() || rows > kMaxRecordRows) return std::nullopt;
  record.rows.resize(rows);
  for (UsageRow& row : record.rows) {
    if (!ReadRow(in, row)) return std::nullopt;
  }
  if (!in.done()) return std::nullopt;
  return record;
}

}  // namespace hadron::tenancy
