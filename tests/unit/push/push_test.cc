#include "cli/push/push.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "storage/s3/factory.h"
#include "support/s3_origin.h"
#include "unit/push/model_directory.h"

namespace hadron::cli::push {
namespace {

using hadron::test::ImposterReply;
using hadron::test::ImposterRequest;
using hadron::test::S3Error;
using hadron::test::S3Origin;
using test::ModelDirectory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PushTest : public ::testing::Test {
 protected:
  static Source Read(const ModelDirectory& directory) {
    auto source = ReadSource(directory.model().string());
    EXPECT_TRUE(source.ok()) << (source.ok() ? "" : source.message());
    return std::move(source).value();
  }
  Place ToBucket() {
    storage::S3Options options;
    options.environment = [](const std::string& name) -> std::optional<std::string> {
      if (name == "AWS_ACCESS_KEY_ID" || name == "AWS_SECRET_ACCESS_KEY") return "example";
      return std::nullopt;
    };
    options.retry_base = std::chrono::milliseconds(1);
    Place place;
    place.store = *storage::OpenS3Store(origin_.url(), options, clock_);
    place.writer = *storage::OpenS3Writer(origin_.url(), options, clock_);
    return place;
  }
  Place ToDirectory(const ModelDirectory& directory) {
    Options options;
    options.destination = directory.repository().string();
    return *OpenDestination(options, clock_);
  }
  base::StatusOr<Outcome> Run(const Source& source, Place place, const std::string& as = "") {
    Progress progress(out_, false, clock_);
    return Push(source, as, place, progress, &interrupted_);
  }
  /// Keys that were written, in order.
  std::vector<std::string> Written() const {
    std::vector<std::string> keys;
    for (const std::string& request : origin_.requests()) {
      if (request.starts_with("PUT /models/")) keys.push_back(request.substr(12));
    }
    return keys;
  }

  base::SystemClock clock_;
  S3Origin origin_;
  std::ostringstream out_;
  std::atomic<bool> interrupted_{false};
};

TEST_F(PushTest, TheFileThatMakesAVersionComesAfterAllElse) {
  const ModelDirectory directory(2);
  directory.Write("1/weights.bin", "w");
  directory.Write("labels.txt", "a");
  const auto done = Run(Read(directory), ToBucket());
  ASSERT_TRUE(done.ok()) << done.message();
  EXPECT_THAT(Written(),
              ElementsAre("scale/1/weights.bin", "scale/labels.txt", "scale/config.pbtxt",
                          "scale/1/model.onnx", "scale/1/SHA256SUMS", "scale/2/model.onnx",
                          "scale/2/SHA256SUMS"));
  EXPECT_THAT(done->versions, ElementsAre(1, 2));
  EXPECT_EQ(done->sent, 7U);
  EXPECT_EQ(done->kept, 0U);
  EXPECT_THAT(out_.str(), HasSubstr("sent scale/1/weights.bin (1 B)\n"));
}

TEST_F(PushTest, GoesOnWhereverItWasCutOffAndNeverShowsHalfAModel) {
  const ModelDirectory directory(2);
  directory.Write("1/weights.bin", "w");
  const Source source = Read(directory);
  for (int allowed = 0;; ++allowed) {
    S3Origin& origin = origin_;
    for (const std::string key : {"config.pbtxt", "1/weights.bin", "1/model.onnx", "1/SHA256SUMS",
                                  "2/model.onnx", "2/SHA256SUMS"}) {
      origin.Remove("scale/" + key);
    }
    int left = allowed;
    origin.set_fault([&left](const ImposterRequest& request, ImposterReply& reply) {
      if (request.method == "PUT" && left-- <= 0) reply = S3Error(403, "AccessDenied");
    });
    const auto first = Run(source, ToBucket());
    // The origin keeps what it has refused, so the last one is taken away again.
    if (!first.ok()) {
      EXPECT_EQ(first.code(), base::StatusCode::kPermissionDenied) << first.message();
      origin.Remove(Written().back());
      if (origin.Find("scale/1/model.onnx")) {
        EXPECT_TRUE(origin.Find("scale/1/weights.bin").has_value()) << allowed;
        EXPECT_TRUE(origin.Find("scale/config.pbtxt").has_value()) << allowed;
      }
      if (origin.Find("scale/2/model.onnx")) {
        EXPECT_TRUE(origin.Find("scale/config.pbtxt").has_value()) << allowed;
      }
    }
    origin.set_fault({});
    const auto second = Run(source, ToBucket());
    ASSERT_TRUE(second.ok()) << second.message();
    EXPECT_EQ(second->kept, static_cast<std::uint64_t>(std::min(allowed, 6)));
    EXPECT_EQ(second->sent + second->kept, 6U);
    if (first.ok()) {
      EXPECT_EQ(allowed, 6);
      break;
    }
  }
}

TEST_F(PushTest, ALargeModelIsThereBeforeItsConfigurationOnlyInParts) {
  const ModelDirectory directory(1);
  Source source = Read(directory);
  // Larger than a part; what it holds is of no interest here.
  const std::string bytes(20'000'000, 'w');
  directory.Write("1/model.onnx", bytes);
  source.versions[0].model.size = bytes.size();
  const auto done = Run(source, ToBucket());
  ASSERT_TRUE(done.ok()) << done.message();
  const std::vector<std::string> written = Written();
  ASSERT_EQ(written.size(), 4U);
  EXPECT_THAT(written[0], HasSubstr("model.onnx?partNumber="));
  EXPECT_THAT(written[1], HasSubstr("model.onnx?partNumber="));
  EXPECT_EQ(written[2], "scale/config.pbtxt");
  EXPECT_EQ(written[3], "scale/1/SHA256SUMS");
  EXPECT_TRUE(origin_.Find("scale/1/model.onnx")->bytes == bytes);
}

TEST_F(PushTest, AVersionThatIsThereWithAnotherContentIsNotTouched) {
  const ModelDirectory directory(2);
  origin_.Put("scale/2/model.onnx", "another");
  const auto done = Run(Read(directory), ToBucket());
  EXPECT_EQ(done.code(), base::StatusCode::kAlreadyExists);
  EXPECT_THAT(done.message(), HasSubstr("version 2 of 'scale'"));
  EXPECT_THAT(done.message(), HasSubstr("--as-version next"));
  EXPECT_THAT(Written(), IsEmpty());
}

TEST_F(PushTest, OneVersionCanGetAnotherNumber) {
  const ModelDirectory directory(1);
  const Source source = Read(directory);
  origin_.Put("scale/7/model.onnx", "another");
  EXPECT_THAT(Run(source, ToBucket(), "next")->versions, ElementsAre(8));
  const auto again = Run(source, ToBucket(), "next");
  EXPECT_THAT(again->versions, ElementsAre(8));  // that is it already
  EXPECT_EQ(again->sent, 0U);
  EXPECT_THAT(Run(source, ToBucket(), "12")->versions, ElementsAre(12));
  EXPECT_EQ(Run(source, ToBucket(), "0").code(), base::StatusCode::kInvalidArgument);
  EXPECT_EQ(Run(source, ToBucket(), "7").code(), base::StatusCode::kAlreadyExists);
  const ModelDirectory many;
  EXPECT_THAT(Run(Read(many), ToBucket(), "next").message(), HasSubstr("has 3 versions"));
}

TEST_F(PushTest, AnInterruptedPushToADirectoryLeavesNoPartBehind) {
  const ModelDirectory directory(1);
  directory.Write("1/weights.bin", std::string(9'000'000, 'w'));
  const Source source = Read(directory);
  interrupted_ = true;
  const auto first = Run(source, ToDirectory(directory));
  EXPECT_EQ(first.code(), base::StatusCode::kCancelled);
  interrupted_ = false;
  // As a push leaves it that was killed.
  std::filesystem::create_directories(directory.repository() / "scale/1");
  std::ofstream(directory.repository() / "scale/1/weights.bin.abcdef.part") << "half";
  const auto second = Run(source, ToDirectory(directory));
  ASSERT_TRUE(second.ok()) << second.message();
  std::set<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(directory.repository() / "scale/1")) {
    names.insert(entry.path().filename().string());
  }
  EXPECT_THAT(names, ElementsAre("SHA256SUMS", "model.onnx", "weights.bin"));
  const auto third = Run(source, ToDirectory(directory));
  EXPECT_EQ(third->sent, 0U);
  EXPECT_EQ(third->kept, 4U);
}

TEST_F(PushTest, AChangedConfigurationAloneIsSent) {
  const ModelDirectory directory(1);
  ASSERT_TRUE(Run(Read(directory), ToDirectory(directory)).ok());
  std::ofstream(directory.model() / "config.pbtxt", std::ios::app) << "# more\n";
  const auto done = Run(Read(directory), ToDirectory(directory));
  ASSERT_TRUE(done.ok()) << done.message();
  EXPECT_EQ(done->sent, 1U);
  EXPECT_EQ(done->kept, 2U);
}

TEST_F(PushTest, DestinationsThatAreNoneAreNamed) {
  Options options;
  options.destination = "gs://bucket";
  EXPECT_THAT(OpenDestination(options, clock_).message(), HasSubstr("'gs://bucket'"));
  options.destination = "/nonexistent";
  EXPECT_EQ(OpenDestination(options, clock_).code(), base::StatusCode::kNotFound);
}

}  // namespace
}  // namespace hadron::cli::push
