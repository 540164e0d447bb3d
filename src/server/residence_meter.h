#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "tenancy/ledger.h"

namespace hadron::server {

/// Byte-seconds of models on each rung, and whose they are: of each interval between two flushes of
/// the ledger, those who used a model in it share its byte-seconds in proportion of their time of
/// the device; those of models that nobody used are `_idle`'s, all in one account: a thousand idle
/// models must not write a thousand rows with every flush. The parts add up to the whole.
///
/// States of sequences, in host memory, are on an account from the beginning.
///
/// Owner: Accounts; the `export` thread alone.
///
///     meter.Sample(held, kept, clock.Now());
///     meter.Note(interval.rows);  // what Ledger::Flush has written
///     meter.Divide(ledger);
class ResidenceMeter {
 public:
  using Rungs = std::array<double, tenancy::kRungs.size()>;
  /// What a version holds now: bytes by rung, of what several share its part.
  struct Held {
    std::string model;
    Rungs bytes{};
  };

  /// Between two samples the mean of both is what was held.
  void Sample(std::span<const Held> held, std::vector<tenancy::KeptBytes> kept,
              base::TimePoint now);
  /// Somebody has used models.
  void Note(std::span<const tenancy::UsageRow> rows);
  /// Puts what was held since the last time on the accounts of who used it since then.
  void Divide(tenancy::Ledger& ledger);

 private:
  using Sums = std::map<std::string, Rungs, std::less<>>;
  using Users = std::map<tenancy::AccountKey, std::uint64_t>;

  static void DivideModel(const Rungs& byte_seconds, const Users* users, tenancy::Ledger& ledger);

  Sums held_;  ///< bytes, at the last sample
  std::vector<tenancy::KeptBytes> kept_;
  base::TimePoint sampled_;  ///< meaningless before the first one, when nothing was held
  Sums byte_seconds_;        ///< not divided yet
  std::map<std::string, Users, std::less<>> used_;
};

}  // namespace hadron::server
