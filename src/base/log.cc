#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "base/strings.h"
#include "base/sync.h"

namespace hadron::base {
namespace {

constexpr std::size_t kQueueLines = 8192;

/// The process has one log, as it has one standard error.
struct LogState {
  Mutex mutex;
  LogOptions options HADRON_GUARDED_BY(mutex);
  std::shared_ptr<spdlog::details::thread_pool> pool HADRON_GUARDED_BY(mutex);
  std::shared_ptr<spdlog::logger> logger HADRON_GUARDED_BY(mutex);
};

LogState& State() {
  static auto* state = new LogState;  // NOLINT: outlives every thread that may still log
  return *state;
}

std::string Pattern(LogFormat format) {
  switch (format) {
    case LogFormat::kJson:
      return "%v";
    case LogFormat::kIso8601:
      return "%Y-%m-%dT%H:%M:%S.%fZ %L %P %v";
    case LogFormat::kDefault:
      break;
  }
  return "%L%m%d %H:%M:%S.%f %P %v";
}

std::shared_ptr<spdlog::logger> MakeLogger(LogState& state, const LogOptions& options)
    HADRON_REQUIRES(state.mutex) {
  if (state.pool == nullptr) {
    state.pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
  }
  spdlog::sink_ptr sink;
  if (options.file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
  }
  auto logger = std::make_shared<spdlog::async_logger>(
      "hadron", std::move(sink), state.pool, spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::info);
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      Pattern(options.format), spdlog::pattern_time_type::utc));
  return logger;
}

std::string FieldText(const LogField::Value& value, bool json) {
  return std::visit(
      [json](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string>) {
          return json ? JsonQuote(v) : fmt::format("'{}'", EscapeControl(v));
        } else if constexpr (std::is_same_v<T, double>) {
          return fmt::format("{:.6g}", v);
        } else {
          return fmt::format("{}", v);
        }
      },
      value);
}

std::string TextLine(std::string_view message, LogFields fields) {
  std::string line(message);
  for (const LogField& field : fields) {
    line += fmt::format(" {}={}", field.key, FieldText(field.value, false));
  }
  return line;
}

std::string JsonLine(std::string_view level, std::string_view message, LogFields fields) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::string line = fmt::format(R"({{"time_ms":{},"level":"{}","message":{})",
                                 std::chrono::duration_cast<std::chrono::milliseconds>(now).count(),
                                 level, JsonQuote(message));
  for (const LogField& field : fields) {
    line += fmt::format(",{}:{}", JsonQuote(field.key), FieldText(field.value, true));
  }
  return line + "}";
}

void Write(spdlog::level::level_enum level, std::string_view name, bool LogOptions::*enabled,
           std::string_view message, LogFields fields) {
  std::shared_ptr<spdlog::logger> logger;
  LogFormat format;
  {
    LogState& state = State();
    MutexLock lock(state.mutex);
    if (!(state.options.*enabled)) return;
    if (state.logger == nullptr) state.logger = MakeLogger(state, state.options);
    logger = state.logger;
    format = state.options.format;
  }
  const std::string line =
      format == LogFormat::kJson ? JsonLine(name, message, fields) : TextLine(message, fields);
  logger->log(level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

bool ConfigureLog(const LogOptions& options, std::string* error) {
  LogState& state = State();
  MutexLock lock(state.mutex);
  try {
    state.logger = MakeLogger(state, options);
  } catch (const spdlog::spdlog_ex& e) {
    *error = e.what();
    return false;
  }
  state.options = options;
  return true;
}

LogOptions CurrentLogOptions() {
  LogState& state = State();
  MutexLock lock(state.mutex);
  return state.options;
}

std::uint64_t DroppedLogLines() {
  LogState& state = State();
  MutexLock lock(state.mutex);
  return state.pool == nullptr ? 0 : state.pool->overrun_counter();
}

void FlushLog() {
  LogState& state = State();
  MutexLock lock(state.mutex);
  // The pool's destructor drains its queue; the next line starts a new one.
  state.logger.reset();
  state.pool.reset();
}

void LogInfo(std::string_view message, LogFields fields) {
  Write(spdlog::level::info, "info", &LogOptions::info, message, fields);
}
void LogWarning(std::string_view message, LogFields fields) {
  Write(spdlog::level::warn, "warning", &LogOptions::warning, message, fields);
}
void LogError(std::string_view message, LogFields fields) {
  Write(spdlog::level::err, "error", &LogOptions::error, message, fields);
}
void LogVerbose(unsigned level, std::string_view message, LogFields fields) {
  {
    LogState& state = State();
    MutexLock lock(state.mutex);
    if (state.options.verbose_level < level) return;
  }
  Write(spdlog::level::debug, "verbose", &LogOptions::info, message, fields);
}

}  // namespace hadron::base
