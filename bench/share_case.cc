// Case `share`: two tenants of weights 3 and 1 with work all the time; one pauses and returns; a
// third floods.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <thread>

#include "bench/engine_load.h"
#include "bench/serving_case.h"

namespace hadron::bench {
namespace {

struct Payer {
  std::unique_ptr<tenancy::Tenant> tenant;
  tenancy::AccountRef account;
  double weight = 1;

  double seconds() const { return static_cast<double>(account->Read().device_ns) * 1e-9; }
};

Payer MakePayer(const std::string& name, double weight) {
  tenancy::TenantSettings settings;
  settings.weight = weight;
  return {std::make_unique<tenancy::Tenant>(name, settings),
          std::make_shared<tenancy::Account>(tenancy::AccountKey{name, {}, {}}), weight};
}

class Sharing {
 public:
  Sharing(const ServingOptions& options, EngineRig& rig) : options_(options), rig_(rig) {}

  base::Status Round(CaseResult& result, int round) {
    std::array<Payer, 3> payers = {MakePayer("heavy", 3), MakePayer("light", 1),
                                   MakePayer("flood", 1)};
    const double unit = options_.seconds(10);
    std::vector<LoadStream> streams = {Stream(payers[0], 1, 0, unit), Stream(payers[1], 0, 0, 1e9),
                                       Stream(payers[2], 0, 1.6 * unit, 1e9)};
    streams.push_back(Stream(payers[0], 1, 1.3 * unit, 1e9));
    std::jthread watch([&](const std::stop_token& stop) { Watch(payers, unit, stop); });
    const auto seed = options_.seed + static_cast<std::uint64_t>(round);
    const std::vector<Served> served = RunLoad(rig_, streams, 2 * unit, 0, seed);
    watch.request_stop();
    watch.join();
    result.ratios[0].ratios.push_back(share_error_);
    result.ratios[1].ratios.push_back(lag_ / (Longest(served, 0) / 3 + Longest(served, 1)));
    result.ratios[2].ratios.push_back(busy_);
    return {};
  }

 private:
  static constexpr std::int64_t kRows = 8;

  LoadStream Stream(Payer& payer, std::size_t model, double from, double until) {
    LoadStream stream;
    stream.make = [this, &payer, model](std::uint64_t number) {
      serving::InferenceRequest request = rig_.Request(model, kRows, number % 16);
      request.identity.tenant = payer.tenant.get();
      request.account = payer.account;
      return request;
    };
    // More than two batches: with one running and one prepared the tenant still has work.
    stream.outstanding = 512;
    stream.from = from;
    stream.until = until;
    return stream;
  }

  /// The longest job of a stream, seconds.
  static double Longest(const std::vector<Served>& served, std::size_t stream) {
    double longest = 0;
    for (const Served& one : served) {
      if (one.stream == stream) longest = std::max(longest, one.job);
    }
    return longest;
  }

  /// Looks at the accounts while the first two both have work. They change with every batch, which
  /// takes several times as long as the pause between two looks.
  void Watch(const std::array<Payer, 3>& payers, double unit, const std::stop_token& stop) {
    using std::chrono::milliseconds;
    const base::TimePoint begin = rig_.clock().Now();
    const double busy_before = rig_.busy_seconds();
    double low = 0;
    double high = 0;
    bool settled = false;
    lag_ = 0;
    while (!stop.stop_requested()) {
      const double now = std::chrono::duration<double>(rig_.clock().Now() - begin).count();
      if (now >= unit) break;
      const double lag = payers[0].seconds() / 3 - payers[1].seconds();
      if (!settled && now > unit / 20) {  // both have work
        settled = true;
        low = high = lag;
      }
      if (settled) {
        low = std::min(low, lag);
        high = std::max(high, lag);
      }
      std::this_thread::sleep_for(milliseconds(1));
    }
    // The largest over any interval is that between the extremes.
    lag_ = high - low;
    const double elapsed = std::chrono::duration<double>(rig_.clock().Now() - begin).count();
    busy_ = (rig_.busy_seconds() - busy_before) / elapsed;
    const double heavy = payers[0].seconds();
    const double light = payers[1].seconds();
    share_error_ = std::abs(heavy / (heavy + light) - 0.75) / 0.75;
  }

  const ServingOptions& options_;
  EngineRig& rig_;
  double share_error_ = 0;
  double lag_ = 0;  ///< seconds over weight
  double busy_ = 0;
};

}  // namespace

base::StatusOr<CaseResult> RunShareCase(const ServingOptions& options) {
  HADRON_ASSIGN_OR_RETURN(const MadeModels made, MadeModels::Make({"mlp-1", "mlp-32"}, options));
  HADRON_ASSIGN_OR_RETURN(auto rig, EngineRig::Make(made.models(), options.threads));
  CaseResult result;
  result.ratios = {{"two tenants, 3:1", "their weights", {}, {}, {}, "share_error"},
                   {"two tenants, 3:1", "longest jobs over weights", {}, {}, {}, "lag"},
                   {"while somebody has work", "time", {}, {}, {}, "busy_share", true}};
  Sharing sharing(options, *rig);
  for (int round = 0; round < options.rounds(); ++round) {
    HADRON_RETURN_IF_ERROR(sharing.Round(result, round));
  }
  return result;
}

}  // namespace hadron::bench
