#include "storage/s3/credential_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "storage/s3/profile.h"
#include "storage/s3/settings.h"
#include "unit/storage/s3_rig.h"
#include "unit/storage/temp_directory.h"

namespace hadron::storage::s3 {
namespace {

using hadron::test::HttpImposter;
using storage::test::ImposterReply;
using storage::test::ImposterRequest;
using storage::test::TempDirectory;
using storage::test::Variables;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

using Values = std::map<std::string, std::string>;

base::StatusOr<Settings> Resolve(const Values& values, const std::string& url = "s3://bucket/p",
                                 S3Options options = {}) {
  const auto location = ParseLocation(url);
  EXPECT_TRUE(location.ok());
  options.environment = Variables(values);
  return ResolveSettings(*location, options);
}

const Values kKeys = {{"AWS_ACCESS_KEY_ID", "AKENV"}, {"AWS_SECRET_ACCESS_KEY", "senv"}};

Values With(Values values, const Values& more) {
  values.insert(more.begin(), more.end());
  return values;
}

class Clock final : public base::Clock {
 public:
  base::TimePoint Now() const override { return {}; }
  std::int64_t WallMs() const override { return now; }
  std::atomic<std::int64_t> now{1'000'000};
};

TEST(Settings, TakeKeysFromTheEnvironment) {
  auto settings = Resolve(With(kKeys, {{"AWS_SESSION_TOKEN", "tok"}}));
  ASSERT_TRUE(settings.ok()) << settings.message();
  EXPECT_EQ(settings->credentials.keys->access_key, "AKENV");
  EXPECT_EQ(settings->credentials.keys->session_token.Reveal(), "tok");
  EXPECT_EQ(settings->region, "us-east-1");
  EXPECT_EQ(settings->endpoint, "");
  const auto half = Resolve({{"AWS_ACCESS_KEY_ID", "AKENV"}});
  EXPECT_EQ(half.code(), base::StatusCode::kInvalidArgument);
  EXPECT_THAT(half.message(), HasSubstr("the secret key is missing"));
}

TEST(Settings, PreferTheNarrowerVariable) {
  EXPECT_EQ(Resolve(With(kKeys, {{"AWS_REGION", "a"}, {"AWS_DEFAULT_REGION", "b"}}))->region, "a");
  const Values endpoints = {{"AWS_ENDPOINT_URL_S3", "http://one:1"},
                            {"AWS_ENDPOINT_URL", "http://two:2"}};
  EXPECT_EQ(Resolve(With(kKeys, endpoints))->endpoint, "http://one:1");
  EXPECT_EQ(Resolve(With(kKeys, endpoints), "s3://three:3/bucket")->endpoint, "http://three:3");
  EXPECT_EQ(Resolve(With(kKeys, With(endpoints, {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}})))
                ->endpoint,
            "");
  const auto kserve = Resolve(With(kKeys, {{"S3_ENDPOINT", "minio:9000"},
                                           {"S3_USE_HTTPS", "0"},
                                           {"S3_VERIFY_SSL", "0"},
                                           {"S3_USER_VIRTUAL_BUCKET", "1"},
                                           {"S3_MAX_ATTEMPTS", "7"},
                                           {"S3_READ_TIMEOUT", "2.5"}}));
  ASSERT_TRUE(kserve.ok()) << kserve.message();
  EXPECT_EQ(kserve->endpoint, "http://minio:9000");
  EXPECT_FALSE(kserve->verify_tls);
  EXPECT_EQ(kserve->addressing, Addressing::kVirtual);
  EXPECT_EQ(kserve->attempts, 7);
  EXPECT_EQ(kserve->stall_timeout, std::chrono::milliseconds(2500));
  EXPECT_THAT(Resolve(With(kKeys, {{"AWS_MAX_ATTEMPTS", "many"}})).message(),
              HasSubstr("AWS_MAX_ATTEMPTS=many"));
}

TEST(Settings, ReadTheFilesOfTheAwsTools) {
  const TempDirectory home;
  home.Write(".aws/credentials",
             "# keys\n[default]\naws_access_key_id = AKDEF\naws_secret_access_key=sdef\n"
             "[lab]\naws_access_key_id=AKLAB\naws_secret_access_key=slab\n");
  home.Write(".aws/config",
             "[default]\nregion = eu-central-1\n[profile lab]\nregion=lab-1\nservices = here\n"
             "[services here]\ns3 =\n  endpoint_url = http://s3.lab.local:7480\n"
             "[profile odd]\ncredential_process = /bin/keys\n");
  const Values base = {{"HOME", home.path().string()}};
  auto normal = Resolve(base);
  ASSERT_TRUE(normal.ok()) << normal.message();
  EXPECT_EQ(normal->credentials.keys->access_key, "AKDEF");
  EXPECT_EQ(normal->region, "eu-central-1");
  auto lab = Resolve(With(base, {{"AWS_PROFILE", "lab"}}));
  ASSERT_TRUE(lab.ok()) << lab.message();
  EXPECT_EQ(lab->credentials.keys->access_key, "AKLAB");
  EXPECT_EQ(lab->region, "lab-1");
  EXPECT_EQ(lab->endpoint, "http://s3.lab.local:7480");
  EXPECT_EQ(Resolve(With(base, kKeys))->credentials.keys->access_key, "AKENV");
  const auto odd = Resolve(With(base, {{"AWS_PROFILE", "odd"}}));
  EXPECT_EQ(odd.code(), base::StatusCode::kUnimplemented);
  EXPECT_THAT(odd.message(), HasSubstr("credential_process"));
  EXPECT_THAT(Resolve(With(base, {{"AWS_PROFILE", "none"}})).message(),
              HasSubstr("profile 'none' is neither in"));
  EXPECT_EQ(Resolve(With(kKeys, {{"AWS_CONFIG_FILE", "/nonexistent/config"}})).code(),
            base::StatusCode::kNotFound);
}

TEST(Settings, TakeTheLongestPrefixOfTheCloudFile) {
  const TempDirectory directory;
  directory.Write("cloud.json",
                  R"({"s3": {"": {"key_id": "AK0", "secret_key": "s0"},
                             "s3://bucket/p": {"key_id": "AK1", "secret_key": "s1",
                                               "region": "r1"},
                             "s3://bucket/p/deep": {"key_id": "AK2", "secret_key": "s2"}}})");
  const Values values =
      With(kKeys, {{"TRITON_CLOUD_CREDENTIAL_PATH", (directory.path() / "cloud.json").string()}});
  EXPECT_EQ(Resolve(values)->credentials.keys->access_key, "AK1");
  EXPECT_EQ(Resolve(values)->region, "r1");
  EXPECT_EQ(Resolve(values, "s3://other")->credentials.keys->access_key, "AK0");
  EXPECT_EQ(Resolve(values, "s3://bucket/p/deep/er")->credentials.keys->access_key, "AK2");
  for (const char* text : {"no json", "[]", R"({"s3": []})", R"({"s3": {"": 3}})",
                           R"({"s3": {"": {"key_id": 3}}})", R"({"s3": {"": {"key_id": "a"}}})"}) {
    directory.Write("cloud.json", text);
    const auto settings = Resolve(values);
    EXPECT_EQ(settings.code(), base::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(settings.message(), HasSubstr("TRITON_CLOUD_CREDENTIAL_PATH"));
  }
  directory.Write("cloud.json", R"({"gs": {}})");
  EXPECT_EQ(Resolve(values)->credentials.keys->access_key, "AKENV");
}

TEST(Settings, RefusePlainHttpForCredentialsOfContainers) {
  EXPECT_EQ(Resolve({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.org/creds"}}).code(),
            base::StatusCode::kInvalidArgument);
  const auto relative = Resolve({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/creds"}});
  EXPECT_EQ(relative->credentials.container->url, "http://169.254.170.2/v2/creds");
}

TEST(ParseTime, ReadsBothForms) {
  EXPECT_EQ(ParseIsoTime("2013-05-24T00:00:00Z"), 1'369'353'600'000);
  EXPECT_EQ(ParseIsoTime("2013-05-24T00:00:00.123Z"), 1'369'353'600'000);
  EXPECT_EQ(ParseHttpTime("Fri, 24 May 2013 00:00:00 GMT"), 1'369'353'600'000);
  EXPECT_EQ(ParseIsoTime("yesterday"), std::nullopt);
  EXPECT_EQ(ParseHttpTime(""), std::nullopt);
}

std::string Json(const std::string& key, const std::string& expiration) {
  return R"({"Code": "Success", "AccessKeyId": ")" + key +
         R"(", "SecretAccessKey": "hush", "Token": "tok", "Expiration": ")" + expiration + "\"}";
}

TEST(CredentialProvider, RenewsBeforeTheyExpireAndLivesOnWithoutTheService) {
  std::atomic<int> asked{0};
  std::atomic<bool> broken{false};
  const HttpImposter imposter([&](const ImposterRequest& request) {
    EXPECT_EQ(request.header("authorization"), "Bearer x");
    ++asked;
    if (broken) return ImposterReply{.status = 500, .body = "secret trace"};
    return ImposterReply{.body = Json("AK" + std::to_string(asked), "2013-05-24T00:00:00Z")};
  });
  Clock clock;
  constexpr std::int64_t kExpires = 1'369'353'600'000;
  clock.now = kExpires - 3'600'000;
  CredentialSource source;
  source.container = ContainerSource{imposter.url() + "/creds", "Bearer x", ""};
  source.origin = "the container";
  CredentialProvider provider(source, clock);
  EXPECT_EQ((*provider.Get())->access_key, "AK1");
  EXPECT_EQ((*provider.Get())->access_key, "AK1");
  EXPECT_EQ(asked, 1);
  clock.now = kExpires - 200'000;  // due
  broken = true;
  EXPECT_EQ((*provider.Get())->access_key, "AK1");
  EXPECT_EQ((*provider.Get())->access_key, "AK1");
  EXPECT_EQ(asked, 2);  // not at every request
  clock.now = kExpires + 1;
  const auto none = provider.Get();
  EXPECT_EQ(none.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(none.message(), HasSubstr("credentials from the container"));
  EXPECT_THAT(none.message(), Not(HasSubstr("secret trace")));
  broken = false;
  EXPECT_EQ((*provider.Get())->access_key, "AK4");
}

TEST(CredentialProvider, TakesARoleWithAToken) {
  const TempDirectory directory;
  directory.Write("token", "the.token\n");
  std::string form;
  const HttpImposter sts([&](const ImposterRequest& request) {
    form = request.body;
    EXPECT_EQ(request.header("authorization"), "");
    return ImposterReply{.body =
                             "<AssumeRoleWithWebIdentityResponse><"
                             "AssumeRoleWithWebIdentityResult><Credentials>"
                             "<AccessKeyId>AKSTS</AccessKeyId>"
                             "<SecretAccessKey>s</SecretAccessKey>"
                             "<SessionToken>t</SessionToken>"
                             "<Expiration>2033-05-24T00:00:00Z</Expiration></Credentials>"
                             "</AssumeRoleWithWebIdentityResult>"
                             "</AssumeRoleWithWebIdentityResponse>"};
  });
  const auto settings =
      Resolve({{"AWS_ROLE_ARN", "arn:aws:iam::1:role/r"},
               {"AWS_WEB_IDENTITY_TOKEN_FILE", (directory.path() / "token").string()},
               {"AWS_ENDPOINT_URL_STS", sts.url()}});
  ASSERT_TRUE(settings.ok()) << settings.message();
  Clock clock;
  CredentialProvider provider(settings->credentials, clock);
  const auto got = provider.Get();
  ASSERT_TRUE(got.ok()) << got.message();
  EXPECT_EQ((*got)->access_key, "AKSTS");
  EXPECT_EQ((*got)->session_token.Reveal(), "t");
  EXPECT_THAT(form, EndsWith("&WebIdentityToken=the.token"));
  EXPECT_THAT(form, HasSubstr("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"));
}

TEST(CredentialProvider, AsksTheMachineOnlyWhenTold) {
  const HttpImposter machine([](const ImposterRequest& request) {
    if (request.method == "PUT") return ImposterReply{.body = "session"};
    if (request.header("x-aws-ec2-metadata-token") != "session")
      return ImposterReply{.status = 401};
    if (request.target.ends_with("/security-credentials/")) return ImposterReply{.body = "role a"};
    EXPECT_TRUE(request.target.ends_with("/role%20a")) << request.target;
    return ImposterReply{.body = Json("AKEC2", "2033-05-24T00:00:00Z")};
  });
  const Values values = {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.url()}};
  EXPECT_EQ(Resolve(values).code(), base::StatusCode::kInvalidArgument);
  S3Options options;
  options.instance_credentials = true;
  const auto settings = Resolve(values, "s3://bucket", options);
  ASSERT_TRUE(settings.ok()) << settings.message();
  Clock clock;
  CredentialProvider provider(settings->credentials, clock);
  const auto got = provider.Get();
  ASSERT_TRUE(got.ok()) << got.message();
  EXPECT_EQ((*got)->access_key, "AKEC2");
  EXPECT_EQ((*got)->Hint(), "...KEC2");
}

TEST(CredentialProvider, RefusesAnswersWithoutCredentials) {
  for (const char* body :
       {"", "[]", "{}", R"({"Code": "Failed"})", R"({"AccessKeyId": "a", "SecretAccessKey": "b"})",
        R"({"AccessKeyId": 1, "SecretAccessKey": {}, "Expiration": "x"})"}) {
    const HttpImposter imposter(
        [&](const ImposterRequest&) { return ImposterReply{.body = body}; });
    Clock clock;
    CredentialSource source;
    source.container = ContainerSource{imposter.url(), "", ""};
    CredentialProvider provider(source, clock);
    EXPECT_EQ(provider.Get().code(), base::StatusCode::kUnavailable) << body;
  }
}

}  // namespace
}  // namespace hadron::storage::s3
