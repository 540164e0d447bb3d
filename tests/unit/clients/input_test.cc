#include "cli/input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "cpp/tensor_json.h"

namespace hadron::cli {
namespace {

using client::TensorInfo;
using testing::ElementsAre;
using testing::HasSubstr;
using Shape = std::vector<std::int64_t>;

class BuildInputTest : public testing::Test {
 protected:
  base::StatusOr<BuiltInput> Build(const TensorInfo& info, const std::string& source) {
    return BuildInput(info, source, options_, random_);
  }
  /// Values of the tensor built, or a failure of the test.
  std::vector<double> Values(const TensorInfo& info, const std::string& source) {
    auto built = Build(info, source);
    EXPECT_TRUE(built.ok()) << built.message();
    if (!built.ok()) return {};
    shape_ = built->tensor.shape;
    return client::ToDoubles(built->tensor.bytes, *tensor::DataTypeFromName(info.datatype));
  }
  std::string File(const std::string& name, const std::string& content) {
    const auto dir = std::filesystem::path(testing::TempDir()) /
                     testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(dir);
    std::ofstream(dir / name, std::ios::binary) << content;
    return dir / name;
  }

  InputOptions options_;
  std::mt19937 random_{1};
  Shape shape_;
};

const TensorInfo kVector{"x", "FP32", {-1, 3}};
const TensorInfo kPicture{"image", "FP32", {-1, 1, 2, 2}};

TEST(ParseInputSpec, NeedsNameAndSource) {
  EXPECT_EQ(ParseInputSpec("a=b=c")->source, "b=c");
  for (const char* text : {"", "x", "=1", "x="}) EXPECT_FALSE(ParseInputSpec(text).ok()) << text;
}

TEST_F(BuildInputTest, TakesLists) {
  EXPECT_THAT(Values(kVector, "1, 2.5,-3"), ElementsAre(1, 2.5, -3));
  EXPECT_EQ(shape_, (Shape{1, 3}));
  EXPECT_EQ(Values(kVector, "1,2,3,4,5,6").size(), 6U);
  EXPECT_EQ(shape_, (Shape{2, 3}));
  EXPECT_THAT(Build(kVector, "1,2").message(), HasSubstr("2 elements do not fill [3]"));
  EXPECT_THAT(Build(kVector, "1,x,3").message(), HasSubstr("'x' is no number"));
  EXPECT_THAT(Build(kVector, "1,,3").message(), HasSubstr("input 'x' FP32 [-1,3]"));
}

TEST_F(BuildInputTest, TakesStringsForBytes) {
  const auto built = Build({"s", "BYTES", {-1, 2}}, "one,two");
  ASSERT_TRUE(built.ok()) << built.message();
  EXPECT_THAT(built->tensor.strings, ElementsAre("one", "two"));
  EXPECT_EQ(built->tensor.shape, (Shape{1, 2}));
}

TEST_F(BuildInputTest, IntegersMustFit) {
  EXPECT_THAT(Values({"i", "INT64", {-1, 1}}, "9007199254740993"), ElementsAre(9007199254740992.0));
  EXPECT_FALSE(Build({"i", "UINT8", {-1, 1}}, "256").ok());
  EXPECT_FALSE(Build({"i", "INT32", {-1, 1}}, "1.5").ok());
}

TEST_F(BuildInputTest, MakesZerosAndRandomRows) {
  options_.batch = 4;
  EXPECT_THAT(Values({"x", "INT32", {-1, 1}}, "zeros"), ElementsAre(0, 0, 0, 0));
  const std::vector<double> first = Values(kVector, "random");
  EXPECT_EQ(first.size(), 12U);
  EXPECT_NE(first[0], first[1]);
  random_.seed(1);
  EXPECT_EQ(Values(kVector, "random"), first);
  EXPECT_EQ(Values({"x", "UINT8", {-1, -1}}, "random").size(), 4U);
  options_.batch = std::int64_t{1} << 40;
  EXPECT_THAT(Build(kVector, "zeros").message(), HasSubstr("too many"));
}

TEST_F(BuildInputTest, RepeatsOneRowAndCutsMany) {
  options_.batch = 3;
  EXPECT_THAT(Values({"x", "FP32", {-1, 1}}, "7"), ElementsAre(7, 7, 7));
  options_.batch = 2;
  EXPECT_THAT(Values({"x", "FP32", {-1, 1}}, "7,8,9"), ElementsAre(7, 8));
  options_.batch = 5;
  EXPECT_THAT(Build({"x", "FP32", {-1, 1}}, "7,8").message(), HasSubstr("the source has 2"));
}

TEST_F(BuildInputTest, WithoutBatchingTheShapeIsTaken) {
  options_.batching = false;
  EXPECT_EQ(Values({"x", "FP32", {2, 2}}, "1,2,3,4").size(), 4U);
  EXPECT_EQ(shape_, (Shape{2, 2}));
  EXPECT_FALSE(Build({"x", "FP32", {2, 2}}, "1,2,3,4,5,6,7,8").ok());
  EXPECT_EQ(Values({"x", "FP32", {-1}}, "1,2,3").size(), 3U);
  EXPECT_EQ(shape_, (Shape{3}));
}

TEST_F(BuildInputTest, ReadsJsonFiles) {
  EXPECT_THAT(Values(kVector, File("x.json", "[[1,2,3],[4,5,6]]")), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_FALSE(Build(kVector, File("bad.json", "[1,2")).ok());
  EXPECT_THAT(Build(kVector, "/nowhere/x.json").message(),
              HasSubstr("cannot read '/nowhere/x.json'"));
}

TEST_F(BuildInputTest, ReadsNumpyFilesOfOtherTypes) {
  options_.batch = 2;
  const TensorInfo digits{"image", "FP64", {-1, 1, -1, -1}};
  EXPECT_EQ(Values(digits, HADRON_SOURCE_DIR "/tests/data/digits_images.npy").size(), 128U);
  EXPECT_EQ(shape_, (Shape{2, 1, 8, 8}));
}

TEST_F(BuildInputTest, FitsPicturesToTheModel) {
  options_.scale = 1.0;
  const std::string file = File("p.pgm", "P2 4 4 16  0 0 16 16  0 0 16 16  16 16 0 0  16 16 0 0");
  EXPECT_THAT(Values(kPicture, file), ElementsAre(0, 1, 1, 0));
  EXPECT_EQ(shape_, (Shape{1, 1, 2, 2}));
  options_.invert = true;
  const auto built = Build(kPicture, file);
  ASSERT_TRUE(built.ok() && built->picture.has_value());
  EXPECT_THAT(built->picture->pixels, ElementsAre(1, 0, 0, 1));
  EXPECT_THAT(Build({"c", "FP32", {-1, 3, 2, 2}}, file).message(), HasSubstr("[1,height,width]"));
  EXPECT_THAT(Build({"v", "FP32", {-1, 4}}, file).message(), HasSubstr("[1,height,width]"));
}

}  // namespace
}  // namespace hadron::cli
