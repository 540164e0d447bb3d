#include "protocol/server_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/protocol/fake_models.h"

namespace hadron::protocol {
namespace {

using model::VersionState;
using testing::HasSubstr;

model::Catalogue TwoModels() {
  model::Catalogue catalogue;
  catalogue.loaded = true;
  catalogue.all_ready = true;
  const model::ModelHandle handle = SimpleModel();
  model::ModelEntry simple{"simple", "", {}};
  simple.versions[1] = {VersionState::kReady, "", handle};
  simple.versions[2] = {VersionState::kUnavailable, "bad file", nullptr};
  simple.versions[3] = {VersionState::kUnknown, "", nullptr};
  catalogue.models["simple"] = simple;
  catalogue.models["broken"] = {"broken", "model appears in two or more repositories", {}};
  catalogue.models["fresh"] = {"fresh", "", {}};
  return catalogue;
}

TEST(ServerState, IsReadyWhenLoadedAndStrictlyWhenAllAre) {
  ServerState strict({}, true);
  ServerState lenient({}, false);
  model::Catalogue catalogue;
  EXPECT_FALSE(lenient.Ready(catalogue));
  catalogue.loaded = true;
  EXPECT_TRUE(lenient.Ready(catalogue));
  EXPECT_FALSE(strict.Ready(catalogue));
  catalogue.all_ready = true;
  EXPECT_TRUE(strict.Ready(catalogue));
  strict.BeginDrain();
  EXPECT_FALSE(strict.Ready(catalogue));
  EXPECT_TRUE(strict.CheckServing().ok());
  strict.BeginExit();
  EXPECT_EQ(strict.CheckServing().code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(strict.CheckServing().message(), "Server exiting");
}

TEST(RepositoryIndex, ListsVersionsAndReasons) {
  const auto index = RepositoryIndex(TwoModels(), false);
  ASSERT_EQ(index.size(), 4U);
  EXPECT_EQ(index[0].name, "broken");
  EXPECT_EQ(index[0].state, "UNAVAILABLE");
  EXPECT_EQ(index[0].version, "");
  EXPECT_THAT(index[0].reason, HasSubstr("two or more repositories"));
  EXPECT_EQ(index[1].name, "fresh");
  EXPECT_EQ(index[1].state, "");
  EXPECT_EQ(index[2].version, "1");
  EXPECT_EQ(index[2].state, "READY");
  EXPECT_EQ(index[3].version, "2");
  EXPECT_EQ(index[3].reason, "bad file");
}

TEST(RepositoryIndex, ReadyOnlyLeavesOutTheRest) {
  const auto index = RepositoryIndex(TwoModels(), true);
  ASSERT_EQ(index.size(), 1U);
  EXPECT_EQ(index[0].name, "simple");
}

TEST(StatisticsTargets, FindsModelsAndVersions) {
  const model::Catalogue catalogue = TwoModels();
  EXPECT_EQ(StatisticsTargets(catalogue, "", std::nullopt)->size(), 1U);
  EXPECT_EQ(StatisticsTargets(catalogue, "simple", std::nullopt)->size(), 1U);
  EXPECT_EQ(StatisticsTargets(catalogue, "simple", 1)->size(), 1U);
  EXPECT_EQ(StatisticsTargets(catalogue, "simple", 2).message(),
            "requested model version is not available for model 'simple'");
  EXPECT_EQ(StatisticsTargets(catalogue, "x", std::nullopt).message(),
            "requested model 'x' is not available");
  EXPECT_EQ(StatisticsTargets(catalogue, "x", std::nullopt).code(), base::StatusCode::kNotFound);
}

TEST(ParseVersion, TakesDigitsOfInt64) {
  EXPECT_EQ(*ParseVersion("", "m"), std::nullopt);
  EXPECT_EQ(*ParseVersion("12", "m"), 12);
  EXPECT_EQ(*ParseVersion("9223372036854775807", "m"), 9223372036854775807);
  for (const char* bad : {"-1", "+1", "abc", "1a", "9223372036854775808"}) {
    EXPECT_EQ(ParseVersion(bad, "m").code(), base::StatusCode::kInvalidArgument) << bad;
  }
}

}  // namespace
}  // namespace hadron::protocol
