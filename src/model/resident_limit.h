#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "model/eviction_policy.h"

namespace hadron::model {

/// On whose account weights are on the device. Opaque here, for comparing alone; null: nobody's.
using Payer = const void*;

/// Whose account a model on the device is on: those who use it, in proportion of the time that it
/// has computed for them of late (a half-life of kHalfLife). While nobody uses it that stays as it
/// is; before its first use it is on the account of whom it was brought for. A value.
///
///     shares.Begin(&atlas, now);
///     shares.Note(&cms, 0.004, now);  // all of it is on cms's account from here on
class UsageShares {
 public:
  /// It comes onto the device; null: for nobody, so that nobody pays until it is used.
  void Begin(Payer who, base::TimePoint now);
  /// It has computed for somebody.
  void Note(Payer who, double seconds, base::TimePoint now);
  void Clear() { users_.clear(); }

  /// 0 to 1; the parts of all who have one add up to 1.
  double PartOf(Payer who) const;
  std::vector<std::pair<Payer, double>> Parts() const;
  bool empty() const { return users_.empty(); }
  /// Whether somebody else has used it within the last kRecent.
  bool OthersUseIt(Payer who, base::TimePoint now) const;

  static constexpr base::Duration kHalfLife = std::chrono::seconds(10);
  static constexpr base::Duration kRecent = std::chrono::seconds(10);

 private:
  struct User {
    Payer who = nullptr;
    double seconds = 0;
    base::TimePoint last;
  };
  std::vector<User> users_;
  base::TimePoint at_;  ///< up to which what was used is forgotten
};

/// A model on the device, as the limit of one payer sees it.
struct AccountedModel {
  EvictionCandidate model;  ///< what it holds, and what its place is worth
  double part = 0;          ///< of it, on the payer's account
  bool may_leave = false;   ///< for the payer's sake
};

/// Bytes of the device's memory on the payer's account. What several models hold is divided among
/// them, as in the accounts.
double BytesOnAccount(std::span<const AccountedModel> models);

/// Who has to leave, by index, so that no more than `limit` bytes are on the payer's account:
/// nobody if it is so already; of those who may, the ones that the policy names first. Nothing when
/// that does not suffice. Pure.
std::optional<std::vector<std::size_t>> StayWithin(std::uint64_t limit,
                                                   std::span<const AccountedModel> models,
                                                   const EvictionPolicy& policy);

}  // namespace hadron::model
