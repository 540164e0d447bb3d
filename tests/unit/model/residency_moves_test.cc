// Weights that are moved together on the device where bytes suffice and no hole does.
#include <random>

#include "unit/model/residency_rig.h"

namespace hadron::model {
namespace {

class MovingResidency : public Residency {
 protected:
  /// A card of slabs of eight layers, on which every second one has gone.
  std::vector<ModelHandle> Riddled() {
    ResidencyManager::Options options;
    options.store.slab_bytes = 8 * kMiB;
    Open(8 * kMiB, std::move(options));
    std::vector<ModelHandle> models;
    for (int i = 0; i < 8; ++i) models.push_back(Admit("m" + std::to_string(i), {i}));
    for (const ModelHandle& model : models) EXPECT_TRUE(Serve(model));
    for (int i = 0; i < 8; i += 2) {
      manager_->Evict("m" + std::to_string(i), [](base::Status) {});
    }
    RunAll();
    return models;
  }
};

TEST_F(MovingResidency, MovesRatherThanEvicts) {
  const std::vector<ModelHandle> models = Riddled();
  const ModelHandle asks = models[1];
  std::vector<std::optional<ResidencyPin::Weights>> running;
  for (const int i : {3, 5, 7}) {
    running.push_back(manager_->TryPin(*models[static_cast<std::size_t>(i)]));
  }
  const std::uint64_t evictions = manager_->totals().evictions;
  EXPECT_EQ(AskForArena(asks, 2 * kMiB), "") << "what is read stays where it is";
  for (const int i : {3, 5, 7}) {
    const ModelHandle& model = models[static_cast<std::size_t>(i)];
    EXPECT_TRUE(HasItsBytes(model, *running[static_cast<std::size_t>(i - 3) / 2]->binding));
  }
  running.clear();
  RunAll();
  ASSERT_EQ(answer_, "granted");
  EXPECT_EQ(manager_->totals().evictions, evictions);
  EXPECT_EQ(manager_->totals().moved_bytes, kMiB) << "one between two holes is enough";
  std::memset(arena_.buffer->host() + arena_.offset, 0xEE, arena_.bytes);
  for (int i = 1; i < 8; i += 2) {
    const auto pin = manager_->TryPin(*models[static_cast<std::size_t>(i)]);
    ASSERT_TRUE(pin.has_value()) << i;
    EXPECT_TRUE(HasItsBytes(models[static_cast<std::size_t>(i)], *pin->binding)) << i;
  }
}

TEST_F(MovingResidency, LosesNobodysAnswersWhenACopyIsLost) {
  const std::vector<ModelHandle> models = Riddled();
  copies_get_lost_ = true;
  AskForArena(models[1], 2 * kMiB);
  copies_get_lost_ = false;
  RunAll();
  for (const ModelHandle& model : models) EXPECT_TRUE(Serve(model)) << model->name();
}

TEST_F(MovingResidency, GivesEverythingBackAfterMoves) {
  std::vector<ModelHandle> models = Riddled();
  ASSERT_EQ(AskForArena(models[1], 3 * kMiB), "granted");
  arena_ = {};
  models.clear();
  RunAll();
  EXPECT_EQ(ledger_->reserved(), 0U);
}

}  // namespace
}  // namespace hadron::model
