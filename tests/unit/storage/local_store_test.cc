#include <sys/stat.h>
#include <unistd.h>

#include "storage/local/factory.h"
#include "unit/storage/object_store_suite.h"

namespace hadron::storage::test {
namespace {

namespace fs = std::filesystem;

class LocalHarness final : public StoreHarness {
 public:
  LocalHarness() : store_(std::move(OpenLocalStore(directory_.path().string())).value()) {}
  void Put(const std::string& name, std::string_view text) override {
    directory_.Write(name, text);
  }
  void Remove(const std::string& name) override { fs::remove(directory_.path() / name); }
  ObjectStore& store() override { return *store_; }
  const fs::path& root() const { return directory_.path(); }

 private:
  TempDirectory directory_;
  std::unique_ptr<ObjectStore> store_;
};

std::unique_ptr<StoreHarness> MakeLocalHarness() { return std::make_unique<LocalHarness>(); }

INSTANTIATE_TEST_SUITE_P(Local, ObjectStoreSuite, testing::Values(&MakeLocalHarness));

TEST(LocalStore, NeedsADirectory) {
  EXPECT_EQ(OpenLocalStore("/nonexistent/models").code(), base::StatusCode::kNotFound);
  const TempDirectory directory;
  directory.Write("file", "x");
  EXPECT_EQ(OpenLocalStore((directory.path() / "file").string()).code(),
            base::StatusCode::kNotFound);
  auto store = OpenLocalStore(directory.path().string() + "//");
  ASSERT_TRUE(store.ok());
  EXPECT_EQ((*store)->url(), directory.path().string());
}

TEST(LocalWriter, PutsWhatTheStoreFinds) {
  LocalHarness harness;
  const TempDirectory source;
  source.Write("weights", std::string(9'000'001, 'w'));
  const std::string path = (source.path() / "weights").string();
  auto writer = OpenLocalWriter(harness.root().string());
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Put("m/config.pbtxt", base::IoBuf::FromString("name: 'm'")).ok());
  std::uint64_t seen = 0;
  const auto count = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_EQ(total, 9'000'001U);
    seen = done;
    return true;
  };
  ASSERT_TRUE((*writer)->PutFile("m/1/weights", path, {.progress = count}).ok());
  EXPECT_EQ(seen, 9'000'001U);
  EXPECT_EQ(harness.store().Fetch("m/config.pbtxt")->ToString(), "name: 'm'");
  EXPECT_TRUE(harness.store().Fetch("m/1/weights")->ToString() == std::string(9'000'001, 'w'));
  const auto stop = [](std::uint64_t, std::uint64_t) { return false; };
  EXPECT_EQ((*writer)->PutFile("m/2/weights", path, {.progress = stop}).code(),
            base::StatusCode::kCancelled);
  EXPECT_TRUE(fs::is_empty(harness.root() / "m/2"));
  const auto refuse = [&] {
    EXPECT_EQ(harness.store().Stat("m/2/weights").code(), base::StatusCode::kNotFound);
    return base::Unavailable("not yet");
  };
  EXPECT_EQ((*writer)->PutFile("m/2/weights", path, {.before_visible = refuse}).message(),
            "not yet");
  EXPECT_TRUE(fs::is_empty(harness.root() / "m/2"));
  EXPECT_EQ(**(*writer)->Sha256Of("m/config.pbtxt"),
            base::ToHex(base::Sha256::Of(std::as_bytes(std::span(std::string_view("name: 'm'"))))));
  EXPECT_EQ(*(*writer)->Sha256Of("m/nothing"), std::nullopt);
  ASSERT_TRUE((*writer)->Remove("m/config.pbtxt").ok());
  ASSERT_TRUE((*writer)->Remove("m/config.pbtxt").ok());
  EXPECT_EQ(harness.store().Stat("m/config.pbtxt").code(), base::StatusCode::kNotFound);
  EXPECT_EQ((*writer)->Put("../x", {}).code(), base::StatusCode::kInvalidArgument);
  EXPECT_EQ((*writer)->PutFile("m/x", "/nonexistent/file", {}).code(), base::StatusCode::kNotFound);
  EXPECT_EQ(OpenLocalWriter("/nonexistent").code(), base::StatusCode::kNotFound);
}

TEST(LocalStore, KnowsWhereItsFilesAre) {
  LocalHarness harness;
  harness.Put("m/1/model.onnx", "x");
  EXPECT_EQ(harness.store().LocalPath("m/1"), (harness.root() / "m/1").string());
  EXPECT_EQ(harness.store().LocalPath("m/1/model.onnx"), std::nullopt);
}

TEST(LocalStore, FollowsLinkedDirectories) {
  const TempDirectory elsewhere;
  elsewhere.Write("1/model.onnx", "linked");
  LocalHarness harness;
  fs::create_directory_symlink(elsewhere.path(), harness.root() / "m");
  auto entries = harness.store().List("");
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_TRUE((*entries)[0].directory);
  auto fetched = harness.store().Fetch("m/1/model.onnx");
  ASSERT_TRUE(fetched.ok()) << fetched.message();
  EXPECT_EQ(fetched->ToString(), "linked");
}

TEST(LocalStore, FollowsFileLinksThatStayInTheirDirectory) {
  LocalHarness harness;
  harness.Put("m/..2026/config.pbtxt", "mounted");
  fs::create_directory_symlink("..2026", harness.root() / "m/..data");
  fs::create_symlink("..data/config.pbtxt", harness.root() / "m/config.pbtxt");
  auto fetched = harness.store().Fetch("m/config.pbtxt");
  ASSERT_TRUE(fetched.ok()) << fetched.message();
  EXPECT_EQ(fetched->ToString(), "mounted");
}

TEST(LocalStore, RefusesFileLinksThatLeaveTheirDirectory) {
  LocalHarness harness;
  harness.Put("m/1/model.onnx", "x");
  harness.Put("secret", "s");
  fs::create_symlink("../../secret", harness.root() / "m/1/relative");
  fs::create_symlink("/etc/passwd", harness.root() / "m/1/absolute");
  fs::create_symlink("loop", harness.root() / "m/1/loop");
  for (const char* name : {"m/1/relative", "m/1/absolute"}) {
    auto fetched = harness.store().Fetch(name);
    EXPECT_EQ(fetched.code(), base::StatusCode::kPermissionDenied) << name;
    EXPECT_NE(fetched.message().find("link"), std::string::npos);
  }
  EXPECT_EQ(harness.store().Fetch("m/1/loop").code(), base::StatusCode::kPermissionDenied);
}

TEST(LocalStore, RefusesWhatIsNoRegularFile) {
  LocalHarness harness;
  harness.Put("m/file", "x");
  ASSERT_EQ(mkfifo((harness.root() / "m/fifo").c_str(), 0600), 0);
  EXPECT_EQ(harness.store().Fetch("m/fifo").code(), base::StatusCode::kInvalidArgument);
  EXPECT_EQ(harness.store().Stat("m/fifo").code(), base::StatusCode::kInvalidArgument);
  EXPECT_EQ(harness.store().Fetch("m").code(), base::StatusCode::kInvalidArgument);
  EXPECT_EQ(harness.store().Fetch("").code(), base::StatusCode::kInvalidArgument);
  auto entries = harness.store().List("m");
  ASSERT_TRUE(entries.ok());
  EXPECT_EQ(entries->size(), 1U);
}

TEST(LocalStore, NoticesFilesThatShrinkWhileTheyAreRead) {
  LocalHarness harness;
  harness.Put("m/file", std::string(9'000'000, 'x'));
  FetchOptions options;
  options.progress = [&](std::uint64_t, std::uint64_t) {
    return truncate((harness.root() / "m/file").c_str(), 1) == 0;
  };
  auto fetched = harness.store().Fetch("m/file", options);
  EXPECT_EQ(fetched.code(), base::StatusCode::kUnavailable);
  EXPECT_NE(fetched.message().find("changed while it was read"), std::string::npos);
}

TEST(LocalStore, NoticesFilesThatAreRewrittenWhileTheyAreRead) {
  LocalHarness harness;
  harness.Put("m/file", "one");
  FetchOptions options;
  options.progress = [&](std::uint64_t, std::uint64_t) {
    harness.Put("m/file", "other");
    return true;
  };
  EXPECT_EQ(harness.store().Fetch("m/file", options).code(), base::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace hadron::storage::test
