#include "tenancy/tenants.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "base/strings.h"
#include "tenancy/tenants_file.h"

namespace hadron::tenancy {
namespace {

using base::Duration;
using base::Status;
using base::TimePoint;

constexpr std::string_view kDefaultTenant = "default";
constexpr std::size_t kLongestUser = 128;
/// What cannot be told when it ends is asked for again after the shortest time that a client can be
/// told.
constexpr Duration kAskAgain = std::chrono::seconds(1);
/// More than any window holds, and no sum of a few of these overflows.
constexpr std::int64_t kMostNs = std::int64_t{1} << 61;
/// A token that rounding has left a little short is a token.
constexpr double kRounding = 1e-9;

std::int64_t Clamp(Duration time) { return std::clamp<std::int64_t>(time.count(), 0, kMostNs); }
std::int64_t Sum(std::int64_t a, std::int64_t b) { return std::min(a + b, kMostNs); }

std::int64_t AllowedNs(const TenantSettings& settings) {
  return std::max<std::int64_t>(1, std::llround(settings.max_device_seconds * 1e9));
}

double Burst(const TenantSettings& settings) {
  return std::max(1.0, settings.max_requests_per_second);
}

bool HasLimit(const TenantSettings& settings) {
  return settings.max_outstanding > 0 || settings.max_queued_bytes > 0 ||
         settings.max_requests_per_second > 0 || settings.max_device_seconds > 0;
}

Status OverLimit(const std::string& tenant, std::string_view what, std::string_view setting) {
  return base::ResourceExhausted(
      fmt::format("tenant '{}' {}; its limit is '{}' of --tenant-config", tenant, what, setting),
      base::RefusalCause::kQuota);
}

/// A name that may stand in the accounts: printable, of bounded length, none of the server's own.
bool IsUserName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestUser && name.front() != '_' &&
         std::ranges::all_of(name, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

// ---- one tenant ---------------------------------------------------------------------------------

Tenant::Hold::~Hold() {
  if (tenant_ != nullptr) tenant_->Return(*this);
}

Tenant::Tenant(std::string name, TenantSettings settings) : name_(std::move(name)) {
  Configure(settings);
}

void Tenant::Configure(TenantSettings settings) {
  base::MutexLock lock(mutex_);
  weight_.store(settings.weight, std::memory_order_relaxed);
  default_class_.store(settings.default_class, std::memory_order_relaxed);
  max_resident_bytes_.store(settings.max_resident_bytes, std::memory_order_relaxed);
  const auto before = settings_.Load();
  // A limit that is new begins with its whole burst; one that is raised gives no more at once.
  if (before == nullptr || before->max_requests_per_second <= 0) tokens_at_ = {};
  const bool limited = HasLimit(settings);
  settings_.Store(std::make_shared<const TenantSettings>(settings));
  limited_.store(limited, std::memory_order_release);
}

base::StatusOr<Tenant::Hold> Tenant::Admit(std::uint64_t bytes, Duration device_time,
                                           TimePoint now) {
  Hold hold;
  if (limited_.load(std::memory_order_acquire)) {
    const auto settings = settings_.Load();
    base::MutexLock lock(mutex_);
    Status status = CheckCounts(*settings, bytes);
    if (status.ok()) status = CheckDeviceTime(*settings, now);
    if (status.ok()) status = TakeToken(*settings, now);
    if (!status.ok()) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      return status;
    }
    if (settings->max_device_seconds > 0) {
      // What cannot be added is not given back either.
      const std::int64_t before = expected_ns_;
      expected_ns_ = Sum(before, Clamp(device_time));
      hold.device_ns_ = static_cast<std::uint64_t>(expected_ns_ - before);
    }
    outstanding_.fetch_add(1, std::memory_order_relaxed);
    queued_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  } else {
    outstanding_.fetch_add(1, std::memory_order_relaxed);
    queued_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }
  hold.tenant_ = this;
  hold.bytes_ = bytes;
  return hold;
}

Status Tenant::CheckCounts(const TenantSettings& settings, std::uint64_t bytes) const {
  const std::uint64_t most = settings.max_outstanding;
  if (most > 0 && outstanding() >= most) {
    return OverLimit(name_, fmt::format("has {} requests outstanding of {}", outstanding(), most),
                     "max_outstanding")
        .WithRetryAfter(kAskAgain);
  }
  const std::uint64_t room = settings.max_queued_bytes;
  if (room == 0) return {};
  if (bytes > room) {
    return OverLimit(
        name_,
        fmt::format("sent a request with {} bytes of inputs, and may have {} queued at "
                    "once: make it smaller",
                    bytes, room),
        "max_queued_bytes");
  }
  const std::uint64_t queued = queued_bytes();
  if (queued <= room - bytes) return {};
  return OverLimit(
             name_,
             fmt::format("has {} bytes queued of {}, {} more do not fit", queued, room, bytes),
             "max_queued_bytes")
      .WithRetryAfter(kAskAgain);
}

Status Tenant::RefuseResident(std::string_view model, std::uint64_t bytes) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  const std::string name = base::EscapeControl(model);
  const std::string most = base::HumanBytes(max_resident_bytes());
  constexpr std::string_view kSetting = "max_resident_bytes";
  if (bytes > 0) {
    return OverLimit(name_,
                     fmt::format("may have {} of the device's memory, and model '{}' alone takes "
                                 "{}: ask for a smaller one",
                                 most, name, base::HumanBytes(bytes)),
                     kSetting);
  }
  return OverLimit(name_,
                   fmt::format("has its {} of the device's memory in use, and model '{}' found no "
                               "place among them within --model-restore-timeout-ms",
                               most, name),
                   kSetting)
      .WithRetryAfter(kAskAgain);
}

void Tenant::RollWindow(const TenantSettings& settings, TimePoint now) {
  const bool open = window_began_ != TimePoint();
  if (open && now - window_began_ < settings.window) return;
  if (open) {
    // What was used beyond the limit is of the next window, and of those after it.
    const std::int64_t windows = (now - window_began_) / settings.window;
    const std::int64_t allowed = AllowedNs(settings);
    const bool settled = windows > used_ns_ / allowed;
    used_ns_ = settled ? 0 : used_ns_ - windows * allowed;
    window_began_ = used_ns_ > 0 ? window_began_ + windows * settings.window : now;
  } else {
    window_began_ = now;
    used_ns_ = 0;
  }
}

Status Tenant::CheckDeviceTime(const TenantSettings& settings, TimePoint now) {
  if (settings.max_device_seconds <= 0) return {};
  RollWindow(settings, now);
  const std::int64_t allowed = AllowedNs(settings);
  const std::int64_t taken = Sum(used_ns_, expected_ns_);
  if (taken < allowed) return {};
  const std::int64_t windows = taken / allowed;
  const Duration most = Duration::max() / 2;
  const Duration wait =
      windows > most / settings.window ? most : window_began_ + windows * settings.window - now;
  return OverLimit(
             name_,
             fmt::format("has used, or is about to use, {:.3f} device-seconds of {} in a window of "
                         "{} s",
                         static_cast<double>(taken) / 1e9, settings.max_device_seconds,
                         std::chrono::duration<double>(settings.window).count()),
             "max_device_seconds")
      .WithRetryAfter(std::max(wait, Duration(1)));
}

Status Tenant::TakeToken(const TenantSettings& settings, TimePoint now) {
  const double rate = settings.max_requests_per_second;
  if (rate <= 0) return {};
  const double since = tokens_at_ == TimePoint()
                           ? INFINITY
                           : std::chrono::duration<double>(now - tokens_at_).count();
  // A thread may come with a moment that another has passed already.
  if (since > 0) {
    tokens_ = std::min(Burst(settings), tokens_ + since * rate);
    tokens_at_ = now;
  }
  if (tokens_ < 1 - kRounding) {
    const double wait = std::ceil((1 - tokens_) / rate * 1e9);
    return OverLimit(name_, fmt::format("sends more than {} requests a second", rate),
                     "max_requests_per_second")
        .WithRetryAfter(Duration(static_cast<std::int64_t>(std::clamp(wait, 1.0, 1e18))));
  }
  tokens_ -= 1;
  return {};
}

void Tenant::Charge(Duration device_time, TimePoint now) {
  if (!limited_.load(std::memory_order_acquire)) return;
  const auto settings = settings_.Load();
  if (settings->max_device_seconds <= 0) return;
  base::MutexLock lock(mutex_);
  RollWindow(*settings, now);
  used_ns_ = Sum(used_ns_, Clamp(device_time));
}

void Tenant::Return(const Hold& hold) {
  outstanding_.fetch_sub(1, std::memory_order_relaxed);
  queued_bytes_.fetch_sub(hold.bytes_, std::memory_order_relaxed);
  if (hold.device_ns_ == 0) return;
  base::MutexLock lock(mutex_);
  expected_ns_ -= static_cast<std::int64_t>(hold.device_ns_);
}

// ---- all of them --------------------------------------------------------------------------------

Tenants::Tenants() { Apply({}); }

base::StatusOr<std::unique_ptr<Tenants>> Tenants::Create(std::string file) {
  auto tenants = std::make_unique<Tenants>();
  tenants->file_ = std::move(file);
  HADRON_RETURN_IF_ERROR(tenants->Reload());
  return tenants;
}

Status Tenants::Reload() {
  if (file_.empty()) return {};
  std::string state = StateOfFile(file_);
  if (state == seen_) return {};
  // Taken before the file is read: a change meanwhile is another state.
  seen_ = std::move(state);
  HADRON_ASSIGN_OR_RETURN(const std::string text, ReadTenantsFile(file_));
  HADRON_ASSIGN_OR_RETURN(ParsedTenants parsed, ParseTenants(file_, text));
  const std::size_t count = parsed.size();
  Apply(std::move(parsed));
  base::LogInfo("tenants configured", {{"file", file_}, {"tenants", count}});
  return {};
}

void Tenants::Apply(std::vector<std::pair<std::string, TenantSettings>> settings) {
  const auto is_default = [](const auto& entry) { return entry.first == kDefaultTenant; };
  if (std::ranges::none_of(settings, is_default))
    settings.emplace_back(kDefaultTenant, TenantSettings());
  auto table = std::make_shared<Table>();
  base::MutexLock lock(mutex_);
  for (const auto& [name, with] : settings) {
    std::unique_ptr<Tenant>& tenant = all_[name];
    if (tenant == nullptr) {
      tenant = std::make_unique<Tenant>(name, with);
    } else {
      tenant->Configure(with);
    }
    table->emplace(name, tenant.get());
  }
  if (default_ == nullptr) default_ = table->find(kDefaultTenant)->second;
  table_.Store(std::move(table));
}

Identity Tenants::Identify(const Credentials& credentials) {
  Identity who{default_, {}};
  if (!credentials.tenant.empty()) {
    Tenant* known = IsTenantName(credentials.tenant) ? Find(credentials.tenant) : nullptr;
    if (known == nullptr) {
      unknown_.fetch_add(1, std::memory_order_relaxed);
    } else {
      who.tenant = known;
    }
  }
  if (IsUserName(credentials.user)) who.user = credentials.user;
  return who;
}

Tenant* Tenants::Find(std::string_view name) const {
  const auto table = table_.Load();
  const auto at = table->find(name);
  return at == table->end() ? nullptr : at->second;
}

std::vector<Tenant*> Tenants::List() const {
  std::vector<Tenant*> tenants;
  const auto table = table_.Load();
  for (const auto& [name, tenant] : *table) tenants.push_back(tenant);
  return tenants;
}

}  // namespace hadron::tenancy
