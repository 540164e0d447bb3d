// Memory for the tensors between the layers, beside and instead of weights.
#include <future>
#include <thread>

#include "unit/model/residency_rig.h"

namespace hadron::model {
namespace {

using testing::HasSubstr;

class ArenaResidency : public Residency {};

TEST_F(ArenaResidency, GivesArenasOfTheSameMemory) {
  Open(6 * kMiB);
  const ModelHandle a = Admit("a", {1, 2});
  const ModelHandle b = Admit("b", {3, 4});
  const ModelHandle c = Admit("c", {5, 6});
  for (const ModelHandle& model : {a, b, c}) ASSERT_TRUE(Serve(model));
  ASSERT_EQ(AskForArena(c, kMiB), "granted");
  EXPECT_EQ(arena_.bytes, kMiB);
  EXPECT_EQ(a->metrics().evictions(telemetry::EvictionCause::kArena), 1U) << "the oldest";
  EXPECT_TRUE(Resident(b) && Resident(c));
  EXPECT_EQ(manager_->totals().used_bytes, 5 * kMiB);
  EXPECT_LE(ledger_->reserved(), 6 * kMiB);
  std::memset(arena_.buffer->host() + arena_.offset, 0xEE, arena_.bytes);
  EXPECT_TRUE(Serve(b) && Serve(c)) << "weights are not where the arena is";
  EXPECT_TRUE(Serve(a)) << "somebody else leaves";
}

TEST_F(ArenaResidency, WaitsWithAnArenaForThoseWhoRun) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {1, 2});
  const ModelHandle b = Admit("b", {3, 4});
  ASSERT_TRUE(Serve(a));
  ASSERT_TRUE(Serve(b));
  auto running = manager_->TryPin(*b);
  EXPECT_EQ(AskForArena(a, kMiB), "");
  running.reset();
  RunAll();
  EXPECT_EQ(answer_, "granted");
  EXPECT_FALSE(Resident(b));
}

TEST_F(ArenaResidency, OwesNothingWhileALaneWaits) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {1, 2});
  const ModelHandle b = Admit("b", {3, 4});
  ASSERT_TRUE(Serve(a));
  b->metrics().pending.Add(5);  // they wait behind the lane
  manager_->Want(*b, clock_.Now());
  RunAll();
  ASSERT_TRUE(Resident(b));
  EXPECT_EQ(AskForArena(a, kMiB), "granted");
}

TEST_F(ArenaResidency, RefusesOneArenaAndNothingElse) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {1, 2});
  const ModelHandle pinned = Admit("pinned", {3});
  ASSERT_TRUE(Serve(a));
  ASSERT_TRUE(Serve(pinned));
  manager_->Pin("pinned");
  EXPECT_THAT(AskForArena(a, 2 * kMiB), HasSubstr("2.0 MiB of the device's memory"));
  EXPECT_THAT(answer_, HasSubstr("1.0 MiB are free"));
  EXPECT_TRUE(Resident(a) && Resident(pinned));
  EXPECT_EQ(AskForArena(a, kMiB), "granted");
  manager_->Stop();
  EXPECT_THAT(AskForArena(a, kMiB), HasSubstr("Server exiting"));
}

TEST_F(ArenaResidency, TakesAnArenaBackBeforeItRefusesWeights) {
  Open(4 * kMiB);
  const ModelHandle small = Admit("small", {1});
  const ModelHandle large = Admit("large", {2, 3, 4, 5});
  ASSERT_TRUE(Serve(small));
  ASSERT_EQ(AskForArena(small, 2 * kMiB), "granted");
  EXPECT_TRUE(Serve(large));
  EXPECT_EQ(arena_.buffer, nullptr);
  EXPECT_EQ(refusal_, "");
}

TEST_F(ArenaResidency, HasALoadGoBackForABatchThatWaitsForIt) {
  base::TaskQueue queue;
  std::thread runs([&queue] { queue.Run(); });
  Open(4 * kMiB, {}, queue, queue);
  const ModelHandle a = Admit("a", {1, 2});
  const ModelHandle b = Admit("b", {3, 4});
  std::optional batch = manager_->Obtain(a);
  std::optional load = manager_->Obtain(b);
  ASSERT_TRUE(batch->ok() && load->ok());
  std::promise<base::StatusOr<plan::ArenaPlace>> given;
  manager_->WantArena(*a, kMiB, [&given](auto arena) { given.set_value(std::move(arena)); });
  const auto tried = manager_->ObtainArena(*b, kMiB);
  EXPECT_TRUE(ResidencyManager::Yielded(tried.CloneStatus())) << tried.message();
  load.reset();
  auto again = std::async(std::launch::async, [&] { return manager_->Obtain(b); });
  auto arena = given.get_future().get();
  EXPECT_TRUE(arena.ok()) << "the load comes again at once, but not before it: " << arena.message();
  arena = base::Internal("");
  batch.reset();
  EXPECT_TRUE(again.get().ok());
  queue.Stop();
  runs.join();
}

TEST_F(ArenaResidency, GivesWhatIsToSpareAndTakesItBackBeforeAnybodyLeaves) {
  Open(4 * kMiB);
  const ModelHandle a = Admit("a", {1, 2});
  const ModelHandle b = Admit("b", {3});
  const ModelHandle c = Admit("c", {4});
  ASSERT_TRUE(Serve(a));
  EXPECT_EQ(manager_->TakeSpare(3 * kMiB), std::nullopt) << "nobody leaves for it";
  spare_ = manager_->TakeSpare(2 * kMiB);
  ASSERT_TRUE(spare_);
  ASSERT_TRUE(Serve(b));
  EXPECT_FALSE(spare_) << "it was asked for";
  EXPECT_TRUE(Resident(a));
  spare_ = manager_->TakeSpare(kMiB);
  ASSERT_TRUE(spare_);
  EXPECT_EQ(AskForArena(a, kMiB), "granted");
  EXPECT_FALSE(spare_);
  EXPECT_TRUE(Resident(a) && Resident(b));
  ASSERT_FALSE(Resident(c));
  const auto busy = manager_->TryPin(*b);
  const auto too = manager_->TryPin(*a);
  arena_ = {};
  EXPECT_TRUE(Serve(c));
  EXPECT_EQ(manager_->TakeSpare(kMiB), std::nullopt) << "nothing is free";
}

}  // namespace
}  // namespace hadron::model
