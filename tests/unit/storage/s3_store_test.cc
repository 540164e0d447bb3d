#include <gmock/gmock.h>

#include <set>

#include "unit/storage/object_store_suite.h"
#include "unit/storage/s3_rig.h"

namespace hadron::storage::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class S3Harness final : public StoreHarness {
 public:
  S3Harness() : rig_(QuickOptions(), "/some prefix") {}
  void Put(const std::string& name, std::string_view text) override {
    rig_.origin.Put("some prefix/" + name, std::string(text));
  }
  void Remove(const std::string& name) override { rig_.origin.Remove("some prefix/" + name); }
  ObjectStore& store() override { return rig_.store(); }

 private:
  S3Rig rig_;
};

std::unique_ptr<StoreHarness> MakeS3Harness() { return std::make_unique<S3Harness>(); }

INSTANTIATE_TEST_SUITE_P(S3, ObjectStoreSuite, testing::Values(&MakeS3Harness));

std::vector<std::string> NamesOf(const base::StatusOr<std::vector<Entry>>& entries) {
  EXPECT_TRUE(entries.ok()) << (entries.ok() ? "" : entries.message());
  std::vector<std::string> names;
  if (!entries.ok()) return names;
  for (const Entry& entry : *entries) names.push_back(entry.name + (entry.directory ? "/" : ""));
  return names;
}

TEST(S3Store, ListsPageAfterPage) {
  S3Rig rig;
  rig.origin.set_page_keys(7);
  std::vector<std::string> expected;
  for (int i = 100; i < 130; ++i) {
    rig.origin.Put("m" + std::to_string(i) + "/1/model.onnx", "x");
    rig.origin.Put("m" + std::to_string(i) + "/config.pbtxt", "x");
    expected.push_back("m" + std::to_string(i) + "/");
  }
  EXPECT_EQ(NamesOf(rig.store().List("")), expected);
  EXPECT_EQ(rig.origin.requests().size(), 5U);
}

TEST(S3Store, SortsPagesThatComeOutOfOrder) {
  S3Rig rig;
  rig.origin.set_page_keys(2);
  for (const char* key : {"a", "b", "c", "d"}) rig.origin.Put(key, "x");
  std::vector<ImposterReply> pages;
  rig.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    const bool first = request.query("continuation-token").empty();
    const std::string cd =
        "<Contents><Key>c</Key><ETag>\"1\"</ETag><Size>1</Size></Contents>"
        "<Contents><Key>d</Key><ETag>\"1\"</ETag><Size>1</Size></Contents>";
    const std::string ab =
        "<Contents><Key>b</Key><ETag>\"1\"</ETag><Size>1</Size></Contents>"
        "<Contents><Key>a</Key><ETag>\"1\"</ETag><Size>1</Size></Contents>";
    reply.body = "<ListBucketResult>" +
                 std::string(first ? "<IsTruncated>true</IsTruncated>"
                                     "<NextContinuationToken>t</NextContinuationToken>" +
                                         cd
                                   : "<IsTruncated>false</IsTruncated>" + ab) +
                 "</ListBucketResult>";
  });
  EXPECT_THAT(NamesOf(rig.store().List("")), ElementsAre("a", "b", "c", "d"));
}

TEST(S3Store, RefusesListingsThatNeverEndOrAreNone) {
  S3Rig rig;
  rig.origin.set_fault([&](const ImposterRequest&, ImposterReply& reply) {
    reply.body =
        "<ListBucketResult><IsTruncated>true</IsTruncated>"
        "<NextContinuationToken>same</NextContinuationToken></ListBucketResult>";
  });
  EXPECT_EQ(rig.store().List("").code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(rig.origin.requests().size(), 2U);
  for (const char* body : {"<html><body>Sign in</body></html>", "no xml", "<Other/>",
                           "<!DOCTYPE x [<!ENTITY a \"b\">]><ListBucketResult/>",
                           "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
                           "<ListBucketResult><EncodingType>url</EncodingType><Contents>"
                           "<Key>%zz</Key><Size>1</Size></Contents></ListBucketResult>"}) {
    rig.origin.set_fault([&](const ImposterRequest&, ImposterReply& reply) { reply.body = body; });
    EXPECT_EQ(rig.store().List("").code(), base::StatusCode::kUnavailable) << body;
  }
}

TEST(S3Store, KnowsKeysThatLookLikeAnything) {
  S3Rig rig;
  const std::vector<std::string> keys = {"a b/c+d.txt", "\xC3\xBCn\xC3\xAF/\xC5\xBF.bin",
                                         "p%20q/\xC3\xA9", "tilde~/(x)!*'", "eq=a&b=c/?q#h"};
  for (const std::string& key : keys) rig.origin.Put(key, "content of " + key);
  std::set<std::string> directories;
  for (const std::string& name : NamesOf(rig.store().List(""))) directories.insert(name);
  for (const std::string& key : keys) {
    EXPECT_TRUE(directories.contains(key.substr(0, key.find('/') + 1))) << key;
    auto fetched = rig.store().Fetch(key);
    ASSERT_TRUE(fetched.ok()) << fetched.message();
    EXPECT_EQ(fetched->ToString(), "content of " + key);
    EXPECT_TRUE(rig.store().Stat(key).ok());
  }
}

TEST(S3Store, LeavesOutKeysThatAreNoFiles) {
  S3Rig rig;
  for (const char* key : {"m/", "m/x/../y", "m/x//y", "m/a\\b", "m/file", "m/both", "m/both/one"}) {
    rig.origin.Put(key, "x");
  }
  EXPECT_THAT(NamesOf(rig.store().List("m")), ElementsAre("both/", "file", "x/"));
  EXPECT_THAT(NamesOf(rig.store().List("m/x")), ElementsAre());
}

TEST(S3Store, FindsAnEmptyRepositoryEmptyAndAMissingBucketMissing) {
  S3Rig rig(QuickOptions(), "/nothing/here");
  EXPECT_THAT(NamesOf(rig.store().List("")), ElementsAre());
  rig.origin.set_fault([](const ImposterRequest&, ImposterReply& reply) {
    reply = S3Error(404, "NoSuchBucket", "The specified bucket does not exist");
  });
  const auto listed = rig.store().List("");
  EXPECT_EQ(listed.code(), base::StatusCode::kNotFound);
  EXPECT_THAT(listed.message(), HasSubstr("NoSuchBucket"));
  EXPECT_THAT(listed.message(), HasSubstr("check the bucket's name"));
  EXPECT_THAT(listed.message(), HasSubstr("127.0.0.1:" + std::to_string(rig.origin.port())));
}

TEST(S3Store, SignsAndDoesNotTellSecrets) {
  S3Rig rig;
  rig.origin.Put("m/config.pbtxt", "x");
  std::string authorization;
  rig.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    authorization = request.header("authorization");
    reply = S3Error(403, "SignatureDoesNotMatch", "the signature\ndoes not match");
  });
  const auto fetched = rig.store().Fetch("m/config.pbtxt");
  EXPECT_EQ(fetched.code(), base::StatusCode::kPermissionDenied);
  EXPECT_THAT(authorization, HasSubstr("Credential=AKIDEXAMPLE/"));
  for (const char* part : {"s3://models/m/config.pbtxt", "403 SignatureDoesNotMatch", "...MPLE",
                           "check access key and secret key", "request req-1"}) {
    EXPECT_THAT(fetched.message(), HasSubstr(part));
  }
  for (const char* secret : {"verysecret", "AKIDEXAMPLE", "Signature=", "\n"}) {
    EXPECT_THAT(fetched.message(), Not(HasSubstr(secret)));
  }
  EXPECT_EQ(rig.origin.requests().size(), 1U);
  // Answers to HEAD say nothing: the reason comes from a GET.
  const auto entry = rig.store().Stat("m/config.pbtxt");
  EXPECT_THAT(entry.message(), HasSubstr("SignatureDoesNotMatch"));
}

TEST(S3Store, DoesNotSignWhenAnonymous) {
  S3Options options = QuickOptions();
  options.environment = Variables({});
  options.anonymous = true;
  S3Rig rig(options);
  rig.origin.Put("m", "x");
  std::string authorization = "none seen";
  rig.origin.set_fault([&](const ImposterRequest& request, ImposterReply&) {
    authorization = request.header("authorization");
  });
  EXPECT_TRUE(rig.store().Fetch("m").ok());
  EXPECT_EQ(authorization, "");
}

TEST(S3Store, ReadsRangesInParallelAndOnlyOnce) {
  S3Rig rig;
  std::string bytes(4'500'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 / 1000);
  rig.origin.Put("m/weights", bytes);
  base::Sha256Digest digest{};
  const auto fetched = rig.store().Fetch("m/weights", {.digest = &digest});
  ASSERT_TRUE(fetched.ok()) << fetched.message();
  EXPECT_TRUE(fetched->ToString() == bytes);
  EXPECT_EQ(digest, base::Sha256::Of(fetched->bytes()));
  EXPECT_EQ(rig.origin.requests().size(), 5U);
}

TEST(S3Store, FetchesTheObjectThatIsExpectedOrNone) {
  S3Rig rig;
  rig.origin.Put("m", "one");
  const std::string tag = (*rig.store().Stat("m")).tag;
  EXPECT_TRUE(rig.store().Fetch("m", {.expected_tag = tag}).ok());
  rig.origin.Put("m", "two");
  const auto fetched = rig.store().Fetch("m", {.expected_tag = tag});
  EXPECT_EQ(fetched.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(fetched.message(), HasSubstr("replaced"));
}

TEST(S3Store, ChecksWhatItIsTold) {
  const base::SystemClock clock;
  S3Options options = QuickOptions();
  options.require_tls = true;
  const auto plain = OpenS3Store("s3://127.0.0.1:9/bucket", options, clock);
  EXPECT_EQ(plain.code(), base::StatusCode::kPermissionDenied);
  EXPECT_THAT(plain.message(), HasSubstr("--s3-require-tls"));
  EXPECT_TRUE(OpenS3Store("s3://https://127.0.0.1:9/bucket", options, clock).ok());
  options = QuickOptions();
  options.addressing = "sideways";
  EXPECT_THAT(OpenS3Store("s3://127.0.0.1:9/bucket", options, clock).message(),
              HasSubstr("expected auto, path or virtual"));
  options = QuickOptions();
  options.environment = Variables({});
  EXPECT_THAT(OpenS3Store("s3://127.0.0.1:9/bucket", options, clock).message(),
              HasSubstr("set AWS_ACCESS_KEY_ID"));
}

TEST(S3Writer, PutsWhatTheStoreFinds) {
  S3Rig rig;
  const base::SystemClock clock;
  auto writer = OpenS3Writer(rig.origin.url(), QuickOptions(), clock);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Put("m/config.pbtxt", base::IoBuf::FromString("name: 'm'")).ok());
  EXPECT_EQ(rig.store().Fetch("m/config.pbtxt")->ToString(), "name: 'm'");
  EXPECT_EQ(**(*writer)->Sha256Of("m/config.pbtxt"),
            base::ToHex(base::Sha256::Of(std::as_bytes(std::span(std::string_view("name: 'm'"))))));
  rig.origin.Put("m/foreign", "x");
  EXPECT_EQ(*(*writer)->Sha256Of("m/foreign"), std::nullopt);
  EXPECT_EQ(*(*writer)->Sha256Of("m/nothing"), std::nullopt);
  ASSERT_TRUE((*writer)->Remove("m/config.pbtxt").ok());
  ASSERT_TRUE((*writer)->Remove("m/config.pbtxt").ok());
  EXPECT_EQ(rig.store().Fetch("m/config.pbtxt").code(), base::StatusCode::kNotFound);
  EXPECT_EQ((*writer)->Put("../x", {}).code(), base::StatusCode::kInvalidArgument);
}

TEST(S3Writer, SendsLargeFilesInParts) {
  S3Rig rig;
  const base::SystemClock clock;
  const TempDirectory directory;
  std::string bytes(40'000'001, 'w');
  bytes[20'000'000] = 'x';
  directory.Write("weights", bytes);
  const std::string path = (directory.path() / "weights").string();
  auto writer = OpenS3Writer(rig.origin.url(), QuickOptions(), clock);
  ASSERT_TRUE(writer.ok());
  std::uint64_t seen = 0;
  const auto count = [&](auto done, auto total) {
    EXPECT_GT(done, seen);
    EXPECT_EQ(total, bytes.size());
    seen = done;
    return true;
  };
  const base::Status put = (*writer)->PutFile("m/weights", path, {.progress = count});
  ASSERT_TRUE(put.ok()) << put.message();
  EXPECT_EQ(seen, bytes.size());
  EXPECT_TRUE(rig.origin.Find("m/weights")->bytes == bytes);
  EXPECT_EQ(rig.origin.uploads(), 0U);
  EXPECT_EQ(
      (*writer)->PutFile("m/again", path, {.progress = [](auto, auto) { return false; }}).code(),
      base::StatusCode::kCancelled);
  EXPECT_FALSE(rig.origin.Find("m/again").has_value());
  const auto refuse = [&] {
    EXPECT_EQ(rig.origin.uploads(), 1U);
    EXPECT_FALSE(rig.origin.Find("m/again").has_value());
    return base::Unavailable("not yet");
  };
  EXPECT_EQ((*writer)->PutFile("m/again", path, {.before_visible = refuse}).message(), "not yet");
  EXPECT_FALSE(rig.origin.Find("m/again").has_value());
  EXPECT_EQ(rig.origin.uploads(), 0U);
}

TEST(S3Writer, BelievesNoAnswerBeforeItHasReadIt) {
  S3Rig rig;
  const base::SystemClock clock;
  const TempDirectory directory;
  directory.Write("weights", std::string(20'000'000, 'w'));
  auto writer = OpenS3Writer(rig.origin.url(), QuickOptions(), clock);
  ASSERT_TRUE(writer.ok());
  std::string aborted;
  rig.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    if (request.method == "DELETE") aborted = request.target;
    if (request.method != "POST" || request.query("uploadId").empty()) return;
    reply = S3Error(200, "InternalError");
  });
  const base::Status put =
      (*writer)->PutFile("m/weights", (directory.path() / "weights").string(), {});
  EXPECT_EQ(put.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(put.message(), HasSubstr("InternalError"));
  EXPECT_THAT(aborted, HasSubstr("uploadId="));
}

}  // namespace
}  // namespace hadron::storage::test
