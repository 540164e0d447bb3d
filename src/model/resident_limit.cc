#include "model/resident_limit.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace hadron::model {
namespace {

/// Of the whole: a part that is less is nobody's, so that lists stay short.
constexpr double kLeastPart = 1e-3;
/// However long nobody came, what was used last decides until somebody does.
constexpr double kLeastLeft = 1e-6;
/// Sums of quotients are not exact, and no byte is a thousandth.
constexpr double kRounding = 1e-3;

/// Bytes of each model on the account.
std::vector<double> BytesOf(std::span<const AccountedModel> models, const std::vector<bool>& gone) {
  std::map<const void*, int> holders;
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (gone[i]) continue;
    for (const auto& part : models[i].model.parts) ++holders[part.range];
  }
  std::vector<double> bytes(models.size(), 0.0);
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (gone[i] || models[i].part <= 0) continue;
    for (const auto& part : models[i].model.parts) {
      bytes[i] += models[i].part * static_cast<double>(part.bytes) / holders.at(part.range);
    }
  }
  return bytes;
}

double Sum(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

/// Whom the policy would have go first; by index. What is freed here is room on the account, so
/// that each is given a part of the memory of its own.
std::optional<std::size_t> FirstToLeave(std::span<const AccountedModel> models,
                                        const std::vector<double>& bytes,
                                        const std::vector<bool>& gone,
                                        const EvictionPolicy& policy) {
  std::vector<std::size_t> owners;
  std::vector<EvictionCandidate> candidates;
  EvictionSnapshot snapshot;
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (gone[i] || !models[i].may_leave || models[i].part <= 0) continue;
    EvictionCandidate candidate = models[i].model;
    const auto on_account = static_cast<std::uint64_t>(std::llround(bytes[i]));
    candidate.parts = {{&models[i], std::max<std::uint64_t>(1, on_account)}};
    snapshot.holders[&models[i]] = 1;
    candidates.push_back(std::move(candidate));
    owners.push_back(i);
  }
  snapshot.candidates = candidates;
  const std::vector<std::size_t> first = policy.Choose(snapshot, 1);
  if (first.empty()) return std::nullopt;
  return owners[first.front()];
}

}  // namespace

void UsageShares::Begin(Payer who, base::TimePoint now) {
  users_.clear();
  at_ = now;
  // As good as nothing against the first use, and all there is before it.
  if (who != nullptr) users_.push_back({who, 1e-12, now});
}

void UsageShares::Note(Payer who, double seconds, base::TimePoint now) {
  if (seconds <= 0) return;
  const double past = std::chrono::duration<double>(now - at_) / kHalfLife;
  const double left = std::max(kLeastLeft, std::exp2(-std::max(0.0, past)));
  double all = seconds;
  for (User& user : users_) {
    user.seconds *= left;
    all += user.seconds;
  }
  at_ = now;
  auto own = std::ranges::find(users_, who, &User::who);
  if (own == users_.end()) own = users_.insert(own, User{who, 0, now});
  own->seconds += seconds;
  own->last = now;
  std::erase_if(users_, [&](const User& user) { return user.seconds < kLeastPart * all; });
}

std::vector<std::pair<Payer, double>> UsageShares::Parts() const {
  double all = 0;
  for (const User& user : users_) all += user.seconds;
  std::vector<std::pair<Payer, double>> parts;
  for (const User& user : users_) parts.emplace_back(user.who, user.seconds / all);
  return parts;
}

double UsageShares::PartOf(Payer who) const {
  for (const auto& [user, part] : Parts()) {
    if (user == who) return part;
  }
  return 0;
}

bool UsageShares::OthersUseIt(Payer who, base::TimePoint now) const {
  return std::ranges::any_of(
      users_, [&](const User& user) { return user.who != who && now - user.last < kRecent; });
}

double BytesOnAccount(std::span<const AccountedModel> models) {
  return Sum(BytesOf(models, std::vector<bool>(models.size(), false)));
}

std::optional<std::vector<std::size_t>> StayWithin(std::uint64_t limit,
                                                   std::span<const AccountedModel> models,
                                                   const EvictionPolicy& policy) {
  std::vector<bool> gone(models.size(), false);
  std::vector<std::size_t> leave;
  for (;;) {
    const std::vector<double> bytes = BytesOf(models, gone);
    if (Sum(bytes) <= static_cast<double>(limit) + kRounding) return leave;
    const auto first = FirstToLeave(models, bytes, gone, policy);
    if (!first) return std::nullopt;
    gone[*first] = true;
    leave.push_back(*first);
  }
}

}  // namespace hadron::model
