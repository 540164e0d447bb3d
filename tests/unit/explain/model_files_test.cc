#include "cli/explain/model_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace hadron::cli::explain {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class FindModelTest : public ::testing::Test {
 protected:
  FindModelTest()
      : root_(fs::path(::testing::TempDir()) / ("explain_" + std::to_string(::getpid()))) {
    fs::create_directories(root_);
  }
  ~FindModelTest() override { fs::remove_all(root_); }

  std::string Write(const std::string& name, const std::string& text = "x") {
    const fs::path path = root_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  std::string At(const std::string& name) const { return (root_ / name).string(); }

  fs::path root_;
};

TEST_F(FindModelTest, TakesAFileAlone) {
  const std::string file = Write("net.onnx");
  const auto files = FindModel(file);
  ASSERT_TRUE(files.ok()) << files.message();
  EXPECT_EQ(files->onnx, file);
  EXPECT_EQ(files->name, "net");
}

TEST_F(FindModelTest, TakesFileVersionAndModelDirectoryAlike) {
  Write("net/config.pbtxt", "max_batch_size: 16");
  Write("net/1/model.onnx");
  const std::string newest = Write("net/12/model.onnx");
  Write("net/notes/readme");
  for (const std::string& path :
       {newest, At("net/12"), At("net"), At("net/"), At("net/../net/12/")}) {
    const auto files = FindModel(path);
    ASSERT_TRUE(files.ok()) << files.message();
    EXPECT_EQ(files->onnx, newest) << path;
    EXPECT_EQ(files->name, "net") << path;
  }
  const auto older = FindModel(At("net/1"));
  ASSERT_TRUE(older.ok()) << older.message();
  EXPECT_EQ(older->onnx, At("net/1/model.onnx"));
}

TEST_F(FindModelTest, FollowsTheConfigurationsFileName) {
  Write("net/config.pbtxt",
        "platform: \"onnxruntime_onnx\" default_model_filename: \"other.onnx\"");
  Write("net/1/model.onnx");
  const std::string other = Write("net/1/other.onnx");
  const auto files = FindModel(At("net"));
  ASSERT_TRUE(files.ok()) << files.message();
  EXPECT_EQ(files->onnx, other);
}

TEST_F(FindModelTest, FindsAModelInADirectoryOfItsName) {
  const std::string file = Write("net/1/model.onnx/model.onnx");
  const auto files = FindModel(At("net"));
  ASSERT_TRUE(files.ok()) << files.message();
  EXPECT_EQ(files->onnx, file);
}

TEST_F(FindModelTest, SaysWhatIsThereInstead) {
  Write("empty/1/weights.bin");
  const auto unknown = FindModel(At("empty"));
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.code(), base::StatusCode::kInvalidArgument);
  EXPECT_THAT(unknown.message(), HasSubstr("has no model.onnx (it has: weights.bin)"));

  Write("empty/config.pbtxt", "platform: \"onnxruntime_onnx\"");
  const auto no_file = FindModel(At("empty"));
  ASSERT_FALSE(no_file.ok());
  EXPECT_EQ(no_file.code(), base::StatusCode::kNotFound);
  EXPECT_THAT(no_file.message(), HasSubstr("no model file 'model.onnx', only: weights.bin"));

  Write("repository/a/1/model.onnx");
  const auto repository = FindModel(At("repository"));
  ASSERT_FALSE(repository.ok());
  EXPECT_THAT(repository.message(), HasSubstr("no version directory"));
  EXPECT_THAT(repository.message(), HasSubstr("only: a"));

  const auto nothing = FindModel(At("nowhere"));
  ASSERT_FALSE(nothing.ok());
  EXPECT_THAT(nothing.message(), HasSubstr("nowhere"));
}

TEST_F(FindModelTest, NamesTheLineOfABadConfiguration) {
  Write("net/config.pbtxt", "max_batch_size: 1\nno_such_field: 2\n");
  Write("net/1/model.onnx");
  const auto files = FindModel(At("net"));
  ASSERT_FALSE(files.ok());
  EXPECT_EQ(files.code(), base::StatusCode::kInvalidArgument);
  EXPECT_THAT(files.message(), HasSubstr("config.pbtxt"));
  EXPECT_THAT(files.message(), HasSubstr("no_such_field"));
}

}  // namespace
}  // namespace hadron::cli::explain
