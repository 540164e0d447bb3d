#include "model/repository.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "storage/local/factory.h"
#include "storage/s3/factory.h"
#include "support/s3_origin.h"
#include "unit/storage/temp_directory.h"

namespace hadron::model {
namespace {

using storage::test::TempDirectory;
using Numbers = std::vector<std::int64_t>;

/// A repository on disk and the store over it.
struct Repository {
  TempDirectory directory;
  std::unique_ptr<storage::ObjectStore> store =
      std::move(storage::OpenLocalStore(directory.path().string())).value();
};

ScanResult ScanAll(std::vector<storage::ObjectStore*> stores, const ScanOptions& options = {}) {
  auto result = Scan(stores, options);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.message());
  return result.ok() ? std::move(result).value() : ScanResult();
}

TEST(Scan, FindsModelsVersionsAndConfigurations) {
  const Repository repository;
  repository.directory.Write("a/config.pbtxt", "name: 'a'");
  repository.directory.Write("a/1/model.onnx", "x");
  repository.directory.Write("a/10/model.onnx", "x");
  repository.directory.Write("a/2/model.onnx", "x");
  repository.directory.Write("b/0/model.onnx", "x");
  repository.directory.Write("README.md", "x");
  const ScanResult scan = ScanAll({repository.store.get()});
  ASSERT_EQ(scan.models.size(), 2U);
  const ScannedModel& a = scan.models.at("a");
  EXPECT_EQ(a.version_numbers(), (Numbers{1, 2, 10}));
  EXPECT_EQ(a.config_file, "config.pbtxt");
  EXPECT_EQ(a.config_text, "name: 'a'");
  EXPECT_EQ(a.location, repository.directory.path().string() + "/a");
  EXPECT_EQ(a.store, repository.store.get());
  EXPECT_EQ(a.reason, "");
  const ScannedModel& b = scan.models.at("b");
  EXPECT_EQ(b.version_numbers(), (Numbers{0}));
  EXPECT_EQ(b.config_file, "");
}

TEST(Scan, AsksARemoteStoreOnceForAllItsDirectories) {
  hadron::test::S3Origin origin;
  const base::SystemClock clock;
  storage::S3Options options;
  options.anonymous = true;
  options.environment = [](const std::string&) { return std::nullopt; };
  const auto store = storage::OpenS3Store(origin.url() + "/lab", options, clock);
  ASSERT_TRUE(store.ok()) << store.message();
  for (const char* model : {"a", "b", "c"}) {
    const std::string name = std::string("lab/") + model;
    origin.Put(name + "/config.pbtxt", std::string("name: '") + model + "'");
    origin.Put(name + "/1/model.onnx", "x");
    origin.Put(name + "/2/model.onnx/model.onnx", "x");
  }
  const ScanResult first = ScanAll({store->get()});
  ASSERT_EQ(first.models.size(), 3U);
  EXPECT_EQ(first.models.at("b").version_numbers(), (Numbers{1, 2}));
  EXPECT_EQ(first.models.at("b").config_text, "name: 'b'");
  EXPECT_EQ(first.models.at("b").location, origin.url() + "/lab/b");
  EXPECT_EQ(origin.requests().size(), 4U);  // one listing, three configurations
  origin.Put("lab/c/config.pbtxt", "name: 'other'");
  const ScanResult second = ScanAll({store->get()}, {.previous = &first});
  EXPECT_EQ(second.models.at("b").config_text, "name: 'b'");
  EXPECT_EQ(second.models.at("c").config_text, "name: 'other'");
  EXPECT_EQ(origin.requests().size(), 6U);  // one listing, the configuration that has changed

  storage::ObjectStore* stores[] = {store->get()};
  const auto one = ScanOne(stores, "b", {});
  ASSERT_TRUE(one.ok()) << one.message();
  EXPECT_EQ(*one->FindVersion(2), *second.models.at("b").FindVersion(2));
  EXPECT_EQ(origin.requests().size(), 8U);  // one listing, the configuration
  EXPECT_EQ(ScanOne(stores, "b", {.previous = &second})->config_text, "name: 'b'");
  EXPECT_EQ(origin.requests().size(), 9U);  // one listing
  EXPECT_EQ(ScanOne(stores, "bb", {}).code(), base::StatusCode::kNotFound);
  EXPECT_EQ(ScanOne(stores, "", {}).code(), base::StatusCode::kNotFound);
}

TEST(Scan, TakesOnlyDecimalDirectoriesForVersions) {
  const Repository repository;
  for (const char* name : {"01", "1a", "-1", "99999999999999999999", "v1", "extra", "warmup",
                           "initial_state", "configs"}) {
    repository.directory.Write(std::string("m/") + name + "/file", "x");
  }
  repository.directory.Write("m/7", "a file, not a version");
  const ScanResult scan = ScanAll({repository.store.get()});
  const ScannedModel& model = scan.models.at("m");
  EXPECT_TRUE(model.versions.empty());
  EXPECT_EQ(model.skipped_directories,
            (std::vector<std::string>{"-1", "01", "1a", "99999999999999999999", "extra", "v1"}));
}

TEST(Scan, ChoosesTheNamedConfigurationWhereThereIsOne) {
  const Repository repository;
  repository.directory.Write("a/config.pbtxt", "plain");
  repository.directory.Write("a/configs/small.pbtxt", "small");
  repository.directory.Write("b/config.pbtxt", "plain");
  const ScanResult scan = ScanAll({repository.store.get()}, {.model_config_name = "small"});
  EXPECT_EQ(scan.models.at("a").config_text, "small");
  EXPECT_EQ(scan.models.at("a").config_file, "configs/small.pbtxt");
  EXPECT_EQ(scan.models.at("b").config_text, "plain");
  const std::vector<storage::ObjectStore*> stores = {repository.store.get()};
  EXPECT_FALSE(Scan(stores, {.model_config_name = "../x"}).ok());
}

TEST(Scan, MarksNamesThatAppearTwice) {
  const Repository first;
  const Repository second;
  const Repository third;
  first.directory.Write("a/1/model.onnx", "x");
  first.directory.Write("b/1/model.onnx", "x");
  second.directory.Write("a/2/model.onnx", "x");
  third.directory.Write("a/3/model.onnx", "x");
  const ScanResult scan = ScanAll({first.store.get(), second.store.get(), third.store.get()});
  ASSERT_EQ(scan.models.size(), 2U);
  EXPECT_EQ(scan.models.at("a").reason, "model appears in two or more repositories");
  EXPECT_TRUE(scan.models.at("a").versions.empty());
  EXPECT_EQ(scan.models.at("a").name, "a");
  EXPECT_EQ(scan.models.at("b").reason, "");
}

TEST(Scan, KeepsOneModelsTroubleFromTheOthers) {
  const Repository repository;
  repository.directory.Write("good/1/model.onnx", "x");
  repository.directory.Write("large/config.pbtxt", std::string(2'000'000, ' '));
  repository.directory.Write("deep/1/a/b/c/d/e/f/g/h/i", "x");
  repository.directory.Write("lost+found/x", "x");
  const ScanResult scan = ScanAll({repository.store.get()});
  ASSERT_EQ(scan.models.size(), 3U);
  EXPECT_EQ(scan.models.at("good").reason, "");
  EXPECT_NE(scan.models.at("large").reason.find("2000000 bytes"), std::string::npos);
  EXPECT_NE(scan.models.at("deep").reason.find("directories deep"), std::string::npos);
}

TEST(Scan, FailsWhenAStoreIsGone) {
  auto directory = std::make_unique<TempDirectory>();
  const auto store = std::move(storage::OpenLocalStore(directory->path().string())).value();
  directory.reset();
  const std::vector<storage::ObjectStore*> stores = {store.get()};
  auto scan = Scan(stores, {});
  ASSERT_FALSE(scan.ok());
  EXPECT_NE(scan.message().find(store->url()), std::string::npos);
}

TEST(Scan, SeesChangesByFile) {
  const Repository repository;
  repository.directory.Write("m/1/model.onnx", "one");
  repository.directory.Write("m/1/weights/w.bin", "w");
  repository.directory.Write("m/2/model.onnx", "two");
  repository.directory.Write("m/labels.txt", "l");
  repository.directory.Write("m/warmup/data", "d");
  const ScanResult before = ScanAll({repository.store.get()});
  const ScannedModel& old = before.models.at("m");
  ASSERT_EQ(old.FindVersion(1)->files.size(), 2U);
  EXPECT_EQ(old.FindVersion(1)->files[1].name, "1/weights/w.bin");
  EXPECT_EQ(old.files.size(), 2U);
  EXPECT_EQ(ScanAll({repository.store.get()}).models.at("m").versions, old.versions);

  repository.directory.Write("m/1/weights/w.bin", "longer");
  repository.directory.Write("m/3/model.onnx", "three");
  const ScanResult after = ScanAll({repository.store.get()});
  const ScannedModel& now = after.models.at("m");
  EXPECT_NE(*now.FindVersion(1), *old.FindVersion(1));
  EXPECT_EQ(*now.FindVersion(2), *old.FindVersion(2));
  EXPECT_EQ(now.files, old.files);
  EXPECT_EQ(old.FindVersion(3), nullptr);
}

TEST(ScannedModel, GivesTheLexicallyFirstVersionForIdentification) {
  const Repository repository;
  repository.directory.Write("m/2/model.onnx", "x");
  repository.directory.Write("m/10/model.plan", "x");
  repository.directory.Write("empty/config.pbtxt", "");
  const ScanResult scan = ScanAll({repository.store.get()});
  EXPECT_EQ(scan.models.at("m").directory().name, "m");
  EXPECT_EQ(scan.models.at("m").directory().first_version_files,
            (std::vector<std::string>{"model.plan"}));
  EXPECT_TRUE(scan.models.at("empty").directory().first_version_files.empty());
}

TEST(FindModelFile, LooksIntoADirectoryOfThatName) {
  const Repository repository;
  repository.directory.Write("m/1/model.onnx", "x");
  repository.directory.Write("m/2/model.onnx/model.onnx", "x");
  repository.directory.Write("m/3/net.bin", "x");
  const ScanResult scan = ScanAll({repository.store.get()});
  const ScannedModel& model = scan.models.at("m");
  EXPECT_EQ(*FindModelFile(model, *model.FindVersion(1), "model.onnx"), "1/model.onnx");
  EXPECT_EQ(*FindModelFile(model, *model.FindVersion(2), "model.onnx"), "2/model.onnx/model.onnx");
  auto missing = FindModelFile(model, *model.FindVersion(3), "model.onnx");
  EXPECT_EQ(missing.code(), base::StatusCode::kNotFound);
  EXPECT_NE(missing.message().find("the version directory has: net.bin"), std::string::npos);
}

TEST(LooksWhole, WantsTheFileOfEveryVersion) {
  const Repository repository;
  repository.directory.Write("whole/1/model.onnx", "x");
  repository.directory.Write("whole/2/model.onnx/model.onnx", "x");
  repository.directory.Write("whole/2/model.onnx/weights.bin", "x");
  repository.directory.Write("begun/1/model.onnx", "x");
  repository.directory.Write("begun/2/weights.bin", "x");
  repository.directory.Write("empty/config.pbtxt", "name: 'empty'");
  repository.directory.Write("named/config.pbtxt", "default_model_filename: 'net.bin'");
  repository.directory.Write("named/1/net.bin", "x");
  const ScanResult scan = ScanAll({repository.store.get()});
  EXPECT_TRUE(LooksWhole(scan.models.at("whole")));
  EXPECT_FALSE(LooksWhole(scan.models.at("begun")));
  EXPECT_TRUE(LooksWhole(scan.models.at("empty")));  // and of no use, which is said
  EXPECT_TRUE(LooksWhole(scan.models.at("named")));
  ScannedModel unusable;
  unusable.reason = "appears in two repositories";
  EXPECT_TRUE(LooksWhole(unusable));
}

TEST(ParseVersion, TakesCanonicalDecimals) {
  EXPECT_EQ(ParseVersion("0"), 0);
  EXPECT_EQ(ParseVersion("10"), 10);
  EXPECT_EQ(ParseVersion("9223372036854775807"), 9223372036854775807);
  for (const char* text : {"", "00", "01", "-1", "+1", "1.0", " 1", "9223372036854775808"}) {
    EXPECT_EQ(ParseVersion(text), std::nullopt) << text;
  }
}

config::VersionPolicy Latest(std::uint32_t count) {
  config::VersionPolicy policy;
  policy.latest = count;
  return policy;
}

config::VersionPolicy All() {
  config::VersionPolicy policy;
  policy.kind = config::VersionPolicy::Kind::kAll;
  return policy;
}

config::VersionPolicy Specific(Numbers versions) {
  config::VersionPolicy policy;
  policy.kind = config::VersionPolicy::Kind::kSpecific;
  policy.specific = std::move(versions);
  return policy;
}

struct PolicyCase {
  config::VersionPolicy policy;
  Numbers available;
  Numbers selected;
  Numbers absent;
};

TEST(SelectVersions, AppliesThePolicy) {
  const PolicyCase table[] = {
      {{}, {3, 1, 2}, {3}, {}},
      {Latest(2), {3, 1, 2}, {2, 3}, {}},
      {Latest(4000000000), {3, 1, 2}, {1, 2, 3}, {}},
      {All(), {3, 1, 10}, {1, 3, 10}, {}},
      {Specific({2, 1, 2}), {1, 2, 3}, {1, 2}, {}},
      {Specific({9, 1, -4}), {1, 2, 3}, {1}, {-4, 9}},
  };
  for (const PolicyCase& row : table) {
    auto selection = SelectVersions(row.policy, row.available, "m");
    ASSERT_TRUE(selection.ok()) << selection.message();
    EXPECT_EQ(selection->versions, row.selected);
    EXPECT_EQ(selection->absent, row.absent);
  }
}

TEST(SelectVersions, FailsWhenNothingIsLeft) {
  const std::pair<config::VersionPolicy, Numbers> table[] = {
      {{}, {}}, {Latest(0), {1}}, {All(), {}}, {Specific({}), {1}}, {Specific({2}), {1}}};
  for (const auto& [policy, available] : table) {
    auto selection = SelectVersions(policy, available, "m");
    ASSERT_FALSE(selection.ok());
    EXPECT_EQ(selection.message(),
              "at least one version must be available under the version policy of model 'm'");
  }
}

}  // namespace
}  // namespace hadron::model
