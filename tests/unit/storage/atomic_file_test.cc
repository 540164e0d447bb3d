#include "storage/atomic_file.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "unit/storage/temp_directory.h"

namespace hadron::storage {
namespace {

TEST(AtomicFile, AppearsWhenCommitted) {
  const test::TempDirectory directory;
  const std::filesystem::path path = directory.path() / "file";
  auto file = AtomicFile::Create(path.string());
  ASSERT_TRUE(file.ok()) << file.message();
  ASSERT_TRUE(file->Append(base::AsBytes(std::string_view("ab"))).ok());
  ASSERT_TRUE(file->Append(base::AsBytes(std::string_view(""))).ok());
  ASSERT_TRUE(file->Append(base::AsBytes(std::string_view("c"))).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(test::ReadFile(path), "abc");
}

TEST(AtomicFile, LeavesNothingBehindWithoutCommit) {
  const test::TempDirectory directory;
  directory.Write("file", "old");
  {
    auto file = AtomicFile::Create((directory.path() / "file").string());
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Append(base::AsBytes(std::string_view("new"))).ok());
  }
  EXPECT_EQ(test::ReadFile(directory.path() / "file"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1);
}

TEST(AtomicFile, SaysWhyItCannotBeMade) {
  auto file = AtomicFile::Create("/nonexistent/directory/file");
  ASSERT_FALSE(file.ok());
  EXPECT_NE(file.message().find("/nonexistent/directory/file"), std::string::npos);
}

}  // namespace
}  // namespace hadron::storage
