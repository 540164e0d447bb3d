#include "storage/artifact_cache.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "base/bytes.h"
#include "storage/artifact_files.h"
#include "unit/storage/s3_rig.h"
#include "unit/storage/temp_directory.h"

namespace hadron::storage::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// Time that a test moves by hand.
class HandClock final : public base::Clock {
 public:
  base::TimePoint Now() const override { return {}; }
  std::int64_t WallMs() const override { return now; }
  std::int64_t now = 2'000'000'000'000;
};

std::string ShaOf(std::string_view text) {
  return base::ToHex(base::Sha256::Of(base::AsBytes(text)));
}

/// A cache whose files come before they are used, or meanwhile.
class RunningCache {
 public:
  RunningCache(ArtifactCache::Options options, const base::Clock& clock, bool meanwhile)
      : cache(std::move(options), clock, meanwhile ? &queue_ : nullptr),
        thread_([this] { queue_.Run(); }) {}
  ~RunningCache() {
    queue_.Stop();
    thread_.join();
  }
  RunningCache(const RunningCache&) = delete;
  RunningCache& operator=(const RunningCache&) = delete;

 private:
  base::TaskQueue queue_;

 public:
  ArtifactCache cache;

 private:
  std::jthread thread_;
};

class Cache : public testing::TestWithParam<bool> {
 protected:
  Cache() {
    rig_.origin.Put("m/1/model.onnx", "the model");
    rig_.origin.Put("m/1/data/weights", std::string(100'000, 'w'));
  }

  ArtifactCache::Options Options(std::uint64_t budget = 1'000'000) const {
    ArtifactCache::Options options;
    options.directory = (directory_.path() / "cache").string();
    options.scratch = scratch_.path().string();
    options.budget = budget;
    options.keep_free = 0;
    return options;
  }
  /// What a tree's files hold, by name.
  using Texts = std::map<std::string, std::string>;
  static base::StatusOr<Texts> Read(const FetchedTree& tree) {
    Texts texts;
    for (const auto& [name, file] : tree.files()) {
      HADRON_ASSIGN_OR_RETURN(const base::IoBuf bytes, base::ReadRange(*file, 0, file->size()));
      texts[name] = bytes.ToString();
    }
    return texts;
  }
  base::StatusOr<Texts> FetchFrom(ArtifactCache& cache, const std::string& name = "m/1") {
    return FetchFrom(cache, {rig_.store(), name});
  }
  static base::StatusOr<Texts> FetchFrom(ArtifactCache& cache,
                                         const ArtifactCache::TreeRequest& request) {
    Texts texts;
    HADRON_RETURN_IF_ERROR(cache.UseTree(request, [&](const FetchedTree& tree) -> base::Status {
      HADRON_ASSIGN_OR_RETURN(texts, Read(tree));
      return {};
    }));
    return texts;
  }
  /// GETs of objects, listings not counted.
  std::size_t downloads() const {
    std::size_t count = 0;
    for (const std::string& request : rig_.origin.requests()) {
      count += request.starts_with("GET /models/") ? 1 : 0;
    }
    return count;
  }
  fs::path objects() const { return directory_.path() / "cache/objects"; }
  std::vector<fs::path> ObjectFiles() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(objects())) files.push_back(entry.path());
    return files;
  }

  S3Rig rig_;
  TempDirectory directory_;
  TempDirectory scratch_;
  HandClock clock_;
};

TEST_P(Cache, FetchesADirectoryOnceAndKeepsItForTheNextStart) {
  {
    RunningCache running_cache(Options(), clock_, GetParam());
    ArtifactCache& cache = running_cache.cache;
    const auto tree = FetchFrom(cache);
    ASSERT_TRUE(tree.ok()) << tree.message();
    EXPECT_EQ(tree->at("model.onnx"), "the model");
    EXPECT_EQ(tree->at("data/weights"), std::string(100'000, 'w'));
    EXPECT_TRUE(FetchFrom(cache).ok());
    EXPECT_EQ(downloads(), 2U);
    EXPECT_EQ(cache.counts().bytes, 100'009U);
    EXPECT_EQ(cache.counts().hits, 2U);
  }
  RunningCache running_again(Options(), clock_, GetParam());
  ArtifactCache& again = running_again.cache;
  EXPECT_EQ(again.counts().entries, 2U);
  EXPECT_EQ(again.counts().bytes, 100'009U);
  EXPECT_TRUE(FetchFrom(again).ok());
  EXPECT_EQ(downloads(), 2U);
}

TEST_P(Cache, FetchesOnlyWhatHasChanged) {
  RunningCache running_cache(Options(), clock_, GetParam());
  ArtifactCache& cache = running_cache.cache;
  ASSERT_TRUE(FetchFrom(cache).ok());
  rig_.origin.Put("m/1/model.onnx", "another model");
  const auto tree = FetchFrom(cache);
  ASSERT_TRUE(tree.ok());
  EXPECT_EQ(tree->at("model.onnx"), "another model");
  EXPECT_EQ(downloads(), 3U);
}

TEST_P(Cache, TellsHowMuchOfATreeIsOnDisk) {
  rig_.origin.Put("n/1/model.onnx", std::string(950'000, 'n'));
  BytesOnDisk watched;
  BytesOnDisk same;
  const auto watch = [](BytesOnDisk& bytes) {
    return [&bytes](const FetchedTree& tree) -> base::Status {
      bytes = tree.on_disk();
      return Read(tree).CloneStatus();
    };
  };
  {
    RunningCache running_cache(Options(), clock_, GetParam());
    ArtifactCache& cache = running_cache.cache;
    ASSERT_TRUE(cache.UseTree({rig_.store(), "m/1"}, watch(watched)).ok());
    EXPECT_EQ(watched.value(), 100'009U);
    ++clock_.now;
    ASSERT_TRUE(FetchFrom(cache, "n/1").ok());
    EXPECT_LT(watched.value(), 100'009U);  // something had to go
    ASSERT_TRUE(cache.UseTree({rig_.store(), "m/1"}, watch(same)).ok());
    EXPECT_EQ(watched.value(), 100'009U);  // back for all who watch
    EXPECT_EQ(same.value(), 100'009U);
  }
  EXPECT_EQ(watched.value(), 100'009U);  // outlives the cache
  RunningCache running_again(Options(), clock_, GetParam());
  BytesOnDisk held;
  ASSERT_TRUE(running_again.cache.UseTree({rig_.store(), "m/1"}, watch(held)).ok());
  EXPECT_EQ(held.value(), 100'009U);
  auto nothing = Options();
  nothing.directory = "";
  RunningCache running_none(nothing, clock_, GetParam());
  ASSERT_TRUE(running_none.cache.UseTree({rig_.store(), "m/1"}, watch(held)).ok());
  EXPECT_EQ(held.value(), 0U);
}

TEST_P(Cache, LetsTheLeastRecentlyUsedGo) {
  for (const char* name : {"a", "b", "c"}) {
    rig_.origin.Put(std::string(name) + "/1/x", std::string(400, name[0]));
  }
  RunningCache running_cache(Options(1000), clock_, GetParam());
  ArtifactCache& cache = running_cache.cache;
  ASSERT_TRUE(FetchFrom(cache, "a/1").ok());
  clock_.now += 10;
  ASSERT_TRUE(FetchFrom(cache, "b/1").ok());
  clock_.now += 10;
  ASSERT_TRUE(FetchFrom(cache, "a/1").ok());
  clock_.now += 10;
  ASSERT_TRUE(FetchFrom(cache, "c/1").ok());
  EXPECT_EQ(cache.counts().evictions, 1U);
  EXPECT_EQ(cache.counts().bytes, 800U);
  EXPECT_EQ(ObjectFiles().size(), 2U);
  EXPECT_EQ(downloads(), 3U);
  ASSERT_TRUE(FetchFrom(cache, "a/1").ok());
  EXPECT_EQ(downloads(), 3U);
  ASSERT_TRUE(FetchFrom(cache, "b/1").ok());
  EXPECT_EQ(downloads(), 4U);
}

TEST_P(Cache, KeepsWhatIsInUseAndServesWhatItCannotKeep) {
  for (const char* name : {"a", "b"}) {
    rig_.origin.Put(std::string(name) + "/1/x", std::string(600, name[0]));
  }
  RunningCache running_cache(Options(1000), clock_, GetParam());
  ArtifactCache& cache = running_cache.cache;
  const auto status = cache.UseTree({rig_.store(), "a/1"}, [&](const FetchedTree&) {
    const auto other = FetchFrom(cache, "b/1");
    EXPECT_TRUE(other.ok() && other->at("x") == std::string(600, 'b'));
    EXPECT_EQ(cache.counts().evictions, 0U);
    EXPECT_EQ(cache.counts().bytes, 600U);
    EXPECT_TRUE(FetchFrom(cache, "m/1").ok());  // larger than the whole budget
    EXPECT_EQ(cache.counts().evictions, 0U);
    return base::OkStatus();
  });
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_TRUE(FetchFrom(cache, "b/1").ok());  // nobody uses the other any more
  EXPECT_GE(cache.counts().evictions, 1U);
}

TEST_P(Cache, ClearsUpAfterAKilledProcess) {
  {
    RunningCache running_cache(Options(), clock_, GetParam());
    ArtifactCache& cache = running_cache.cache;
    ASSERT_TRUE(FetchFrom(cache).ok());
  }
  const std::vector<fs::path> files = ObjectFiles();
  ASSERT_EQ(files.size(), 2U);
  // What a process leaves that is killed at any moment, and what a broken disk makes of files.
  fs::resize_file(files[0], fs::file_size(files[0]) - 1);
  directory_.Write("cache/objects/half.abcdef.part", "half");
  directory_.Write("cache/objects/rubbish", "rubbish");
  directory_.Write("cache/objects/busy.abcdef.part", "of another process");
  const int busy = open((objects() / "busy.abcdef.part").c_str(), O_RDONLY);
  ASSERT_EQ(flock(busy, LOCK_EX), 0);

  clock_.now = 4'000'000'000'000;  // the rubbish is old
  RunningCache running_cache(Options(), clock_, GetParam());
  ArtifactCache& cache = running_cache.cache;
  EXPECT_EQ(cache.counts().entries, 1U);
  EXPECT_FALSE(fs::exists(objects() / "half.abcdef.part"));
  EXPECT_FALSE(fs::exists(objects() / "rubbish"));
  EXPECT_TRUE(fs::exists(objects() / "busy.abcdef.part"));
  const auto tree = FetchFrom(cache);
  ASSERT_TRUE(tree.ok()) << tree.message();
  EXPECT_EQ(downloads(), 3U);
  close(busy);
}

TEST_P(Cache, DoesNotBelieveBytesThatChangedOnTheDisk) {
  {
    RunningCache running_cache(Options(), clock_, GetParam());
    ArtifactCache& cache = running_cache.cache;
    ASSERT_TRUE(FetchFrom(cache).ok());
  }
  for (const fs::path& file : ObjectFiles()) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.put('!');
  }
  RunningCache running_cache(Options(), clock_, GetParam());
  ArtifactCache& cache = running_cache.cache;
  EXPECT_EQ(cache.counts().entries, 2U);
  const auto tree = FetchFrom(cache);
  ASSERT_TRUE(tree.ok()) << tree.message();
  EXPECT_EQ(tree->at("model.onnx"), "the model");
  EXPECT_EQ(downloads(), 4U);
}

TEST_P(Cache, ServesWithoutADirectoryOfItsOwn) {
  ArtifactCache::Options options = Options();
  options.directory.clear();
  RunningCache running_cache(options, clock_, GetParam());
  ArtifactCache& cache = running_cache.cache;
  {
    const auto tree = FetchFrom(cache);
    ASSERT_TRUE(tree.ok()) << tree.message();
    EXPECT_EQ(tree->at("model.onnx"), "the model");
  }
  EXPECT_TRUE(fs::is_empty(scratch_.path()));
  EXPECT_EQ(cache.counts().entries, 0U);
}

TEST_P(Cache, NamesThePlaceThatTakesNoFiles) {
  ArtifactCache::Options options = Options();
  options.directory.clear();
  options.scratch = "/nonexistent/scratch";
  RunningCache running_cache(options, clock_, GetParam());
  ArtifactCache& cache = running_cache.cache;
  const auto tree = FetchFrom(cache);
  EXPECT_EQ(tree.code(), base::StatusCode::kPermissionDenied);
  EXPECT_THAT(tree.message(), HasSubstr("/nonexistent/scratch"));
  EXPECT_THAT(tree.message(), HasSubstr("--cache-dir"));
}

TEST_P(Cache, StartsOverWhenSomethingIsReplacedMeanwhile) {
  bool replaced = false;
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply&) {
    // The old weights have been asked for, the model has not.
    if (request.target.find("/data/weights") == std::string::npos || replaced) return;
    replaced = true;
    rig_.origin.Put("m/1/data/weights", "other weights");
    rig_.origin.Put("m/1/model.onnx", "other model");
  });
  RunningCache running_cache(Options(), clock_, GetParam());
  ArtifactCache& cache = running_cache.cache;
  const auto tree = FetchFrom(cache);
  ASSERT_TRUE(tree.ok()) << tree.message();
  EXPECT_TRUE(replaced);
  EXPECT_EQ(tree->at("model.onnx"), "other model");
  EXPECT_EQ(tree->at("data/weights"), "other weights");
}

TEST_P(Cache, ServesThoughItsDirectoryTakesNoFiles) {
  RunningCache running_cache(Options(), clock_, GetParam());
  ArtifactCache& cache = running_cache.cache;
  fs::remove_all(objects());
  const auto tree = FetchFrom(cache);
  ASSERT_TRUE(tree.ok()) << tree.message();
  EXPECT_EQ(tree->at("model.onnx"), "the model");
  EXPECT_EQ(cache.counts().entries, 0U);
  EXPECT_TRUE(fs::is_empty(scratch_.path()));
}

TEST_P(Cache, HoldsFilesToTheirSums) {
  const std::string good = ShaOf("the model") + "  model.onnx\n" + ShaOf("x") + " *./extra\n";
  rig_.origin.Put("m/1/extra", "x");
  rig_.origin.Put("m/1/SHA256SUMS", good);
  RunningCache running_cache(Options(), clock_, GetParam());
  ArtifactCache& cache = running_cache.cache;
  EXPECT_TRUE(FetchFrom(cache).ok());
  rig_.origin.Put("m/1/SHA256SUMS", ShaOf("a model") + "  model.onnx\n");
  const auto wrong = FetchFrom(cache);
  EXPECT_EQ(wrong.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(wrong.message(), HasSubstr("'model.onnx' does not have the sum of SHA256SUMS"));
  rig_.origin.Put("m/1/SHA256SUMS", ShaOf("the model") + "  gone.onnx\n");
  EXPECT_THAT(FetchFrom(cache).message(), HasSubstr("'gone.onnx' is missing"));
  rig_.origin.Put("m/1/SHA256SUMS", "no sum\n");
  EXPECT_EQ(FetchFrom(cache).code(), base::StatusCode::kInvalidArgument);
}

TEST_P(Cache, FetchesAgainWhatCameWrong) {
  rig_.origin.Put("m/1/SHA256SUMS", ShaOf("the model") + "  model.onnx\n");
  bool wrong = true;
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    if (request.target.ends_with("/model.onnx") && std::exchange(wrong, false)) {
      reply.body[0] ^= 1;
    }
  });
  RunningCache running_cache(Options(), clock_, GetParam());
  ArtifactCache& cache = running_cache.cache;
  const auto tree = FetchFrom(cache);
  ASSERT_TRUE(tree.ok()) << tree.message();
  EXPECT_EQ(tree->at("model.onnx"), "the model");
}

TEST_P(Cache, LeavesOutObjectsThatAreCalledAsDirectories) {
  rig_.origin.Put("m/1/data", "no file beside the directory");
  RunningCache running_cache(Options(), clock_, GetParam());
  ArtifactCache& cache = running_cache.cache;
  const auto tree = FetchFrom(cache);
  ASSERT_TRUE(tree.ok()) << tree.message();
  EXPECT_TRUE(tree->contains("data/weights"));
  EXPECT_FALSE(tree->contains("data"));
}

TEST_P(Cache, RefusesWhatIsTooLarge) {
  RunningCache running_cache(Options(), clock_, GetParam());
  ArtifactCache& cache = running_cache.cache;
  const auto tree = FetchFrom(cache, {rig_.store(), "m/1", {.max_bytes = 50'000}});
  EXPECT_EQ(tree.code(), base::StatusCode::kInvalidArgument);
  EXPECT_THAT(tree.message(), HasSubstr("data/weights"));
  EXPECT_EQ(FetchFrom(cache, "m/2").code(), base::StatusCode::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(ArtifactCache, Cache, testing::Bool(), [](const auto& mode) {
  return mode.param ? "FilesComeMeanwhile" : "FilesComeFirst";
});

TEST(CopyName, IsReadBackOrRefused) {
  const std::string hex(64, 'a');
  const CopyName name{hex, std::string(64, '0'), 12};
  EXPECT_EQ(CopyName::Parse(name.Text())->size, 12U);
  for (const std::string& bad :
       {std::string("x"), hex + "." + hex, hex + "." + hex + ".x", hex + "." + hex + ".1.part",
        "A" + hex.substr(1) + "." + hex + ".1"}) {
    EXPECT_FALSE(CopyName::Parse(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace hadron::storage::test
