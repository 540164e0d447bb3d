#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "cli/commands.h"
#include "cli/printable.h"
#include "cpp/json.h"
#include "report/text_table.h"

namespace hadron::cli {
namespace {

using client::json::Value;

double Number(const Value& row, std::string_view key) {
  const Value* member = row.Find(key);
  return member == nullptr ? 0 : member->AsDouble().value_or(0);
}

std::string Whole(const Value& row, std::string_view key) {
  return fmt::format("{:.0f}", Number(row, key));
}

std::string Seconds(const Value& row, std::string_view key) {
  return fmt::format("{:.3f}", Number(row, key));
}

std::string Bytes(const Value& row, std::string_view key) {
  return base::HumanBytes(static_cast<std::uint64_t>(std::clamp(Number(row, key), 0.0, 1e18)));
}

std::string GibiByteSeconds(const Value& row, std::string_view key) {
  constexpr double kGibiByte = 1024.0 * 1024 * 1024;
  return fmt::format("{:.3f}", Number(row, key) / kGibiByte);
}

/// Refusals of all causes.
std::string Refused(const Value& row, std::string_view) {
  double sum = 0;
  for (const char* cause : {"queue", "deadline", "quota", "memory", "draining"}) {
    sum += Number(row, fmt::format("refused_{}", cause));
  }
  return fmt::format("{:.0f}", sum);
}

struct Column {
  const char* title;
  const char* key;
  std::string (*text)(const Value& row, std::string_view key);
};
constexpr std::array kSums = {Column{"requests", "requests", Whole},
                              Column{"failed", "failures", Whole},
                              Column{"refused", "", Refused},
                              Column{"rows", "rows", Whole},
                              Column{"device s", "device_seconds", Seconds},
                              Column{"queue s", "queue_seconds", Seconds},
                              Column{"in", "received_bytes", Bytes},
                              Column{"out", "sent_bytes", Bytes},
                              Column{"loads", "loads", Whole},
                              Column{"GiB s", "resident_byte_seconds", GibiByteSeconds}};

std::string AccountTable(const std::vector<Value>& rows, const std::string& by) {
  const std::vector<std::string> keys = base::Split(by, ',');
  std::vector<report::TextTable::Column> columns;
  for (const std::string& key : keys) columns.push_back({key, report::Align::kLeft});
  for (const Column& sum : kSums) columns.push_back({sum.title, report::Align::kRight});
  report::TextTable table(std::move(columns));
  for (const Value& row : rows) {
    std::vector<std::string> cells;
    for (const std::string& key : keys) {
      const std::string name = Printable(row.StringAt(key));
      cells.push_back(name.empty() ? "-" : name);
    }
    for (const Column& sum : kSums) cells.push_back(sum.text(row, sum.key));
    table.AddRow(std::move(cells));
  }
  return table.ToString();
}

}  // namespace

ExitCode RunAccount(const Context& context, const AccountOptions& options) {
  auto client = client::Client::Create(context.server);
  if (!client) return Complain(context, client.error());
  const bool table = options.format == "table" && !context.json;
  client::AccountQuery query{options.from, options.to, options.by, "json"};
  if (options.format == "csv" && !context.json) query.format = "csv";
  const auto answer = (*client)->GetAccount(query);
  if (!answer) return Complain(context, answer.error());
  if (!table) {
    context.out << *answer << (query.format == "csv" ? "" : "\n");
    return ExitCode::kOk;
  }
  const auto parsed = client::json::Parse(*answer);
  if (!parsed.ok() || parsed->AsArray() == nullptr) {
    return Complain(context, {.code = client::ErrorCode::kBadAnswer,
                              .status = 0,
                              .message = "the account is not a list in JSON"});
  }
  context.out << AccountTable(*parsed->AsArray(), options.by);
  return ExitCode::kOk;
}

}  // namespace hadron::cli
