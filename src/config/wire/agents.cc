#include "config/wire/agents.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "config/wire/values.h"

namespace hadron::config::wire {
namespace {

struct KindOfSum {
  std::string_view prefix;
  Checksum::Kind kind;
  std::size_t digits;
};
constexpr KindOfSum kKinds[] = {{"MD5:", Checksum::Kind::kMd5, 32},
                                {"SHA256:", Checksum::Kind::kSha256, 64}};

base::StatusOr<Checksum> ReadChecksum(const std::string& key, const std::string& value) {
  const auto* const kind = std::ranges::find_if(
      kKinds, [&key](const KindOfSum& known) { return key.starts_with(known.prefix); });
  if (kind == std::end(kKinds)) {
    return base::InvalidArgument("it must be 'MD5:<path>' or 'SHA256:<path>'");
  }
  Checksum sum{kind->kind, key.substr(kind->prefix.size()), value};
  HADRON_RETURN_IF_ERROR(CheckRelativePath("the path", sum.path));
  const auto is_digit = [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; };
  if (value.size() != kind->digits || !std::ranges::all_of(value, is_digit)) {
    return base::InvalidArgument(
        fmt::format("{} is not {} hexadecimal digits", Quote(value), kind->digits));
  }
  for (char& c : sum.digest) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return sum;
}

}  // namespace

base::StatusOr<std::vector<Checksum>> ReadAgents(const ::inference::ModelConfig& config) {
  std::vector<Checksum> sums;
  for (const auto& agent : config.model_repository_agents().agents()) {
    const std::string text = fmt::format("model_repository_agents: agent {}", Quote(agent.name()));
    if (agent.name() != "checksum") {
      return base::InvalidArgument(text + " is not supported; 'checksum' is");
    }
    for (const auto& [key, value] : agent.parameters()) {
      auto sum = ReadChecksum(key, value);
      if (!sum.ok()) {
        return std::move(sum).status().With(fmt::format("{}: parameter {}", text, Quote(key)));
      }
      sums.push_back(std::move(sum).value());
    }
  }
  std::ranges::sort(sums, {}, &Checksum::path);
  return sums;
}

}  // namespace hadron::config::wire
