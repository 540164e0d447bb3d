#include "backend/opencl/program_cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "backend/opencl/program_library.h"
#include "base/bytes.h"
#include "device/opencl/factory.h"

namespace hadron::backend::opencl {
namespace {

namespace fs = std::filesystem;

std::vector<std::byte> Bytes(std::string_view text) {
  const auto bytes = base::AsBytes(text);
  return {bytes.begin(), bytes.end()};
}

class ProgramCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::temp_directory_path() /
                 ("hadron_program_cache_" + std::to_string(std::random_device{}()));
    fs::create_directories(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  fs::path FileOf(const std::string& key) const { return directory_ / "bin" / (key + ".clbin"); }
  std::size_t Files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(directory_ / "bin"), fs::directory_iterator()));
  }

  fs::path directory_;
};

TEST_F(ProgramCacheTest, GivesBackWhatWasStored) {
  const ProgramCache cache(directory_.string());
  EXPECT_FALSE(cache.Load("a").has_value());
  cache.Store("a", Bytes("content"));
  cache.Store("b", {});
  EXPECT_EQ(cache.Load("a"), Bytes("content"));
  EXPECT_EQ(ProgramCache(directory_.string()).Load("b"), Bytes(""));
  cache.Drop("a");
  EXPECT_FALSE(cache.Load("a").has_value());
  EXPECT_EQ(Files(), 1U);  // no temporary file is left
}

TEST_F(ProgramCacheTest, RemovesDamagedFiles) {
  const ProgramCache cache(directory_.string());
  cache.Store("a", Bytes("some content"));
  std::ifstream in(FileOf("a"), std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  const auto write = [&](const std::string& text) {
    std::ofstream(FileOf("a"), std::ios::binary) << text;
  };
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    write(bad);
    EXPECT_FALSE(cache.Load("a").has_value()) << at;
    EXPECT_FALSE(fs::exists(FileOf("a"))) << at;
  }
  for (const std::size_t length : {std::size_t{0}, std::size_t{7}, good.size() - 1}) {
    write(good.substr(0, length));
    EXPECT_FALSE(cache.Load("a").has_value()) << length;
  }
  write(good + "x");
  EXPECT_FALSE(cache.Load("a").has_value());
  write(good);
  EXPECT_TRUE(cache.Load("a").has_value());
}

TEST_F(ProgramCacheTest, TheLeastRecentlyUsedGoFirst) {
  const ProgramCache cache(directory_.string(), 400);
  const std::vector<std::byte> content(100);
  const auto age = [&](const char* key, int hours) {
    fs::last_write_time(FileOf(key), fs::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  cache.Store("a", content);
  cache.Store("b", content);
  age("a", 2);
  age("b", 1);
  EXPECT_TRUE(cache.Load("a").has_value());  // now newer than b
  cache.Store("c", content);
  EXPECT_TRUE(cache.Load("a").has_value());
  EXPECT_FALSE(cache.Load("b").has_value());
  EXPECT_TRUE(cache.Load("c").has_value());
  cache.Store("d", std::vector<std::byte>(1000));
  EXPECT_FALSE(cache.Load("d").has_value());
}

TEST_F(ProgramCacheTest, AnUnusableDirectoryOnlyCostsTime) {
  std::ofstream(directory_ / "file") << "x";
  const ProgramCache cache((directory_ / "file").string());
  cache.Store("a", Bytes("content"));
  EXPECT_FALSE(cache.Load("a").has_value());
  const ProgramCache off("");
  EXPECT_FALSE(off.enabled());
  off.Store("a", Bytes("content"));
  EXPECT_FALSE(off.Load("a").has_value());
}

TEST_F(ProgramCacheTest, KeysTellDevicesDriversOptionsAndSourcesApart) {
  const device::DeviceInfo device{
      .id = "opencl:0", .name = "n", .vendor = "v", .driver = "d", .device_class = "c"};
  const std::string key = ProgramCache::Key(device, "source", "options");
  device::DeviceInfo other = device;
  other.id = "opencl:1";
  EXPECT_EQ(ProgramCache::Key(other, "source", "options"), key);
  other.driver = "e";
  EXPECT_NE(ProgramCache::Key(other, "source", "options"), key);
  EXPECT_NE(ProgramCache::Key(device, "source", "option"), key);
  EXPECT_NE(ProgramCache::Key(device, "soptions", "ource"), key);
}

class CachedLibrary : public ProgramCacheTest {
 protected:
  void SetUp() override {
    ProgramCacheTest::SetUp();
    device_ = device::MakeOpenClDevice(0, 1 << 20).value();
  }
  /// A small program: taking a binary may compile every kernel in it.
  static base::StatusOr<std::shared_ptr<device::Program>> Get(ProgramLibrary& library,
                                                              const std::string& more = "") {
    return library.Get("depthwise.cl", "-DVECTOR=4 -DROWS=2 -DGROUP=256" + more, kNoPostOps);
  }
  static constexpr const char* kNoPostOps =
      "#define POST_PARAMETERS\n#define POST_ARGUMENTS\n#define POST(T, LOAD, v, channel, place)\n";
  ProgramLibrary Library() {
    return ProgramLibrary(*device_, {.build_options = "-Werror", .cache_dir = directory_.string()});
  }
  std::unique_ptr<device::Device> device_;
};

TEST_F(CachedLibrary, ASecondLoadCompilesNothing) {
  {
    ProgramLibrary first = Library();
    ASSERT_TRUE(Get(first).ok());
    ASSERT_TRUE(Get(first).ok());
    EXPECT_EQ(first.counts().compiled, 1U);
    EXPECT_EQ(Files(), 0U);  // not before its kernels have run
    first.Keep();
    EXPECT_EQ(Files(), 1U);
  }
  ProgramLibrary second = Library();
  auto program = Get(second);
  ASSERT_TRUE(program.ok()) << program.message();
  EXPECT_EQ(second.counts().compiled, 0U);
  EXPECT_EQ(second.counts().loaded, 1U);
  EXPECT_TRUE((*program)->CreateKernel("depthwise").ok());
  ASSERT_TRUE(Get(second, " -DOTHER").ok());
  EXPECT_EQ(second.counts().compiled, 1U);
}

TEST_F(CachedLibrary, ABinaryThatTheDriverRefusesIsBuiltAnew) {
  ProgramLibrary first = Library();
  ASSERT_TRUE(Get(first).ok());
  first.Keep();
  const std::string key = fs::directory_iterator(directory_ / "bin")->path().stem().string();
  const ProgramCache cache(directory_.string());
  cache.Store(key, Bytes("not a program"));
  ProgramLibrary second = Library();
  auto program = Get(second);
  ASSERT_TRUE(program.ok()) << program.message();
  EXPECT_EQ(second.counts().compiled, 1U);
  second.Keep();
  EXPECT_TRUE(cache.Load(key).has_value());
  EXPECT_NE(cache.Load(key), Bytes("not a program"));
}

/// Points of the tile tables that this machine's device does not choose.
TEST_F(CachedLibrary, KernelsForNarrowerVectorsCompileWithoutWarnings) {
  ProgramLibrary library(*device_, {.build_options = "-Werror"});
  for (const char* options : {"-DHADRON_CPU -DVECTOR=8 -DVECTORS=2 -DROWS=6",
                              "-DHADRON_CPU -DVECTOR=8 -DVECTORS=3 -DROWS=4 -DHADRON_DOT"}) {
    for (const char* file : {"gemm.cl", "conv.cl"}) {
      const auto program = library.Get(file, options, kNoPostOps);
      EXPECT_TRUE(program.ok()) << file << " " << options << ": " << program.message();
    }
  }
  EXPECT_TRUE(library.Get("depthwise.cl", "-DVECTOR=8 -DROWS=8 -DGROUP=1", kNoPostOps).ok());
}

}  // namespace
}  // namespace hadron::backend::opencl
