#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace hadron::base {

/// One typed field of a log line: {"model", name}, {"version", 3}, {"ms", 1.5}.
struct LogField {
  template <typename T>
  LogField(std::string_view k, const T& v) : key(k), value(Convert(v)) {}  // NOLINT

  using Value = std::variant<std::int64_t, std::uint64_t, double, bool, std::string>;
  std::string_view key;
  Value value;

 private:
  template <typename T>
  static Value Convert(const T& v) {
    if constexpr (std::is_same_v<T, bool>) {
      return v;
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<double>(v);
    } else if constexpr (std::is_integral_v<T> && std::is_unsigned_v<T>) {
      return static_cast<std::uint64_t>(v);
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<std::int64_t>(v);
    } else {
      return std::string(v);
    }
  }
};

enum class LogFormat : std::uint8_t { kDefault, kIso8601, kJson };

struct LogOptions {
  bool info = true;
  bool warning = true;
  bool error = true;
  unsigned verbose_level = 0;
  LogFormat format = LogFormat::kDefault;
  std::string file;  ///< empty = standard error
};

/// Installs the settings for the whole process; false with `error` set when the file cannot be
/// opened (the old settings stay). Lines go through a bounded queue: a slow console costs lines
/// (counted), never a request. Thread-safe.
bool ConfigureLog(const LogOptions& options, std::string* error);
LogOptions CurrentLogOptions();
/// Lines lost because the queue was full.
std::uint64_t DroppedLogLines();
/// Writes what is queued; for the end of the process.
void FlushLog();

using LogFields = std::initializer_list<LogField>;

/// A fixed message and typed fields; the request path logs nothing at the default level. Control
/// characters in fields are escaped. Thread-safe.
///
///     LogInfo("model loaded", {{"model", name}, {"version", version}, {"ms", ms}});
void LogInfo(std::string_view message, LogFields fields = {});
void LogWarning(std::string_view message, LogFields fields = {});
void LogError(std::string_view message, LogFields fields = {});
/// Written when --log-verbose is at least `level`.
void LogVerbose(unsigned level, std::string_view message, LogFields fields = {});

}  // namespace hadron::base
