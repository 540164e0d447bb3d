#include "tenancy/tenants_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "base/strings.h"
#include "tenancy/descriptor.h"

namespace hadron::tenancy {
namespace {

using base::InvalidArgument;
using base::Status;
using nlohmann::json;

constexpr std::size_t kLongestName = 64;
/// Deepest in a file that means something: list, tenant, limit.
constexpr int kDeepest = 5;
/// Beyond these a number is a mistake; their nanoseconds fit 64 bits.
constexpr double kMostSeconds = 1e9;
constexpr double kMostWeight = 1e6;
constexpr double kLeastWeight = 1e-6;
constexpr double kMostRate = 1e9;
constexpr double kSecondsOfDay = 86400;
/// A day's promise of this many devices at most.
constexpr double kMostDevices = 1e4;

struct Between {
  double low;
  double high;
};

Status ReadNumber(const json& value, Between range, double* out) {
  if (!value.is_number()) return InvalidArgument("expected a number");
  const double number = value.get<double>();
  if (!(number >= range.low && number <= range.high)) {
    return InvalidArgument(
        fmt::format("{} is not between {} and {}", number, range.low, range.high));
  }
  *out = number;
  return {};
}

Status ReadCount(const json& value, std::uint64_t* out) {
  if (!value.is_number_unsigned()) {
    return InvalidArgument("expected a whole number, 0 for no limit");
  }
  *out = value.get<std::uint64_t>();
  return {};
}

Status ReadDeviceSeconds(const json& value, TenantSettings& settings) {
  constexpr std::string_view kForm = R"(expected {"seconds": ..., "window_seconds": ...})";
  if (!value.is_object() || value.size() != 2 || !value.contains("seconds") ||
      !value.contains("window_seconds")) {
    return InvalidArgument(std::string(kForm));
  }
  Status status = ReadNumber(value["seconds"], {0, kMostSeconds}, &settings.max_device_seconds);
  if (!status.ok()) return std::move(status).With("'seconds'");
  double window = 0;
  status = ReadNumber(value["window_seconds"], {1, kMostSeconds}, &window);
  if (!status.ok()) return std::move(status).With("'window_seconds'");
  settings.window =
      std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(window));
  return {};
}

Status ReadClass(const json& value, TenantSettings& settings) {
  const auto name = value.is_string() ? ParseWorkClass(value.get_ref<const std::string&>())
                                      : std::optional<WorkClass>();
  if (!name) return InvalidArgument("expected \"interactive\" or \"batch\"");
  settings.default_class = *name;
  return {};
}

struct Field {
  std::string_view key;
  Status (*read)(const json& value, TenantSettings& settings);
};

constexpr Field kFields[] = {
    {"weight",
     [](const json& v, TenantSettings& s) {
       return ReadNumber(v, {kLeastWeight, kMostWeight}, &s.weight);
     }},
    {"class", ReadClass},
    {"max_outstanding",
     [](const json& v, TenantSettings& s) { return ReadCount(v, &s.max_outstanding); }},
    {"max_queued_bytes",
     [](const json& v, TenantSettings& s) { return ReadCount(v, &s.max_queued_bytes); }},
    {"max_requests_per_second",
     [](const json& v, TenantSettings& s) {
       return ReadNumber(v, {0, kMostRate}, &s.max_requests_per_second);
     }},
    {"max_device_seconds", ReadDeviceSeconds},
    {"max_resident_bytes",
     [](const json& v, TenantSettings& s) { return ReadCount(v, &s.max_resident_bytes); }},
    {"pledge",
     [](const json& v, TenantSettings& s) {
       return ReadNumber(v, {0, kSecondsOfDay * kMostDevices}, &s.pledge);
     }},
};

std::string KnownKeys() {
  std::string keys = "name";
  for (const Field& field : kFields) keys.append(", ").append(field.key);
  return keys;
}

Status ReadField(const std::string& key, const json& value, TenantSettings& settings) {
  if (key == "name") return {};
  const auto* field = std::ranges::find(kFields, key, &Field::key);
  if (field == std::end(kFields)) {
    return InvalidArgument(
        fmt::format("unknown key {}; known are: {}", base::JsonQuote(key), KnownKeys()));
  }
  return field->read(value, settings).With(fmt::format("'{}'", key));
}

base::StatusOr<std::string> ReadName(const json& tenant) {
  const auto at = tenant.find("name");
  if (at == tenant.end() || !at->is_string()) {
    return InvalidArgument("needs a \"name\", a text");
  }
  const auto& name = at->get_ref<const std::string&>();
  if (!IsTenantName(name)) {
    return InvalidArgument(
        fmt::format("{} cannot be a name: take 1 to 64 characters of A-Z a-z 0-9 . _ @ -",
                    base::JsonQuote(name)));
  }
  if (name.starts_with('_')) {
    return InvalidArgument(
        fmt::format("'{}': names that begin with '_' are the server's own; take another", name));
  }
  return name;
}

Status ReadTenant(const json& tenant, ParsedTenants& parsed) {
  if (!tenant.is_object()) return InvalidArgument("expected an object");
  HADRON_ASSIGN_OR_RETURN(std::string name, ReadName(tenant));
  TenantSettings settings;
  for (const auto& [key, value] : tenant.items()) {
    Status status = ReadField(key, value, settings);
    if (!status.ok()) return std::move(status).With(fmt::format("'{}'", name));
  }
  parsed.emplace_back(std::move(name), settings);
  return {};
}

/// The library keeps the last of two equal keys and follows any depth; here both are mistakes.
class Strictness {
 public:
  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    if (!fault_.empty()) return true;
    if (depth > kDeepest) fault_ = "nested too deeply";
    if (event == json::parse_event_t::object_start) keys_.emplace_back();
    if (event == json::parse_event_t::object_end && !keys_.empty()) keys_.pop_back();
    if (event == json::parse_event_t::key && !keys_.empty()) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second) {
        fault_ = fmt::format("the key {} stands twice in one object", base::JsonQuote(key));
      }
    }
    return true;
  }
  const std::string& fault() const { return fault_; }

 private:
  std::vector<std::set<std::string>> keys_;
  std::string fault_;
};

base::StatusOr<json> ParseStrictly(std::string_view text) {
  Strictness strictness;
  try {
    json parsed = json::parse(text, [&](int depth, json::parse_event_t event, const json& value) {
      return strictness(depth, event, value);
    });
    if (!strictness.fault().empty()) return InvalidArgument(strictness.fault());
    return parsed;
  } catch (const json::exception& error) {
    // "[json.exception...] what": the bracket tells a user nothing.
    const std::string_view what = error.what();
    const std::size_t end = what.find("] ");
    return InvalidArgument(
        base::EscapeControl(what.substr(end == std::string_view::npos ? 0 : end + 2)));
  }
}

Status ReadList(const json& root, ParsedTenants& parsed) {
  if (!root.is_object() || root.size() != 1 || !root.contains("tenants") ||
      !root["tenants"].is_array()) {
    return InvalidArgument(R"(expected {"tenants": [...]} and nothing else)");
  }
  const json& list = root["tenants"];
  if (list.size() > kMaxTenants) {
    return InvalidArgument(
        fmt::format("{} tenants; at most {} are taken", list.size(), kMaxTenants));
  }
  std::set<std::string> seen;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Status status = ReadTenant(list[i], parsed);
    if (status.ok() && !seen.insert(parsed.back().first).second) {
      status = InvalidArgument(
          fmt::format("'{}' stands there already; give each tenant once", parsed.back().first));
    }
    if (!status.ok()) return std::move(status).With(fmt::format("tenants[{}]", i));
  }
  return {};
}

Status FileFailure(const std::string& file, std::string_view why) {
  return InvalidArgument(fmt::format("--tenant-config={}: {}", file, why));
}

}  // namespace

bool IsTenantName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '@' || c == '-';
  });
}

base::StatusOr<ParsedTenants> ParseTenants(const std::string& file, std::string_view text) {
  auto root = ParseStrictly(text);
  if (!root.ok()) return FileFailure(file, root.message());
  ParsedTenants parsed;
  const Status status = ReadList(*root, parsed);
  if (!status.ok()) return FileFailure(file, status.message());
  return parsed;
}

std::string StateOfFile(const std::string& file) {
  struct stat facts {};
  if (stat(file.c_str(), &facts) != 0) return "absent";
  return fmt::format("{}:{}:{}:{}.{}:{}.{}", facts.st_dev, facts.st_ino, facts.st_size,
                     facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, facts.st_ctim.tv_sec,
                     facts.st_ctim.tv_nsec);
}

base::StatusOr<std::string> ReadTenantsFile(const std::string& file) {
  // Without O_NONBLOCK the opening of a pipe would wait for a writer.
  const Descriptor fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts {};
  if (fd.get() < 0 || fstat(fd.get(), &facts) != 0) {
    return FileFailure(
        file, fmt::format("{}; name a readable file", std::generic_category().message(errno)));
  }
  if (!S_ISREG(facts.st_mode)) return FileFailure(file, "is not a file");
  std::string text(kMaxTenantsFileBytes + 1, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = read(fd.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileFailure(file, std::generic_category().message(errno));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  if (filled > kMaxTenantsFileBytes) {
    return FileFailure(file,
                       fmt::format("is larger than {}", base::HumanBytes(kMaxTenantsFileBytes)));
  }
  text.resize(filled);
  return text;
}

}  // namespace hadron::tenancy
