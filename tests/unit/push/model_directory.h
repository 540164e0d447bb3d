#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace hadron::cli::push::test {

/// A temporary directory with a copy of the model "scale" of the test data: versions 1, 2, 3 and a
/// config.pbtxt.
class ModelDirectory {
 public:
  explicit ModelDirectory(int versions = 3) {
    std::string name = (std::filesystem::temp_directory_path() / "hadron-push.XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    const std::filesystem::path data =
        std::filesystem::path(HADRON_SOURCE_DIR) / "tests/data/models/scale";
    std::filesystem::copy(data, model(), std::filesystem::copy_options::recursive);
    for (int version = versions + 1; version <= 3; ++version) {
      std::filesystem::remove_all(model() / std::to_string(version));
    }
    std::filesystem::create_directory(root_ / "repository");
  }
  ~ModelDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  ModelDirectory(const ModelDirectory&) = delete;
  ModelDirectory& operator=(const ModelDirectory&) = delete;

  std::filesystem::path model() const { return root_ / "scale"; }
  std::filesystem::path repository() const { return root_ / "repository"; }
  /// Writes a file of the model.
  void Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((model() / name).parent_path());
    std::ofstream(model() / name, std::ios::binary) << text;
  }

 private:
  std::filesystem::path root_;
};

}  // namespace hadron::cli::push::test
