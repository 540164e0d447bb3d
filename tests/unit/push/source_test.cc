#include "cli/push/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/push/model_directory.h"

namespace hadron::cli::push {
namespace {

namespace fs = std::filesystem;
using test::ModelDirectory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Refusal(const ModelDirectory& directory) {
  const auto source = ReadSource(directory.model().string());
  return source.ok() ? "" : source.message();
}

TEST(ReadSource, SetsApartWhatMakesAVersion) {
  const ModelDirectory directory(2);
  directory.Write("labels.txt", "a\nb\n");
  directory.Write("2/sub/extra.bin", "x");
  directory.Write(".hidden", "x");
  const auto source = ReadSource(directory.model().string() + "/");
  ASSERT_TRUE(source.ok()) << source.message();
  EXPECT_EQ(source->name, "scale");
  ASSERT_EQ(source->versions.size(), 2U);
  EXPECT_EQ(source->versions[1].number, 2U);
  EXPECT_EQ(source->versions[1].model.name, "model.onnx");
  ASSERT_EQ(source->versions[1].files.size(), 1U);
  EXPECT_EQ(source->versions[1].files[0].name, "sub/extra.bin");
  EXPECT_EQ(source->versions[1].sums, source->versions[1].files[0].sha256 + "  sub/extra.bin\n" +
                                          source->versions[1].model.sha256 + "  model.onnx\n");
  ASSERT_EQ(source->files.size(), 1U);
  EXPECT_EQ(source->files[0].name, "labels.txt");
  EXPECT_EQ(source->config.size(), 1U);
  EXPECT_THAT(source->notes, IsEmpty());
}

TEST(ReadSource, LeavesOutDirectoriesThatNoModelHas) {
  const ModelDirectory directory(1);
  directory.Write("notebooks/a.ipynb", "{}");
  directory.Write("notebooks/b.ipynb", "{}");
  directory.Write("warmup/data", "x");
  const auto source = ReadSource(directory.model().string());
  ASSERT_TRUE(source.ok()) << source.message();
  EXPECT_THAT(source->notes, ElementsAre(HasSubstr("notebooks' is left out")));
  ASSERT_EQ(source->files.size(), 1U);
  EXPECT_EQ(source->files[0].name, "warmup/data");
}

TEST(ReadSource, RefusesWhatNoServerWouldLoad) {
  const ModelDirectory broken;
  broken.Write("2/model.onnx", "not a model");
  EXPECT_THAT(Refusal(broken), HasSubstr("scale/2/model.onnx"));

  const ModelDirectory without;
  fs::rename(without.model() / "1/model.onnx", without.model() / "1/other.onnx");
  EXPECT_THAT(Refusal(without), HasSubstr("has no model file 'model.onnx', only: other.onnx"));

  const ModelDirectory config;
  config.Write("config.pbtxt", "max_batch_size: 'many'");
  EXPECT_THAT(Refusal(config), HasSubstr("config.pbtxt"));

  const ModelDirectory empty(0);
  EXPECT_THAT(Refusal(empty), HasSubstr("has no version directory"));
}

TEST(ReadSource, RefusesLabelsThatAreNotThere) {
  const ModelDirectory directory(1);
  directory.Write("config.pbtxt",
                  "output { name: 'OUTPUT0' data_type: TYPE_FP32 dims: -1 "
                  "label_filename: 'labels.txt' }");
  EXPECT_THAT(Refusal(directory), HasSubstr("'labels.txt' is not there"));
}

TEST(ReadSource, ChecksSumsThatAreThere) {
  const ModelDirectory directory(1);
  const auto source = ReadSource(directory.model().string());
  ASSERT_TRUE(source.ok()) << source.message();
  directory.Write("1/SHA256SUMS", source->versions[0].sums);
  const auto again = ReadSource(directory.model().string());
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_EQ(again->versions[0].sums, source->versions[0].sums);
  EXPECT_THAT(again->versions[0].files, IsEmpty());
  directory.Write("1/SHA256SUMS", std::string(64, '0') + "  model.onnx\n");
  EXPECT_THAT(Refusal(directory), HasSubstr("does not have the sum of SHA256SUMS; make it anew"));
}

TEST(ReadSource, NeedsADirectory) {
  EXPECT_EQ(ReadSource("/nonexistent/model").code(), base::StatusCode::kNotFound);
  EXPECT_EQ(ReadSource("/").code(), base::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace hadron::cli::push
