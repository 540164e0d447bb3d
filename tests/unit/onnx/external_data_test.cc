#include "onnx/external_data.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "onnx/files/file_descriptor.h"
#include "onnx/files/open_beneath.h"
#include "unit/onnx/fixtures.h"

namespace hadron::onnx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A model whose initializer "w" (two int64) is external.
::onnx_wire::ModelProto ExternalModel(
    const std::vector<std::pair<std::string, std::string>>& entries) {
  ::onnx_wire::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(17);
  model.mutable_graph()->add_output()->set_name("w");
  auto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name("w");
  tensor.set_data_type(7);
  tensor.add_dims(2);
  tensor.set_data_location(1);
  for (const auto& [key, value] : entries) {
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
  return model;
}

/// Writes the model and 40 bytes of data (int64 0 to 4) and loads it.
class ExternalDataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string data;
    for (char i = 0; i < 5; ++i) data += std::string(1, i) + std::string(7, '\0');
    directory_.Write("version/weights.bin", data);
    directory_.Write("version/sub/weights.bin", data);
    directory_.Write("outside.bin", data);
  }

  base::StatusOr<LoadedModel> LoadExternal(const ::onnx_wire::ModelProto& model,
                                           const LoadLimits& limits = {}) {
    directory_.Write("version/model.onnx", model.SerializeAsString());
    return LoadOnnxFile((version() / "model.onnx").string(), limits);
  }

  std::string ErrorOf(const std::vector<std::pair<std::string, std::string>>& entries) {
    const auto loaded = LoadExternal(ExternalModel(entries));
    return loaded.ok() ? "OK" : loaded.message();
  }

  std::string ErrorOfLocation(const std::string& location) {
    return ErrorOf({{"location", location}});
  }

  std::filesystem::path version() const { return directory_.path() / "version"; }

  TemporaryDirectory directory_;
};

TEST_F(ExternalDataTest, ReadsTheNamedRange) {
  const auto loaded =
      LoadExternal(ExternalModel({{"location", "weights.bin"}, {"offset", "8"}, {"length", "16"}}));
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  const auto constant = loaded->graph.value(loaded->graph.outputs()[0].value).constant;
  EXPECT_THAT(*constant->Ints(), ElementsAre(1, 2));
}

TEST_F(ExternalDataTest, OffsetAndLengthAreOptionalAndSubFoldersAllowed) {
  EXPECT_EQ(ErrorOf({{"location", "sub/weights.bin"}}), "OK");
  EXPECT_EQ(ErrorOf({{"location", "./weights.bin"}, {"checksum", "0"}}), "OK");
}

TEST_F(ExternalDataTest, WarnsOfUnknownKeys) {
  const auto loaded = LoadExternal(ExternalModel({{"location", "weights.bin"}, {"mode", "x"}}));
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_THAT(loaded->warnings, ElementsAre(HasSubstr("external data key 'mode' is ignored")));
}

TEST_F(ExternalDataTest, RefusesPathsThatLeaveTheDirectory) {
  EXPECT_THAT(ErrorOfLocation(""), HasSubstr("initializer 'w': external data '': the location is "
                                             "empty"));
  EXPECT_THAT(ErrorOfLocation("/etc/passwd"), HasSubstr("absolute path"));
  EXPECT_THAT(ErrorOfLocation("../outside.bin"), HasSubstr("contains '..'"));
  EXPECT_THAT(ErrorOfLocation("sub/../weights.bin"), HasSubstr("contains '..'"));
  EXPECT_THAT(ErrorOfLocation("sub\\weights.bin"), HasSubstr("Windows path"));
  EXPECT_THAT(ErrorOfLocation("C:weights.bin"), HasSubstr("Windows path"));
  EXPECT_THAT(ErrorOfLocation(std::string("weights.bin\0x", 13)), HasSubstr("NUL byte"));
  EXPECT_THAT(ErrorOfLocation("nothing.bin"), HasSubstr("no such file"));
  EXPECT_THAT(ErrorOf({}), HasSubstr("its external data has no location"));
}

TEST_F(ExternalDataTest, RefusesLinksAndSpecialFiles) {
  std::filesystem::create_symlink("weights.bin", version() / "link.bin");
  std::filesystem::create_directory_symlink("sub", version() / "linked");
  std::filesystem::create_hard_link(directory_.path() / "outside.bin", version() / "hard.bin");
  ASSERT_EQ(::mkfifo((version() / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(ErrorOfLocation("link.bin"), HasSubstr("symbolic link"));
  EXPECT_THAT(ErrorOfLocation("linked/weights.bin"), HasSubstr("symbolic link"));
  EXPECT_THAT(ErrorOfLocation("hard.bin"), HasSubstr("more than one hard link"));
  EXPECT_THAT(ErrorOfLocation("fifo"), HasSubstr("not a regular file"));
  EXPECT_THAT(ErrorOfLocation("sub"), HasSubstr("not a regular file"));
}

TEST_F(ExternalDataTest, FollowsLinksAboveTheDirectory) {
  LoadExternal(ExternalModel({{"location", "weights.bin"}})).ok();
  std::filesystem::create_directory_symlink(version(), directory_.path() / "current");
  EXPECT_TRUE(LoadOnnxFile((directory_.path() / "current/model.onnx").string(), {}).ok());
}

TEST_F(ExternalDataTest, ChecksOffsetAndLength) {
  const auto with = [this](const char* key, const char* value) {
    return ErrorOf({{"location", "weights.bin"}, {key, value}});
  };
  EXPECT_THAT(with("offset", "-1"), HasSubstr("external offset is '-1', which is not a number"));
  EXPECT_THAT(with("offset", "8x"), HasSubstr("not a number"));
  EXPECT_THAT(with("offset", ""), HasSubstr("not a number"));
  EXPECT_THAT(with("offset", "99999999999999999999999"), HasSubstr("not a number"));
  EXPECT_THAT(with("offset", "18446744073709551615"), HasSubstr("beyond the end of the file"));
  EXPECT_THAT(with("offset", "32"), HasSubstr("beyond the end of the file"));
  EXPECT_THAT(with("length", "8"), HasSubstr("external length is 8, its shape and type need 16"));
  EXPECT_THAT(with("location", "weights.bin"), HasSubstr("'location' appears twice"));
}

TEST_F(ExternalDataTest, RefusesInlineValuesAndStrings) {
  auto model = ExternalModel({{"location", "weights.bin"}});
  model.mutable_graph()->mutable_initializer(0)->set_raw_data(std::string(16, 'a'));
  EXPECT_THAT(LoadExternal(model).message(),
              HasSubstr("its data is external, but there are values in raw_data"));
  model = ExternalModel({{"location", "weights.bin"}});
  model.mutable_graph()->mutable_initializer(0)->set_data_type(8);
  EXPECT_THAT(LoadExternal(model).message(), HasSubstr("strings cannot lie in external data"));
}

TEST_F(ExternalDataTest, CountsEveryTensorAgainstTheModelsLimit) {
  auto model = ExternalModel({{"location", "weights.bin"}});
  for (int i = 0; i < 9; ++i) {
    *model.mutable_graph()->add_initializer() = model.graph().initializer(0);
    model.mutable_graph()->mutable_initializer(i + 1)->set_name("w" + std::to_string(i));
  }
  EXPECT_TRUE(LoadExternal(model, {.max_model_bytes = 160}).ok());
  const auto loaded = LoadExternal(model, {.max_model_bytes = 159});
  EXPECT_EQ(loaded.code(), base::StatusCode::kResourceExhausted);
  EXPECT_THAT(loaded.message(), HasSubstr("the model's tensors exceed"));
}

TEST_F(ExternalDataTest, NoneRefusesEveryLocation) {
  const auto loaded = Load(ExternalModel({{"location", "weights.bin"}}));
  EXPECT_THAT(loaded.message(), HasSubstr("external data is not available"));
}

TEST_F(ExternalDataTest, ReportsAFileThatBecameShorter) {
  const auto data = ExternalData::FromDirectory(version().string());
  ASSERT_TRUE(data.ok());
  const auto file = data->Open("weights.bin");
  ASSERT_TRUE(file.ok()) << file.message();
  std::filesystem::resize_file(version() / "weights.bin", 10);
  EXPECT_THAT(base::ReadRange(**file, 0, 40).message(), HasSubstr("became shorter"));
  EXPECT_THAT((*file)->Settle().message(), HasSubstr("changed while it was read"));
}

TEST_F(ExternalDataTest, BothWaysToResolveAPathAgree) {
  std::filesystem::create_symlink("weights.bin", version() / "link.bin");
  std::filesystem::create_directory_symlink("sub", version() / "linked");
  const FileDescriptor base(::open(version().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto open = [&base](const char* path, ResolveMethod method) {
    const int fd = OpenBeneath(base.get(), path, method);
    const FileDescriptor owner(fd);
    return fd < 0 ? fd : 0;
  };
  if (open("weights.bin", ResolveMethod::kKernel) == -ENOSYS) GTEST_SKIP() << "no openat2";
  for (const auto method : {ResolveMethod::kKernel, ResolveMethod::kComponents}) {
    EXPECT_EQ(open("weights.bin", method), 0);
    EXPECT_EQ(open("sub/weights.bin", method), 0);
    EXPECT_EQ(open("sub//./weights.bin", method), 0);
    EXPECT_EQ(open("link.bin", method), -ELOOP);
    EXPECT_EQ(open("linked/weights.bin", method), -ELOOP);
    EXPECT_EQ(open("nothing", method), -ENOENT);
    EXPECT_EQ(open("weights.bin/x", method), -ENOTDIR);
  }
}

}  // namespace
}  // namespace hadron::onnx
