// Many lives of sequences at random, against what must hold whatever happens.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "unit/serving/sequence_rig.h"

namespace hadron::serving {
namespace {

using std::chrono::milliseconds;

/// Many lives at random.
class SequenceHistory {
 public:
  SequenceHistory(const std::string& batching, unsigned seed)
      : rig_(batching, 3, " instance_group { count: 2 }"),
        random_(seed),
        direct_(batching.starts_with("direct")) {}

  void Step() {
    switch (Pick(10)) {
      case 0:
        return rig_.clock.Advance(milliseconds(Pick(700)));
      case 1:
        if (!cancel_.empty()) cancel_[Pick(cancel_.size())]->store(true);
        return;
      case 2:
        if (Pick(20) == 0) CountOut(rig_.batcher.TakeOlder(rig_.clock.Now() - milliseconds(50)));
        return;
      case 3:
      case 4:
        return End();
      case 5:
      case 6:
        return Run();
      default:
        return Add();
    }
  }
  /// Nobody is forgotten.
  void Finish() {
    for (int i = 0; i < 10'000 && (rig_.batcher.queued() > 0 || !rig_.running.empty()); ++i) {
      Run();
      End();
      rig_.clock.Advance(milliseconds(300));
    }
    EXPECT_EQ(rig_.batcher.queued(), 0U);
    EXPECT_EQ(rig_.batcher.backlog(), 0U);
    EXPECT_EQ(accepted_, over_.size());
  }
  std::size_t accepted() const { return accepted_; }
  std::size_t ran() const { return ran_; }

 private:
  std::size_t Pick(std::size_t below) { return random_() % below; }

  void Add() {
    static const char* const kFlags[] = {"S", "", "", "", "E", "SE", "S"};
    SequenceRig::What what;
    what.id = std::uint64_t{1} + Pick(12);
    what.flags = kFlags[Pick(std::size(kFlags))];
    what.value = static_cast<float>(1 + Pick(9));
    what.width = Pick(6) == 0 ? 2 : 1;
    what.timeout_us = Pick(8) == 0 ? 1 + Pick(400'000) : 0;
    if (Pick(9) == 0) {
      cancel_.push_back(std::make_shared<std::atomic<bool>>(false));
      what.cancelled = cancel_.back();
    }
    if (rig_.Add(what).ok()) ++accepted_;
    EXPECT_EQ(rig_.batcher.queued(), accepted_ - over_.size() - InWork());
  }
  std::size_t InWork() const {
    std::size_t count = 0;
    for (const auto& batch : rig_.running) count += CountRequests(batch);
    return count;
  }
  void CountOut(const std::vector<Pending>& requests) {
    for (const Pending& pending : requests) EXPECT_TRUE(over_.insert(pending.request.id).second);
  }
  void Run() {
    const std::size_t before = rig_.running.size();
    rig_.Run();
    for (const auto& [id, status] : rig_.ended) EXPECT_TRUE(over_.insert(id).second);
    rig_.ended.clear();
    if (rig_.running.size() > before) CheckBatch(rig_.running.back());
  }
  void CheckBatch(const std::vector<Pending>& batch) {
    EXPECT_LE(batch.size(), 3U);
    EXPECT_FALSE(batch.back().null_item);
    for (std::size_t row = 0; row < batch.size(); ++row) {
      const Pending& item = batch[row];
      EXPECT_EQ(SequenceRig::Int(item, "ready"), item.null_item ? 3 : 7);
      EXPECT_EQ(item.request.inputs[0].desc.shape, batch.back().request.inputs[0].desc.shape);
      if (item.null_item) {
        EXPECT_TRUE(direct_);
        continue;
      }
      EXPECT_TRUE(in_work_.insert(item.sequence).second) << "two at a time";
      int& last = last_.try_emplace(item.sequence, -1).first->second;
      EXPECT_GT(std::stoi(item.request.id), last);
      last = std::stoi(item.request.id);
      if (ReadSequenceMark(item.request).start) sums_[item.sequence] = 0;
      EXPECT_EQ(SequenceRig::Float(item, "s"), sums_.at(item.sequence));
      const std::size_t own_row = rows_.try_emplace(item.sequence, row).first->second;
      EXPECT_TRUE(!direct_ || own_row == row) << "it has changed its row";
      ++ran_;
    }
  }
  void End() {
    if (rig_.running.empty()) return;
    const bool ok = Pick(8) != 0;
    for (const Pending& item : rig_.running.front()) {
      if (item.null_item) continue;
      EXPECT_TRUE(over_.insert(item.request.id).second);
      in_work_.erase(item.sequence);
      const float value = base::AsArray<float>(item.request.inputs[0].bytes.bytes())[0];
      if (ok) sums_[item.sequence] += value;
    }
    rig_.End(ok);
  }

  SequenceRig rig_;
  std::mt19937 random_;
  const bool direct_;
  std::vector<std::shared_ptr<std::atomic<bool>>> cancel_;
  std::size_t accepted_ = 0;
  std::size_t ran_ = 0;
  std::set<std::string> over_;
  std::set<std::uint64_t> in_work_;
  std::map<std::uint64_t, int> last_;
  std::map<std::uint64_t, float> sums_;
  std::map<std::uint64_t, std::size_t> rows_;
};

TEST(SequenceHistory, LosesNothingWhateverHappens) {
  for (const std::string strategy : {"direct { }", "oldest { max_candidate_sequences: 2 }"}) {
    for (unsigned seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE(strategy + " seed " + std::to_string(seed));
      SequenceHistory history(strategy, seed);
      for (int step = 0; step < 1500; ++step) history.Step();
      history.Finish();
      EXPECT_GT(history.accepted(), 100U);
      EXPECT_GT(history.ran(), 50U);
    }
  }
}

}  // namespace
}  // namespace hadron::serving
