#include "base/byte_source.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace hadron::base {
namespace {

class FileSourceTest : public testing::Test {
 protected:
  FileSourceTest() {
    std::string name = (std::filesystem::temp_directory_path() / "hadron.XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    std::ofstream(path(), std::ios::binary) << "0123456789";
  }
  ~FileSourceTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  std::string path() const { return directory_ / "file"; }

  std::filesystem::path directory_;
};

TEST_F(FileSourceTest, ReadsRanges) {
  const auto file = FileSource::Open(path());
  ASSERT_TRUE(file.ok()) << file.message();
  EXPECT_EQ((*file)->size(), 10U);
  EXPECT_EQ(ReadRange(**file, 3, 4)->ToString(), "3456");
  EXPECT_EQ(ReadRange(**file, 10, 0)->ToString(), "");
  EXPECT_TRUE((*file)->Settle().ok());
  EXPECT_EQ(ReadRange(**file, 3, 8).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadRange(**file, 1, UINT64_MAX).code(), StatusCode::kInvalidArgument);
}

TEST_F(FileSourceTest, StaysWithTheFileWhenAnotherTakesItsName) {
  const auto file = FileSource::Open(path());
  ASSERT_TRUE(file.ok());
  std::filesystem::remove(path());
  std::ofstream(path(), std::ios::binary) << "another one";
  EXPECT_EQ(ReadRange(**file, 0, 10)->ToString(), "0123456789");
  EXPECT_TRUE((*file)->Settle().ok());
}

TEST_F(FileSourceTest, DoesNotSettleWhenItWasWritten) {
  const auto file = FileSource::Open(path());
  ASSERT_TRUE(file.ok());
  std::filesystem::resize_file(path(), 5);
  EXPECT_EQ(ReadRange(**file, 0, 10).code(), StatusCode::kUnavailable);
  EXPECT_EQ((*file)->Settle().code(), StatusCode::kUnavailable);
}

TEST_F(FileSourceTest, RefusesWhatIsNoFile) {
  EXPECT_EQ(FileSource::Open(path() + "x").code(), StatusCode::kNotFound);
  EXPECT_EQ(FileSource::Open(directory_).code(), StatusCode::kInvalidArgument);
  ASSERT_EQ(mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(FileSource::Open(directory_ / "fifo").code(), StatusCode::kInvalidArgument);
}

TEST(BufferSource, ReadsRanges) {
  const BufferSource buffer(IoBuf::FromString("0123456789"));
  EXPECT_EQ(ReadRange(buffer, 8, 2)->ToString(), "89");
  EXPECT_EQ(ReadRange(buffer, 8, 3).code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace hadron::base
