#include "serving/test_hooks.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/log.h"
#include "base/strings.h"

namespace hadron::serving {
namespace {

constexpr std::uint64_t kLongestDelayMs = 3'600'000;

bool Enabled() {
  static const bool enabled = [] {
    const char* const hooks = std::getenv("HADRON_TEST_HOOKS");  // NOLINT(concurrency-mt-unsafe)
    return hooks != nullptr && std::string_view(hooks) == "1";
  }();
  return enabled;
}

}  // namespace

std::size_t TestHook(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  if (!Enabled() || value == nullptr) return 0;
  const auto number = base::ParseUint64(value);
  if (!number) base::LogWarning("not a number", {{"variable", name}, {"value", value}});
  return number ? static_cast<std::size_t>(*number) : 0;
}

base::Duration ExecuteDelay(const config::ModelConfig& config) {
  if (!Enabled()) return {};
  const auto found = config.parameters().find("execute_delay_ms");
  if (found == config.parameters().end()) return {};
  const std::uint64_t ms = base::ParseUint64(found->second).value_or(0);
  return std::chrono::milliseconds(std::min(ms, kLongestDelayMs));
}

}  // namespace hadron::serving
