#include "unit/storage/object_store_suite.h"

#include "storage/tree_listing.h"
#include "unit/storage/fetch_into_file.h"

namespace hadron::storage::test {

TEST_P(ObjectStoreSuite, ListsChildrenSorted) {
  Put("m/2/model.onnx", "abc");
  Put("m/10/model.onnx", "abcd");
  Put("m/config.pbtxt", "");
  Put("m2/1/model.onnx", "x");
  Put("note.txt", "hello");
  using Expected = std::vector<std::string>;
  EXPECT_EQ(Names(""), (Expected{"m/", "m2/", "note.txt:5"}));
  EXPECT_EQ(Names("m"), (Expected{"10/", "2/", "config.pbtxt:0"}));
  EXPECT_EQ(Names("m/2"), (Expected{"model.onnx:3"}));
}

TEST_P(ObjectStoreSuite, ListsWholeTrees) {
  Put("m/2/data/w", "abc");
  Put("m/2/model.onnx", "abc");
  Put("m/config.pbtxt", "");
  Put("m/.git/config", "x");
  Put("m2/1/model.onnx", "x");
  auto files = store().ListTree("m");
  ASSERT_TRUE(files.ok()) << files.message();
  std::vector<std::string> names;
  for (const Entry& file : *files) names.push_back(file.name + ":" + std::to_string(file.size));
  EXPECT_EQ(names, (std::vector<std::string>{"2/data/w:3", "2/model.onnx:3", "config.pbtxt:0"}));
  EXPECT_EQ((*files)[1].tag, (*store().Stat("m/2/model.onnx")).tag);
  EXPECT_EQ(store().ListTree("q").code(), base::StatusCode::kNotFound);
}

TEST_P(ObjectStoreSuite, ReadsADirectoryOutOfATree) {
  Put("m/2/data/w", "abc");
  Put("m/2/model.onnx", "abcd");
  Put("note", "x");
  const auto tree = TreeListing::Read(store());
  ASSERT_TRUE(tree.ok()) << tree.message();
  for (const char* directory : {"", "m", "m/2", "m/2/data"}) {
    auto one = store().List(directory);
    auto other = tree->List(directory);
    ASSERT_TRUE(one.ok() && other.ok()) << directory;
    ASSERT_EQ(one->size(), other->size()) << directory;
    for (std::size_t i = 0; i < one->size(); ++i) {
      EXPECT_EQ((*one)[i].name, (*other)[i].name);
      EXPECT_EQ((*one)[i].directory, (*other)[i].directory);
      EXPECT_EQ((*one)[i].size, (*other)[i].size);
      EXPECT_EQ((*one)[i].tag, (*other)[i].tag);
    }
  }
  EXPECT_EQ(tree->List("m/3").code(), base::StatusCode::kNotFound);
}

TEST_P(ObjectStoreSuite, LeavesOutHiddenNames) {
  Put("m/.hidden", "x");
  Put("m/..data/config.pbtxt", "x");
  Put("m/seen", "x");
  EXPECT_EQ(Names("m"), (std::vector<std::string>{"seen:1"}));
}

TEST_P(ObjectStoreSuite, FindsNothingWhereNothingIs) {
  Put("m/file", "x");
  EXPECT_EQ(store().List("q").code(), base::StatusCode::kNotFound);
  EXPECT_EQ(store().List("m/file").code(), base::StatusCode::kNotFound);
  EXPECT_EQ(store().Stat("m/q").code(), base::StatusCode::kNotFound);
  EXPECT_EQ(store().Stat("m/file/q").code(), base::StatusCode::kNotFound);
  auto fetched = store().Fetch("m/q");
  EXPECT_EQ(fetched.code(), base::StatusCode::kNotFound);
  EXPECT_NE(fetched.message().find("m/q"), std::string::npos);
  EXPECT_FALSE(store().LocalPath("q").has_value());
}

TEST_P(ObjectStoreSuite, TellsFilesFromDirectories) {
  Put("m/file", "four");
  auto file = store().Stat("m/file");
  ASSERT_TRUE(file.ok()) << file.message();
  EXPECT_FALSE(file->directory);
  EXPECT_EQ(file->name, "file");
  EXPECT_EQ(file->size, 4U);
  EXPECT_FALSE(file->tag.empty());
  auto directory = store().Stat("m");
  ASSERT_TRUE(directory.ok()) << directory.message();
  EXPECT_TRUE(directory->directory);
  EXPECT_FALSE(store().Fetch("m").ok());
}

TEST_P(ObjectStoreSuite, AnswersListAndStatAlike) {
  Put("m/file", "four");
  auto listed = store().List("m");
  auto file = store().Stat("m/file");
  ASSERT_TRUE(listed.ok() && file.ok());
  EXPECT_EQ((*listed)[0].tag, file->tag);
}

TEST_P(ObjectStoreSuite, ChangesTheTagWithTheContent) {
  Put("m/file", "one");
  auto before = store().Stat("m/file");
  Remove("m/file");
  Put("m/file", "other");
  auto after = store().Stat("m/file");
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_NE(before->tag, after->tag);
}

TEST_P(ObjectStoreSuite, FetchesWholeObjects) {
  std::string large(9'000'001, 'a');
  for (std::size_t i = 0; i < large.size(); i += 4096) large[i] = static_cast<char>('b' + i % 7);
  Put("m/large", large);
  Put("m/empty", "");
  auto fetched = store().Fetch("m/large");
  ASSERT_TRUE(fetched.ok()) << fetched.message();
  EXPECT_TRUE(fetched->ToString() == large);
  auto empty = store().Fetch("m/empty");
  ASSERT_TRUE(empty.ok()) << empty.message();
  EXPECT_EQ(empty->size(), 0U);
}

TEST_P(ObjectStoreSuite, FetchesIntoFiles) {
  const TempDirectory target;
  const std::string text(9'000'001, 'z');
  Put("m/large", text);
  const std::string path = (target.path() / "copy").string();
  ASSERT_TRUE(FetchIntoFile(store(), "m/large", path).ok());
  EXPECT_TRUE(ReadFile(path) == text);
  EXPECT_EQ(FetchIntoFile(store(), "m/q", path + "2").code(), base::StatusCode::kNotFound);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(target.path()), {}), 1);
}

TEST_P(ObjectStoreSuite, RefusesObjectsAboveTheLimit) {
  Put("m/file", "four");
  const FetchOptions small{.max_bytes = 3, .progress = {}};
  EXPECT_EQ(store().Fetch("m/file", small).code(), base::StatusCode::kResourceExhausted);
  EXPECT_TRUE(store().Fetch("m/file", {.max_bytes = 4, .progress = {}}).ok());
}

TEST_P(ObjectStoreSuite, ReportsProgressAndStopsWhenToldTo) {
  const TempDirectory target;
  Put("m/large", std::string(9'000'001, 'z'));
  std::uint64_t seen = 0;
  FetchOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GT(done, seen);
    EXPECT_EQ(total, 9'000'001U);
    seen = done;
    return true;
  };
  ASSERT_TRUE(store().Fetch("m/large", options).ok());
  EXPECT_EQ(seen, 9'000'001U);
  options.progress = [](std::uint64_t, std::uint64_t) { return false; };
  EXPECT_EQ(store().Fetch("m/large", options).code(), base::StatusCode::kCancelled);
  const std::string path = (target.path() / "copy").string();
  EXPECT_EQ(FetchIntoFile(store(), "m/large", path, options).code(), base::StatusCode::kCancelled);
  EXPECT_TRUE(std::filesystem::is_empty(target.path()));
}

TEST_P(ObjectStoreSuite, RefusesHostileNames) {
  Put("m/file", "x");
  for (const char* name : {"/etc/passwd", "..", "m/../m/file", "m/./file", "m//file", "m/",
                           "m/fi\nle", "m\\file", ".", "m/..", "m/.."}) {
    EXPECT_EQ(store().Fetch(name).code(), base::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(store().Stat(name).code(), base::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(store().List(name).code(), base::StatusCode::kInvalidArgument) << name;
    EXPECT_FALSE(store().LocalPath(name).has_value()) << name;
  }
  EXPECT_EQ(store().Fetch(std::string_view("m\0file", 6)).code(),
            base::StatusCode::kInvalidArgument);
  EXPECT_EQ(store().Fetch(std::string(5000, 'a')).code(), base::StatusCode::kInvalidArgument);
}

}  // namespace hadron::storage::test
