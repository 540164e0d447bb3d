#include "model/waiting_room.h"

#include <algorithm>
#include <iterator>

namespace hadron::model {
namespace {

/// A client that hangs up gives no other sign than its flag.
constexpr std::chrono::milliseconds kLook{100};

bool HasGone(const Acquirer& acquirer) {
  return acquirer.cancelled != nullptr && acquirer.cancelled->load();
}

}  // namespace

std::vector<Acquirer> WaitingRoom::Take(std::string_view model) {
  std::vector<Acquirer> taken;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (it->model != model) {
      ++it;
      continue;
    }
    taken.push_back(std::move(*it));
    it = waiting_.erase(it);
  }
  return taken;
}

std::vector<Acquirer> WaitingRoom::TakeAll() {
  std::vector<Acquirer> taken(std::make_move_iterator(waiting_.begin()),
                              std::make_move_iterator(waiting_.end()));
  waiting_.clear();
  return taken;
}

std::optional<Rung> WaitingRoom::RungFor(std::string_view model) const {
  std::optional<Rung> rung;
  for (const Acquirer& acquirer : waiting_) {
    if (acquirer.model == model) rung = std::max(rung.value_or(Rung::kCompiled), acquirer.rung);
  }
  return rung;
}

void WaitingRoom::Expire(base::TimePoint now) {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const bool gone = HasGone(*it);
    if (!gone && it->deadline > now) {
      ++it;
      continue;
    }
    Acquirer acquirer = std::move(*it);
    it = waiting_.erase(it);
    acquirer.done(gone ? base::Cancelled("the client cancelled the request")
                       : base::Unavailable("Request timeout expired while model '" +
                                               acquirer.model + "' was being loaded",
                                           base::RefusalCause::kDeadline));
  }
}

base::TimePoint WaitingRoom::NextLook(base::TimePoint now) const {
  base::TimePoint next = now + kLook;
  for (const Acquirer& acquirer : waiting_) next = std::min(next, acquirer.deadline);
  return next;
}

}  // namespace hadron::model
