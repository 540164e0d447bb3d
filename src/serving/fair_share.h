#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "serving/flow.h"

namespace hadron::serving {

/// Shares the time of one device between tenants by their weights: start-time fair queueing (Goyal,
/// Vin, Cheng, 1996) on measured time. Every tenant has a tag, in seconds over weight: the virtual
/// time at which its next work starts. Who has the smallest is the furthest behind. The virtual
/// time is the smallest tag of those who have work (the start of what runs, where that goes in the
/// order of the tags), and a tenant that was idle comes back there: it has saved nothing. Two
/// tenants that both have work never differ by more than their longest jobs over their weights.
///
/// Work is charged with what it is expected to take when it starts, and corrected when it has
/// ended. Pure; externally synchronised.
///
///     shares.Enter(&atlas); shares.Enter(&cms);
///     for (const Flow& flow : shares.Order(flows)) ...
///     shares.Begin(&atlas, 0.004); ... shares.Settle(&atlas, 0.004, 0.005);
class FairShare {
 public:
  using Key = const tenancy::Tenant*;

  /// Has work from now on, if it had none.
  void Enter(Key tenant);
  /// Has no more work waiting.
  void Leave(Key tenant);
  /// Work of the tenant starts, and is expected to take so many seconds. `rides`: in the batch of
  /// another tenant, so that it does not say how far the device has come.
  void Begin(Key tenant, double expected, bool rides = false);
  /// It has ended.
  void Settle(Key tenant, double expected, double measured);
  /// Something else was done for the tenant that took so long: its turn comes so much later. How
  /// far ahead of the virtual time others may be does not change, and of a tenant alone nothing.
  void Charge(Key tenant, double seconds);
  /// Nothing runs: if nobody has work either, all debts are forgotten.
  void Rest();

  double tag(Key tenant) const;
  double virtual_time() const { return virtual_; }
  /// At most one longest job ahead of the virtual time: interactive work of such a tenant goes
  /// before everything else.
  bool InsideShare(Key tenant) const;
  /// In which order flows are to be asked for work: interactive ones of tenants inside their share
  /// first, each group by tag; a tenant's interactive work before its batch work.
  std::vector<Flow> Order(std::vector<Flow> flows) const;
  /// Weights of those who have work, and of `tenant` even if it has none.
  double ActiveWeight(Key tenant) const;

 private:
  struct Share {
    double tag = 0;
    int running = 0;
    bool active = false;
  };
  /// Moves the virtual time on to the smallest tag, at most to `least`.
  void Advance(double least);
  static double WeightOf(Key tenant) { return tenant == nullptr ? 1.0 : tenant->weight(); }

  std::map<Key, Share> shares_;
  double virtual_ = 0;
  double longest_ = 0;  ///< seconds of a job; forgets slowly
};

}  // namespace hadron::serving
