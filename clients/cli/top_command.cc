#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "cli/commands.h"
#include "cli/printable.h"
#include "cli/top.h"
#include "report/text_table.h"

namespace hadron::cli {
namespace {

using client::json::Value;

constexpr const char* kHome = "\x1b[H";
constexpr const char* kClear = "\x1b[2J";
constexpr const char* kClearRest = "\x1b[J";
constexpr std::size_t kHeadLines = 5;

double NumberAt(const Value& object, std::string_view key) {
  const Value* member = object.Find(key);
  return member == nullptr ? 0 : member->AsDouble().value_or(0);
}

bool Has(const Value& object, std::string_view key) { return object.Find(key) != nullptr; }

bool BoolAt(const Value& object, std::string_view key) {
  const Value* member = object.Find(key);
  return member != nullptr && member->AsBool().value_or(false);
}

std::string Bytes(double bytes) {
  return base::HumanBytes(static_cast<std::uint64_t>(std::clamp(bytes, 0.0, 1e18)));
}

std::string Milliseconds(const Value& model, std::string_view key) {
  return Has(model, key) ? fmt::format("{:.1f}", NumberAt(model, key) / 1000) : "";
}

const client::json::Array& ArrayAt(const Value& object, std::string_view key) {
  static const client::json::Array kNone;
  const Value* member = object.Find(key);
  return member == nullptr || member->AsArray() == nullptr ? kNone : *member->AsArray();
}

std::vector<std::string> Row(const Value& model) {
  const Value* bytes = model.Find("bytes");
  const bool loaded = BoolAt(model, "loaded");
  std::string rung = Printable(model.StringAt("residency"));
  if (BoolAt(model, "pinned")) rung += " pinned";
  return {Printable(model.StringAt("name")),
          Printable(model.StringAt("version")),
          Printable(model.StringAt("state")),
          std::move(rung),
          bytes == nullptr ? "" : Bytes(NumberAt(*bytes, "resident")),
          bytes == nullptr ? "" : Bytes(NumberAt(*bytes, "host")),
          loaded ? fmt::format("{:.1f}", NumberAt(model, "requests_per_s")) : "",
          loaded ? fmt::format("{:.0f}", NumberAt(model, "queue")) : "",
          loaded ? fmt::format("{:.0f}", NumberAt(model, "inflight")) : "",
          loaded ? fmt::format("{:.0f}%", NumberAt(model, "device_share") * 100) : "",
          Milliseconds(model, "p50_us"),
          Milliseconds(model, "p99_us"),
          Printable(model.StringAt("reason"))};
}

std::string Head(const Value& status) {
  std::string text = fmt::format(
      "{} {}, up {:.0f} s, {}, control mode {}, {:.0f} requests in flight\n",
      Printable(status.StringAt("name")), Printable(status.StringAt("version")),
      NumberAt(status, "uptime_s"),
      BoolAt(status, "draining") ? "draining" : (BoolAt(status, "ready") ? "ready" : "not ready"),
      Printable(status.StringAt("control_mode")), NumberAt(status, "inflight"));
  for (const Value& device : ArrayAt(status, "devices")) {
    text += fmt::format("{} ({}): {} of {} reserved", Printable(device.StringAt("id")),
                        Printable(device.StringAt("name")), Bytes(NumberAt(device, "reserved")),
                        Bytes(NumberAt(device, "budget")));
    if (Has(device, "busy_ratio")) {
      text += fmt::format(", {:.0f}% busy", NumberAt(device, "busy_ratio") * 100);
    }
    text += '\n';
  }
  return text + "\n";
}

/// Keys come as they are typed, for as long as this lives.
class RawTerminal {
 public:
  RawTerminal() {
    ok_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    if (!ok_) return;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  ~RawTerminal() {
    if (ok_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_{};
  bool ok_ = false;
};

/// True when `q` was typed or nothing more can be, within the time.
bool Quit(int milliseconds) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (::poll(&input, 1, milliseconds) <= 0) return false;
  char key = 0;
  return ::read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q';
}

std::size_t RowsThatFit() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row <= kHeadLines) return 0;
  return size.ws_row - kHeadLines;
}

}  // namespace

std::string TopTable(const Value& status, std::size_t rows) {
  report::TextTable table({{"model", report::Align::kLeft},
                           {"version", report::Align::kRight},
                           {"state", report::Align::kLeft},
                           {"weights", report::Align::kLeft},
                           {"device", report::Align::kRight},
                           {"host", report::Align::kRight},
                           {"req/s", report::Align::kRight},
                           {"queue", report::Align::kRight},
                           {"flight", report::Align::kRight},
                           {"share", report::Align::kRight},
                           {"p50 ms", report::Align::kRight},
                           {"p99 ms", report::Align::kRight},
                           {"reason", report::Align::kLeft}});
  std::vector<const Value*> models;
  for (const Value& model : ArrayAt(status, "models")) models.push_back(&model);
  std::ranges::stable_sort(models, std::ranges::greater(), [](const Value* model) {
    return std::pair(NumberAt(*model, "requests_per_s"), NumberAt(*model, "queue"));
  });
  const std::size_t shown = rows == 0 ? models.size() : std::min(rows, models.size());
  for (std::size_t i = 0; i < shown; ++i) table.AddRow(Row(*models[i]));
  std::string text = Head(status) + table.ToString();
  if (shown < models.size()) text += fmt::format("... and {} more\n", models.size() - shown);
  return text;
}

ExitCode RunTop(const Context& context, const TopOptions& options) {
  auto client = client::Client::Create(context.server);
  if (!client) return Complain(context, client.error());
  const bool live = !options.once && !context.json && ::isatty(STDOUT_FILENO) == 1;
  std::optional<RawTerminal> terminal;
  if (live) terminal.emplace();
  if (live) context.out << kClear;
  do {
    const auto status = (*client)->GetServerStatus();
    if (!status) return Complain(context, status.error());
    if (context.json) {
      context.out << *status << '\n';
      return ExitCode::kOk;
    }
    const auto parsed = client::json::Parse(*status);
    if (!parsed.ok()) {
      return Complain(context,
                      {.code = client::ErrorCode::kBadAnswer,
                       .status = 0,
                       .message = "the status is not what it should be: " + parsed.message()});
    }
    if (live) context.out << kHome << kClearRest;
    context.out << TopTable(*parsed, live ? RowsThatFit() : 0) << std::flush;
  } while (live && !Quit(static_cast<int>(options.interval_s * 1000)));
  return ExitCode::kOk;
}

}  // namespace hadron::cli
