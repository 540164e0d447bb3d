#include "protocol/rest/hadron_account.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "net/url.h"
#include "protocol/rest/json_writer.h"

namespace hadron::protocol {
namespace {

using base::InvalidArgument;
using base::Status;
using tenancy::Ledger;
using tenancy::Usage;

constexpr std::string_view kTimeForm =
    "RFC 3339 (2026-03-01T12:00:00Z, or a day alone) or seconds since the epoch";
constexpr double kLatestSecond = 253402300799;  // the end of the year 9999
constexpr std::int64_t kMsPerMinute = 60'000;

// ---- times --------------------------------------------------------------------------------------

/// Takes a number of so many digits off the front.
std::optional<unsigned> TakeDigits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool TakeOneOf(std::string_view& text, std::string_view characters) {
  if (text.empty() || characters.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// Midnight of "2026-03-01", in milliseconds.
std::optional<std::int64_t> TakeDay(std::string_view& text) {
  const auto year = TakeDigits(text, 4);
  if (!year || !TakeOneOf(text, "-")) return std::nullopt;
  const auto month = TakeDigits(text, 2);
  if (!month || !TakeOneOf(text, "-")) return std::nullopt;
  const auto day = TakeDigits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::milliseconds(std::chrono::sys_days(date).time_since_epoch()).count();
}

/// "12:30", in minutes.
std::optional<std::int64_t> TakeMinutes(std::string_view& text) {
  const auto hours = TakeDigits(text, 2);
  if (!hours || *hours > 23 || !TakeOneOf(text, ":")) return std::nullopt;
  const auto minutes = TakeDigits(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return std::int64_t{*hours} * 60 + *minutes;
}

/// "59.25", in milliseconds; what is finer is cut. A leap second is the first of the next minute.
std::optional<std::int64_t> TakeSeconds(std::string_view& text) {
  const auto seconds = TakeDigits(text, 2);
  if (!seconds || *seconds > 60) return std::nullopt;
  std::int64_t ms = std::int64_t{*seconds} * 1000;
  if (!TakeOneOf(text, ".")) return ms;
  std::int64_t unit = 100;
  auto digit = TakeDigits(text, 1);
  if (!digit) return std::nullopt;
  for (; digit; digit = TakeDigits(text, 1)) {
    ms += *digit * unit;
    unit /= 10;
  }
  return ms;
}

/// "Z" or "+01:00", in minutes east.
std::optional<std::int64_t> TakeOffset(std::string_view& text) {
  if (TakeOneOf(text, "Zz")) return 0;
  const bool west = text.starts_with('-');
  // A plus that was not escaped may have become a space on its way.
  if (!TakeOneOf(text, "+- ")) return std::nullopt;
  const auto minutes = TakeMinutes(text);
  if (!minutes) return std::nullopt;
  return west ? -*minutes : *minutes;
}

std::optional<std::int64_t> ParseRfc3339(std::string_view text) {
  const auto day = TakeDay(text);
  if (!day || text.empty()) return day;
  if (!TakeOneOf(text, "Tt ")) return std::nullopt;
  const auto minutes = TakeMinutes(text);
  if (!minutes || !TakeOneOf(text, ":")) return std::nullopt;
  const auto ms = TakeSeconds(text);
  if (!ms) return std::nullopt;
  const auto east = TakeOffset(text);
  if (!east || !text.empty()) return std::nullopt;
  return *day + (*minutes - *east) * kMsPerMinute + *ms;
}

std::optional<std::int64_t> ParseEpoch(std::string_view text) {
  double seconds = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(seconds >= 0 && seconds <= kLatestSecond)) return std::nullopt;
  return std::llround(seconds * 1e3);
}

// ---- the question -------------------------------------------------------------------------------

Status ReadTime(std::string_view parameter, std::string_view text, std::int64_t& ms) {
  auto time = ParseEpoch(text);
  if (!time) time = ParseRfc3339(text);
  if (!time) {
    return InvalidArgument(fmt::format("parameter '{}': '{}' is not a time; expected {}", parameter,
                                       base::EscapeControl(text), kTimeForm));
  }
  ms = *time;
  return {};
}

Status ReadFrom(std::string_view text, AccountQuestion& question) {
  return ReadTime("from", text, question.query.from_ms);
}

Status ReadTo(std::string_view text, AccountQuestion& question) {
  return ReadTime("to", text, question.query.to_ms);
}

/// By what rows can be told apart.
struct KeyColumn {
  std::string_view name;
  bool Ledger::Query::*wanted;
  std::string_view (*value)(const tenancy::AccountKey&);
};

constexpr std::array kKeyColumns = {
    KeyColumn{"tenant", &Ledger::Query::by_tenant,
              [](const tenancy::AccountKey& key) -> std::string_view { return key.tenant; }},
    KeyColumn{"user", &Ledger::Query::by_user,
              [](const tenancy::AccountKey& key) -> std::string_view { return key.user; }},
    KeyColumn{"model", &Ledger::Query::by_model,
              [](const tenancy::AccountKey& key) -> std::string_view { return key.model; }},
    KeyColumn{
        "class", &Ledger::Query::by_class,
        [](const tenancy::AccountKey& key) { return tenancy::WorkClassName(key.work_class); }},
};

Status ReadBy(std::string_view text, AccountQuestion& question) {
  for (const KeyColumn& column : kKeyColumns) question.query.*column.wanted = false;
  for (const std::string_view name : base::Split(text, ',')) {
    const auto* column = std::ranges::find(kKeyColumns, name, &KeyColumn::name);
    if (column == kKeyColumns.end()) {
      return InvalidArgument(
          fmt::format("parameter 'by': there is no '{}'; expected some of tenant, user, model, "
                      "class, with commas between them",
                      base::EscapeControl(name)));
    }
    question.query.*column->wanted = true;
  }
  return {};
}

Status ReadFormat(std::string_view text, AccountQuestion& question) {
  question.csv = text == "csv";
  if (question.csv || text == "json") return {};
  return InvalidArgument(fmt::format("parameter 'format': there is no '{}'; expected json or csv",
                                     base::EscapeControl(text)));
}

struct Parameter {
  std::string_view name;
  Status (*read)(std::string_view, AccountQuestion&);
};
constexpr Parameter kParameters[] = {
    {"from", ReadFrom}, {"to", ReadTo}, {"by", ReadBy}, {"format", ReadFormat}};

Status ReadParameter(std::string_view pair, AccountQuestion& question) {
  const std::size_t sign = std::min(pair.find('='), pair.size());
  const std::string_view name = pair.substr(0, sign);
  const auto* row = std::ranges::find(kParameters, name, &Parameter::name);
  if (row == std::end(kParameters)) {
    return InvalidArgument(fmt::format("there is no parameter '{}'; expected from, to, by, format",
                                       base::EscapeControl(name)));
  }
  const auto value = net::PercentDecode(pair.substr(std::min(sign + 1, pair.size())));
  if (!value) {
    return InvalidArgument(fmt::format(
        "parameter '{}': a '%' of its value is not followed by two hexadecimal digits", name));
  }
  return row->read(*value, question);
}

// ---- the answer ---------------------------------------------------------------------------------

/// Exact: a double would round the sums of years.
std::string Seconds(std::uint64_t ns) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  return fmt::format("{}.{:09}", ns / kSecond, ns % kSecond);
}

std::string ByteSeconds(const Usage& usage, tenancy::Rung rung) {
  return fmt::format("{:.3f}", usage.byte_seconds[static_cast<std::size_t>(rung)]);
}

/// The sums in the order of their columns, each as text that is a number.
std::vector<std::pair<std::string_view, std::string>> Sums(const Usage& usage) {
  static_assert(tenancy::kRefusals.size() == 5, "a column for each cause");
  const auto& refused = usage.refusals;
  return {{"requests", std::to_string(usage.requests)},
          {"failures", std::to_string(usage.failures)},
          {"rows", std::to_string(usage.rows)},
          {"device_seconds", Seconds(usage.device_ns)},
          {"queue_seconds", Seconds(usage.queue_ns)},
          {"received_bytes", std::to_string(usage.bytes_in)},
          {"sent_bytes", std::to_string(usage.bytes_out)},
          {"loads", std::to_string(usage.loads)},
          {"cached_byte_seconds", ByteSeconds(usage, tenancy::Rung::kCached)},
          {"compiled_byte_seconds", ByteSeconds(usage, tenancy::Rung::kCompiled)},
          {"resident_byte_seconds", ByteSeconds(usage, tenancy::Rung::kResident)},
          {"refused_queue", std::to_string(refused[0])},
          {"refused_deadline", std::to_string(refused[1])},
          {"refused_quota", std::to_string(refused[2])},
          {"refused_memory", std::to_string(refused[3])},
          {"refused_draining", std::to_string(refused[4])}};
}

std::string Cell(std::string_view name) {
  std::string text;
  if (!name.empty() && std::string_view("=+-@\t\r").find(name[0]) != std::string_view::npos) {
    text.push_back('\'');
  }
  text.append(name);
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted.push_back('"');
    quoted.push_back(c);
  }
  return quoted + '"';
}

}  // namespace

base::StatusOr<AccountQuestion> ParseAccountQuestion(std::string_view query) {
  AccountQuestion question;
  for (const std::string_view pair : base::Split(query, '&')) {
    if (pair.empty()) continue;
    HADRON_RETURN_IF_ERROR(ReadParameter(pair, question));
  }
  if (question.query.from_ms > question.query.to_ms) {
    return InvalidArgument("parameter 'to': it is before 'from'; exchange them");
  }
  return question;
}

std::string AccountJson(const Ledger::Query& query, std::span<const Ledger::Row> rows) {
  JsonWriter json;
  json.BeginArray();
  for (const Ledger::Row& row : rows) {
    json.BeginObject();
    for (const KeyColumn& column : kKeyColumns) {
      if (query.*column.wanted) json.Key(column.name).String(column.value(row.key));
    }
    for (const auto& [name, number] : Sums(row.usage)) json.Key(name).Raw(number);
    json.EndObject();
  }
  json.EndArray();
  return json.Take();
}

std::string AccountCsv(const Ledger::Query& query, std::span<const Ledger::Row> rows) {
  std::vector<std::string> line;
  for (const KeyColumn& column : kKeyColumns) {
    if (query.*column.wanted) line.emplace_back(column.name);
  }
  for (const auto& [name, number] : Sums({})) line.emplace_back(name);
  std::string text = base::Join(line, ",") + "\r\n";
  for (const Ledger::Row& row : rows) {
    line.clear();
    for (const KeyColumn& column : kKeyColumns) {
      if (query.*column.wanted) line.push_back(Cell(column.value(row.key)));
    }
    for (auto& [name, number] : Sums(row.usage)) line.push_back(std::move(number));
    text += base::Join(line, ",") + "\r\n";
  }
  return text;
}

}  // namespace hadron::protocol
