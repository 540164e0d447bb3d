#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "config/model_config.h"
#include "serving/ordered_answers.h"
#include "serving/scheduler.h"
#include "serving/sequence_inputs.h"

namespace hadron::serving {

/// Keeps the requests of a sequence together and in order: one of them is in work at a time, and
/// what the model makes of its state goes to the next one. A sequence has a slot from its first
/// request to the execution of its last one; those that find none wait, first come, first served.
///
///   direct  a slot is a row of the batch for the sequence's life; rows between that have nothing
///           to do are filled by null items
///   oldest  a slot is a place among the candidates; what has waited longest goes first, on any row
///
/// A sequence belongs to its tenant: equal ids of two tenants are two sequences. One that nobody
/// has continued for max_idle since its last request came or was answered loses its slot, and is
/// forgotten no later than when somebody needs one. Where one request cannot be served any more
/// (cancelled, too late) the sequence ends with it: the model could make nothing of the others.
///
/// Starts nothing, reads no clock. Externally synchronised (DeviceScheduler's mutex).
class SequenceBatcher final : public Scheduler {
 public:
  SequenceBatcher(std::shared_ptr<const config::ModelConfig> config, SequenceInputs inputs);

  /// INVALID_ARGUMENT for a request of several rows, without an id, or that continues nothing.
  base::Status Enqueue(Pending& pending) override;
  Decision Next(base::TimePoint now, const Terms& terms) override;
  void Ended(const std::vector<Pending>& requests, const plan::RunResult& result,
             base::TimePoint now) override;
  Decision Expire(base::TimePoint now) override;
  base::TimePoint MustStartBy(const Pending& pending) const override;
  /// The states, each on the account of its sequence's last request.
  void AddKept(std::vector<tenancy::KeptBytes>& kept) const override;
  std::size_t queued() const override { return queued_; }
  std::vector<FlowState> Flows() const override;
  base::TimePoint oldest() const override;
  /// With a request go all of its sequence.
  std::vector<Pending> TakeOlder(base::TimePoint than) override;
  std::vector<Pending> TakeAll() override;

  std::size_t backlog() const { return backlog_.size(); }  ///< sequences without a slot
  std::size_t queued_in_backlog() const;                   ///< and their requests

 private:
  struct Slot {
    std::int64_t number = 0;
    std::int64_t instance = 0;
    auto operator<=>(const Slot&) const = default;
  };
  struct Key {
    const tenancy::Tenant* tenant = nullptr;
    SequenceId id;
    auto operator<=>(const Key&) const = default;
  };
  struct Sequence {
    std::uint64_t number = 0;
    Key key;
    std::deque<Pending> waiting;
    std::optional<Slot> slot;
    SequenceInputs::State state;
    tenancy::AccountRef account;  ///< of the request that was taken last
    bool open = true;             ///< its END has not come
    bool running = false;         ///< a request of it is in work
    bool in_order = false;        ///< the first waiting request has its place among the answers
    base::TimePoint idle_since;

    bool ready() const { return slot && !running && !waiting.empty(); }
  };
  using Sequences = std::map<std::uint64_t, Sequence>;
  using Items = std::vector<Sequence*>;

  Sequence& Begin(const Pending& pending, const Key& key);
  std::optional<Slot> FreeSlot() const;
  /// The sequence's next request may go.
  void MakeReady(Sequence& sequence);
  /// The sequence is over and gives its slot to the one that has waited longest for one.
  void Erase(Sequence& sequence);
  void EraseIfOver(Sequence& sequence);
  void Forget(const Sequence& sequence);
  /// Ends the sequence: what waits of it is taken out, what runs is its last.
  std::deque<Pending> Drop(Sequence& sequence);
  void DropCancelled(Decision& decision);
  void DropLate(base::TimePoint now, Decision& decision);
  void EraseIdle(base::TimePoint now);
  void Tidy(base::TimePoint now, Decision& decision);
  base::TimePoint DeadlineOf(const Pending& pending) const;
  bool Together(const Sequence& a, const Sequence& b) const;

  /// Whose first request may be in a batch under the terms, most entitled first.
  Items Candidates(const Terms& terms);
  Items ChooseOldest(base::TimePoint now, const Terms& terms, Decision& decision);
  std::size_t LargestPreferred() const;
  std::size_t CountOldest(const Items& items, bool full, base::TimePoint now,
                          Decision& decision) const;
  static base::TimePoint OldestOf(const Items& items);
  Items ChooseDirect(base::TimePoint now, const Terms& terms, Decision& decision);
  bool FiresDirect(const Items& items, base::TimePoint now, const Terms& terms,
                   Decision& decision) const;
  std::vector<Pending> TakeDirect(const Items& items);
  Pending Take(Sequence& sequence);
  Pending NullItem(const Pending& beside) const;

  const std::shared_ptr<const config::ModelConfig> config_;
  const config::SequenceBatching& rules_;
  const SequenceInputs inputs_;
  const std::int64_t max_rows_;
  const bool direct_;
  const std::int64_t slots_;  ///< per instance
  std::int64_t instances_ = 0;
  const std::shared_ptr<OrderedAnswers> order_;  ///< null: answers leave as they are made

  Sequences sequences_;
  std::map<Key, std::uint64_t> open_;  ///< who may be continued
  std::map<Slot, std::uint64_t> placed_;
  std::set<std::uint64_t> backlog_;           ///< in the order in which they began
  std::map<std::int64_t, std::size_t> busy_;  ///< requests in work, by instance
  std::uint64_t next_number_ = 1;
  std::size_t queued_ = 0;
  base::TimePoint first_idle_ = base::TimePoint::max();  ///< nobody's idle time is over before
};

}  // namespace hadron::serving
