#include "model/checksums.h"

#include <gtest/gtest.h>

#include <map>

#include "base/sha256.h"

namespace hadron::model {
namespace {

using config::Checksum;

constexpr const char* kMd5OfAbc = "900150983cd24fb0d6963f7d28e17f72";
constexpr const char* kSha256OfAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A model with the versions 1 and 3; every file that is opened is noted.
class Files {
 public:
  Files() {
    model_.location = "/models/m";
    for (const std::int64_t number : {1, 3}) {
      model_.versions.emplace_back().number = number;
    }
  }

  /// The failure of checking version 1, "" when there is none.
  std::string Check(const std::vector<Checksum>& sums) {
    const ChecksumCheck check{model_, 1, cancelled};
    return check
        .Run(sums,
             [this](const std::string& path)
                 -> base::StatusOr<std::shared_ptr<const base::ByteSource>> {
               opened += path + " ";
               const auto at = files.find(path);
               if (at == files.end()) return base::NotFound("there is no such file");
               return std::make_shared<const base::BufferSource>(
                   base::IoBuf::FromString(at->second));
             })
        .ToString();
  }

  std::map<std::string, std::string> files;
  std::string opened;
  std::atomic<bool> cancelled{false};

 private:
  ScannedModel model_;
};

TEST(ChecksumCheck, ComparesBothKinds) {
  Files files;
  files.files = {{"1/model.onnx", "abc"}, {"labels.txt", "abc"}};
  const std::vector<Checksum> right = {{Checksum::Kind::kMd5, "1/model.onnx", kMd5OfAbc},
                                       {Checksum::Kind::kSha256, "labels.txt", kSha256OfAbc}};
  EXPECT_EQ(files.Check(right), "OK");
  EXPECT_EQ(files.opened, "1/model.onnx labels.txt ");
  files.files["labels.txt"] = "abd";
  const std::string error = files.Check(right);
  EXPECT_NE(error.find("INVALID_ARGUMENT: checksum of '/models/m/labels.txt': the file's is "),
            std::string::npos)
      << error;
  EXPECT_NE(error.find(std::string("says ") + kSha256OfAbc), std::string::npos) << error;
}

TEST(ChecksumCheck, NeedsTheFileUnlessItIsAnotherVersions) {
  Files files;
  const auto md5 = [](const char* path) {
    return std::vector<Checksum>{{Checksum::Kind::kMd5, path, kMd5OfAbc}};
  };
  EXPECT_EQ(files.Check(md5("3/model.onnx")), "OK");  // is looked at when that is loaded
  EXPECT_EQ(files.opened, "");
  for (const char* path : {"1/model.onnx", "2/model.onnx", "03/model.onnx", "3", "x/y"}) {
    const std::string error = files.Check(md5(path));
    EXPECT_NE(error.find(std::string("NOT_FOUND: checksum of '/models/m/") + path + "'"),
              std::string::npos)
        << error;
  }
}

TEST(ChecksumCheck, ReadsLargeFilesPieceByPieceAndStopsWhenTold) {
  Files files;
  std::string large(5'000'000, 'x');
  large[4'999'999] = 'y';
  const std::string digest = base::ToHex(base::Sha256::Of(std::as_bytes(std::span(large))));
  files.files = {{"big", large}, {"none", ""}};
  EXPECT_EQ(files.Check({{Checksum::Kind::kSha256, "big", digest},
                         {Checksum::Kind::kMd5, "none", "d41d8cd98f00b204e9800998ecf8427e"}}),
            "OK");
  files.cancelled = true;
  EXPECT_NE(files.Check({{Checksum::Kind::kSha256, "big", digest}}).find("CANCELLED"),
            std::string::npos);
}

}  // namespace
}  // namespace hadron::model
