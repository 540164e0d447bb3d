#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/snapshot.h"
#include "base/status.h"
#include "base/sync.h"
#include "tenancy/tenant_settings.h"
#include "tenancy/work_class.h"

namespace hadron::tenancy {

/// Somebody who shares the device: a group, an experiment. Lives as long as the process, so that
/// whoever has met it may keep a reference; one that left the configuration is not found any more.
/// Thread-safe.
class Tenant {
 public:
  /// What a request takes of its tenant's limits. Given back when it dies. Move-only; an empty one
  /// holds nothing. Outlived by its tenant.
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept
        : tenant_(std::exchange(other.tenant_, nullptr)),
          bytes_(other.bytes_),
          device_ns_(other.device_ns_) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(tenant_, other.tenant_);
      std::swap(bytes_, other.bytes_);
      std::swap(device_ns_, other.device_ns_);
      return *this;
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold();

   private:
    friend class Tenant;
    Tenant* tenant_ = nullptr;
    std::uint64_t bytes_ = 0;
    std::uint64_t device_ns_ = 0;  ///< expected
  };

  Tenant(std::string name, TenantSettings settings);

  const std::string& name() const { return name_; }
  std::shared_ptr<const TenantSettings> settings() const { return settings_.Load(); }
  double weight() const { return weight_.load(std::memory_order_relaxed); }
  WorkClass default_class() const { return default_class_.load(std::memory_order_relaxed); }
  std::uint64_t max_resident_bytes() const {
    return max_resident_bytes_.load(std::memory_order_relaxed);
  }

  /// A request asks to be let in, with so many bytes of inputs and so much time of the device, as
  /// far as that is known. RESOURCE_EXHAUSTED, cause kQuota, naming tenant, limit and setting, with
  /// the time after which it makes sense to ask again. Costs nothing where there are no limits.
  base::StatusOr<Hold> Admit(std::uint64_t bytes, base::Duration device_time, base::TimePoint now);
  /// The refusal of a request whose model has no place on the device within max_resident_bytes,
  /// which is for others to find out. `bytes`: what that takes alone when it is more; 0: others of
  /// the tenant's are in the way, and may leave.
  base::Status RefuseResident(std::string_view model, std::uint64_t bytes);
  /// Work of the tenant kept the device so long.
  void Charge(base::Duration device_time, base::TimePoint now);

  std::uint64_t outstanding() const { return outstanding_.load(std::memory_order_relaxed); }
  std::uint64_t queued_bytes() const { return queued_bytes_.load(std::memory_order_relaxed); }
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

  void Configure(TenantSettings settings);

 private:
  void Return(const Hold& hold);
  base::Status CheckCounts(const TenantSettings& settings, std::uint64_t bytes) const;
  base::Status CheckDeviceTime(const TenantSettings& settings, base::TimePoint now)
      HADRON_REQUIRES(mutex_);
  base::Status TakeToken(const TenantSettings& settings, base::TimePoint now)
      HADRON_REQUIRES(mutex_);
  /// Closes the window of device-seconds that has ended. The next one begins where it ended when
  /// something is carried over, else with its first use.
  void RollWindow(const TenantSettings& settings, base::TimePoint now) HADRON_REQUIRES(mutex_);

  const std::string name_;
  base::Snapshot<TenantSettings> settings_;
  std::atomic<double> weight_{1};
  std::atomic<WorkClass> default_class_{WorkClass::kInteractive};
  std::atomic<std::uint64_t> max_resident_bytes_{0};
  std::atomic<bool> limited_{false};  ///< has any limit that Admit looks at
  std::atomic<std::uint64_t> outstanding_{0};
  std::atomic<std::uint64_t> queued_bytes_{0};
  std::atomic<std::uint64_t> refused_{0};
  base::Mutex mutex_;
  // Of the requests a second: what may be admitted now.
  double tokens_ HADRON_GUARDED_BY(mutex_) = 0;
  base::TimePoint tokens_at_ HADRON_GUARDED_BY(mutex_);
  // Of the device-seconds: the window that is open, used in it, expected of what is outstanding.
  base::TimePoint window_began_ HADRON_GUARDED_BY(mutex_);
  std::int64_t used_ns_ HADRON_GUARDED_BY(mutex_) = 0;
  std::int64_t expected_ns_ HADRON_GUARDED_BY(mutex_) = 0;
};

/// What a call brings by which it can be told who asks. Views into the call.
struct Credentials {
  std::string_view tenant;  ///< value of --tenant-header; empty: none
  std::string_view user;    ///< value of --user-header; empty: none
};

/// Who asks. A value.
struct Identity {
  Tenant* tenant = nullptr;  ///< never null once identified
  std::string user;          ///< empty: not said
};

/// All tenants: the one place that says who is who. There is always the tenant `default`, which
/// those share who do not say who they are or whom nobody knows. Thread-safe.
///
///     HADRON_ASSIGN_OR_RETURN(auto tenants, Tenants::Create("/etc/hadron/tenants.json"));
///     const Identity who = tenants->Identify({.tenant = header});
class Tenants {
 public:
  /// `file`: JSON, see docs/tenants.md; empty: only the tenant `default`. INVALID_ARGUMENT names
  /// file, place and remedy.
  static base::StatusOr<std::unique_ptr<Tenants>> Create(std::string file);
  /// For tests and servers without a file.
  Tenants();

  /// Who asks, by all that the call brings. A name that cannot be one (1 to 64 characters of
  /// [A-Za-z0-9._@-]) or is not in the configuration is `default`, and counted. A user that is not
  /// 1 to 128 printable ASCII characters, or begins with '_', is nobody.
  Identity Identify(const Credentials& credentials);
  Tenant& default_tenant() const { return *default_; }
  /// Null when nobody of that name is in the configuration.
  Tenant* Find(std::string_view name) const;
  /// Those of the configuration, `default` included, by name.
  std::vector<Tenant*> List() const;
  /// Requests whose tenant was not known.
  std::uint64_t unknown() const { return unknown_.load(std::memory_order_relaxed); }

  /// Reads the file again if it has changed. A file with a mistake is refused whole: what was
  /// configured stays, and the failure says what is wrong, once for each state of the file.
  base::Status Reload();

 private:
  using Table = std::map<std::string, Tenant*, std::less<>>;

  void Apply(std::vector<std::pair<std::string, TenantSettings>> settings);

  std::string file_;
  std::string seen_;  ///< what the file was when it was last read; Reload's caller only
  base::Mutex mutex_;
  /// Everybody there ever was.
  std::map<std::string, std::unique_ptr<Tenant>, std::less<>> all_ HADRON_GUARDED_BY(mutex_);
  base::Snapshot<Table> table_;
  Tenant* default_ = nullptr;
  std::atomic<std::uint64_t> unknown_{0};
};

}  // namespace hadron::tenancy
