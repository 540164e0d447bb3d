// Packed weights on the disk: the same bytes come back, and nothing is taken that is not given
// back.
#include "model/image_file.h"

#include <filesystem>

#include "unit/model/residency_rig.h"

namespace hadron::model {
namespace {

using testing::HasSubstr;

class ImageFileTest : public Residency {
 protected:
  void SetUp() override {
    Open(64 * kMiB);
    model_ = Admit("a", {1, 2});
  }
  const plan::WeightImage& image() const { return *model_->compiled().weights(); }

  const std::string directory_ = std::filesystem::temp_directory_path().string();
  ModelHandle model_;
  plan::SharedSegments shared_;
};

TEST_F(ImageFileTest, GivesTheBytesBack) {
  ImageFiles files(directory_, 2 * kMiB);
  const auto file = files.Write(image()).value();
  EXPECT_EQ(file->bytes(), 2 * kMiB);
  const auto before = host_->memory().reserved();
  {
    const auto back = file->Read(image(), *host_, "a", shared_).value();
    EXPECT_EQ(host_->memory().reserved(), before + 2 * kMiB);
    ASSERT_EQ(back->segments().size(), image().segments().size());
    for (std::size_t i = 0; i < back->segments().size(); ++i) {
      const auto& was = image().segments()[i];
      const auto& is = back->segments()[i];
      EXPECT_NE(was.host, is.host);
      EXPECT_EQ(was.hash, is.hash);
      EXPECT_EQ(std::memcmp(was.host->host(), is.host->host(), was.bytes), 0);
    }
  }
  EXPECT_EQ(host_->memory().reserved(), before);
}

TEST_F(ImageFileTest, SharesWhatOthersHave) {
  ImageFiles files(directory_, 8 * kMiB);
  const auto file = files.Write(image()).value();
  const ModelHandle variant = Admit("b", {1, 3});
  const auto other = files.Write(*variant->compiled().weights()).value();
  const auto before = host_->memory().reserved();
  const auto back = file->Read(image(), *host_, "a", shared_).value();
  const auto too = other->Read(*variant->compiled().weights(), *host_, "b", shared_).value();
  EXPECT_EQ(host_->memory().reserved(), before + 3 * kMiB);
  EXPECT_EQ(back->segments()[0].host, too->segments()[0].host);
  EXPECT_NE(back->segments()[1].host, too->segments()[1].host);
}

TEST_F(ImageFileTest, TellsBytesThatTheDiskHasChanged) {
  ImageFiles files(directory_, 8 * kMiB);
  // The table of another model stands for a disk that gives back other bytes.
  const auto file = files.Write(*Admit("b", {1, 3})->compiled().weights()).value();
  const auto before = host_->memory().reserved();
  const auto back = file->Read(image(), *host_, "a", shared_);
  EXPECT_EQ(back.code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(host_->memory().reserved(), before);
}

TEST_F(ImageFileTest, KeepsToTheBudget) {
  ImageFiles files(directory_, 3 * kMiB);
  auto file = files.Write(image()).value();
  const auto second = files.Write(image());
  EXPECT_EQ(second.code(), base::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(second.message()),
              HasSubstr("they take 2.0 MiB, 2.0 MiB are in use of the 3.0 MiB of --cache-budget"));
  file.reset();
  EXPECT_TRUE(files.Write(image()).ok());
}

TEST_F(ImageFileTest, SaysWhatIsWrongWithTheDisk) {
  EXPECT_THAT(std::string(ImageFiles("", kMiB).Write(image()).message()), HasSubstr("--cache-dir"));
  ImageFiles nowhere("/proc/no-such", 3 * kMiB);
  for (int i = 0; i < 2; ++i) {  // the second time as the first: nothing is counted
    EXPECT_THAT(std::string(nowhere.Write(image()).message()), HasSubstr("/proc/no-such"));
  }
}

TEST_F(ImageFileTest, TakesNoHostMemoryThatIsNotThere) {
  ImageFiles files(directory_, 8 * kMiB);
  const auto file = files.Write(image()).value();
  const auto small = device::MakeHostDevice(kMiB);
  const auto back = file->Read(image(), *small, "a", shared_);
  EXPECT_EQ(back.code(), base::StatusCode::kResourceExhausted);
  EXPECT_EQ(small->memory().reserved(), 0U);
}

}  // namespace
}  // namespace hadron::model
