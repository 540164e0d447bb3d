// Cases `quota` and `account`: what tenants are let have, and what is written down of it.
#include <fmt/format.h>
#include <sys/resource.h>

#include <array>
#include <chrono>

#include "bench/engine_load.h"
#include "bench/quota_server.h"
#include "bench/random.h"
#include "bench/serving_case.h"

namespace hadron::bench {
namespace {

using tenancy::Tenant;
using tenancy::TenantSettings;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Requests of one tenant, made cheaply.
std::function<serving::InferenceRequest(std::uint64_t)> Maker(const EngineRig& rig,
                                                              std::size_t model, std::int64_t rows,
                                                              Tenant* tenant,
                                                              tenancy::AccountRef account) {
  auto made = std::make_shared<serving::InferenceRequest>(rig.Request(model, rows, 1));
  return [made, tenant, account = std::move(account)](std::uint64_t) {
    serving::InferenceRequest request;
    request.model = made->model;
    request.rows = made->rows;
    request.inputs = made->inputs;
    request.identity.tenant = tenant;
    request.account = account;
    return request;
  };
}

/// Ten times what is allowed, for some seconds.
class Quota {
 public:
  Quota(const ServingOptions& options, EngineRig& rig)
      : options_(options), rig_(rig), exec_(AloneSeconds(rig, 0, 8, 50)) {}

  void Requests(CaseResult& result) {
    constexpr double kRate = 50;
    Tenant tenant("rate", {.max_requests_per_second = kRate});
    const double seconds = options_.seconds(10);
    Add(result, "requests a second", Admitted(tenant, kRate * 10, seconds),
        kRate * seconds + kRate);
  }
  void Outstanding(CaseResult& result) {
    constexpr std::uint64_t kMost = 4;
    Tenant tenant("outstanding", {.max_outstanding = kMost});
    std::uint64_t most = 0;
    LoadStream stream{Maker(rig_, 0, 8, &tenant, nullptr), 40};
    const auto make = stream.make;
    stream.make = [&](std::uint64_t number) {
      most = std::max(most, tenant.outstanding());
      return make(number);
    };
    RunLoad(rig_, {stream}, options_.seconds(1), 0, options_.seed);
    Add(result, "outstanding", static_cast<double>(most), static_cast<double>(kMost));
  }
  void QueuedBytes(CaseResult& result) {
    constexpr std::uint64_t kRequests = 4;
    std::uint64_t bytes = 0;
    for (const auto& input : rig_.Request(0, 8, 1).inputs) bytes += input.bytes.size();
    Tenant tenant("queued", {.max_queued_bytes = kRequests * bytes});
    std::uint64_t most = 0;
    LoadStream stream{Maker(rig_, 0, 8, &tenant, nullptr), 40};
    const auto make = stream.make;
    stream.make = [&](std::uint64_t number) {
      most = std::max(most, tenant.queued_bytes());
      return make(number);
    };
    RunLoad(rig_, {stream}, options_.seconds(1), 0, options_.seed);
    Add(result, "queued bytes", static_cast<double>(most), static_cast<double>(kRequests * bytes));
  }
  void DeviceTime(CaseResult& result) {
    using std::chrono::seconds;
    const double window = options_.smoke() ? 1 : 2;
    const double allowed = window / 20;
    TenantSettings settings{.max_device_seconds = allowed};
    settings.window =
        std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(window));
    Tenant tenant("device", settings);
    auto account = std::make_shared<tenancy::Account>(tenancy::AccountKey{"device", {}, {}});
    LoadStream stream{Maker(rig_, 0, 8, &tenant, account), 0, 0.5 / exec_};
    const int windows = options_.smoke() ? 1 : 4;
    RunLoad(rig_, {stream}, window * windows - 0.05, 0, options_.seed);
    Add(result, "device-seconds a window", static_cast<double>(account->Read().device_ns) * 1e-9,
        allowed * windows);
  }

 private:
  double Admitted(Tenant& tenant, double per_second, double seconds) {
    LoadStream stream{Maker(rig_, 0, 1, &tenant, nullptr), 0, per_second};
    double admitted = 0;
    for (const Served& one : RunLoad(rig_, {stream}, seconds, 0, options_.seed)) {
      if (one.ok) ++admitted;
    }
    return admitted;
  }
  static void Add(CaseResult& result, const std::string& kind, double admitted, double allowed) {
    result.ratios.push_back(
        {"ten-fold demand, " + kind, "allowed", {admitted / allowed}, {}, {}, "admitted"});
  }

  const ServingOptions& options_;
  EngineRig& rig_;
  const double exec_;
};

/// Eight tenants, two models, random rows.
class Accounting {
 public:
  Accounting(const ServingOptions& options, EngineRig& rig) : options_(options), rig_(rig) {
    for (int i = 0; i < 8; ++i) {
      const std::string name = fmt::format("tenant{}", i);
      tenants_.push_back(std::make_unique<Tenant>(name, TenantSettings{}));
      accounts_.push_back(std::make_shared<tenancy::Account>(tenancy::AccountKey{name, {}, {}}));
    }
  }
  /// CPU seconds of a request; what is on the accounts over what the device was busy.
  struct Seen {
    double cpu = 0;
    double attributed = 0;
  };
  Seen Run(bool accounts) {
    Random random(options_.seed);
    std::vector<LoadStream> streams;
    for (std::size_t i = 0; i < tenants_.size(); ++i) {
      streams.push_back(
          {Maker(rig_, i % 2, 1 + static_cast<std::int64_t>(random.Below(4)),
                 accounts ? tenants_[i].get() : nullptr, accounts ? accounts_[i] : nullptr),
           4});
    }
    const double before = Attributed();
    const double busy = rig_.busy_seconds();
    const double cpu = CpuSeconds();
    const auto served = RunLoad(rig_, streams, options_.seconds(5), 0, options_.seed);
    return {(CpuSeconds() - cpu) / static_cast<double>(served.size()),
            (Attributed() - before) / (rig_.busy_seconds() - busy)};
  }

 private:
  double Attributed() const {
    double seconds = 0;
    for (const auto& account : accounts_) {
      seconds += static_cast<double>(account->Read().device_ns) * 1e-9;
    }
    return seconds;
  }

  const ServingOptions& options_;
  EngineRig& rig_;
  std::vector<std::unique_ptr<Tenant>> tenants_;
  std::vector<tenancy::AccountRef> accounts_;
};

}  // namespace

base::StatusOr<CaseResult> RunQuotaCase(const ServingOptions& options) {
  HADRON_ASSIGN_OR_RETURN(auto rig, EngineRig::Make({DigitsModel(options)}, options.threads));
  CaseResult result;
  Quota quota(options, *rig);
  quota.Requests(result);
  quota.Outstanding(result);
  quota.QueuedBytes(result);
  quota.DeviceTime(result);
  ServedOptions served;
  served.server = options.server;
  served.profile = options.profile;
  served.seed = options.seed;
  HADRON_ASSIGN_OR_RETURN(auto ratios, RunQuotaServer(served, options.rounds()));
  for (Ratio& ratio : ratios) result.ratios.push_back(std::move(ratio));
  return result;
}

base::StatusOr<CaseResult> RunAccountCase(const ServingOptions& options) {
  HADRON_ASSIGN_OR_RETURN(const MadeModels made, MadeModels::Make({"mlp-1"}, options));
  HADRON_ASSIGN_OR_RETURN(
      auto rig, EngineRig::Make({made.models()[0], DigitsModel(options)}, options.threads));
  Accounting accounting(options, *rig);
  Ratio attributed{"8 tenants", "device busy", {}, {}, {}, "attributed_time"};
  Ratio cpu{"8 tenants, accounts kept", "not kept", {}, {}, {}, "cpu"};
  for (int round = 0; round < options.rounds(); ++round) {
    const auto without = accounting.Run(false);
    const auto with = accounting.Run(true);
    attributed.ratios.push_back(with.attributed);
    cpu.ratios.push_back(with.cpu / without.cpu);
    cpu.ours_us.push_back(with.cpu * 1e6);
    cpu.peer_us.push_back(without.cpu * 1e6);
  }
  return CaseResult{{std::move(attributed), std::move(cpu)}, {}};
}

}  // namespace hadron::bench
