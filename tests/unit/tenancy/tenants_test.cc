#include "tenancy/tenants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tenancy/tenants_file.h"
#include "unit/tenancy/scratch.h"

namespace hadron::tenancy {
namespace {

using testing::HasSubstr;

constexpr const char* kTwo =
    R"({"tenants": [{"name": "atlas", "weight": 3, "class": "batch"}, {"name": "cms"}]})";

TEST(TenantsFile, ReadsEverySetting) {
  const auto parsed = ParseTenants("t.json", R"({"tenants": [{
      "name": "atlas", "weight": 2.5, "class": "batch", "max_outstanding": 64,
      "max_queued_bytes": 1048576, "max_requests_per_second": 0.5,
      "max_device_seconds": {"seconds": 10, "window_seconds": 60},
      "max_resident_bytes": 8589934592, "pledge": 3600}]})");
  ASSERT_TRUE(parsed.ok()) << parsed.message();
  ASSERT_EQ(parsed->size(), 1U);
  EXPECT_EQ(parsed->front().first, "atlas");
  const TenantSettings& settings = parsed->front().second;
  EXPECT_EQ(settings.weight, 2.5);
  EXPECT_EQ(settings.default_class, WorkClass::kBatch);
  EXPECT_EQ(settings.max_outstanding, 64U);
  EXPECT_EQ(settings.max_queued_bytes, 1048576U);
  EXPECT_EQ(settings.max_requests_per_second, 0.5);
  EXPECT_EQ(settings.max_device_seconds, 10);
  EXPECT_EQ(settings.window, std::chrono::seconds(60));
  EXPECT_EQ(settings.max_resident_bytes, std::uint64_t{8} << 30U);
  EXPECT_EQ(settings.pledge, 3600);
}

struct BadFile {
  const char* text;
  const char* complaint;
};
const BadFile kBadFiles[] = {
    {"", "parse error"},
    {"{", "line 1"},
    {"[]", "expected {\"tenants\": [...]} and nothing else"},
    {"{}", "expected {\"tenants\": [...]}"},
    {R"({"tenants": [], "more": 1})", "nothing else"},
    {R"({"tenants": {}})", "expected {\"tenants\": [...]}"},
    {R"({"tenants": [1]})", "tenants[0]: expected an object"},
    {R"({"tenants": [{"weight": 1}]})", "needs a \"name\""},
    {R"({"tenants": [{"name": 7}]})", "needs a \"name\""},
    {R"({"tenants": [{"name": ""}]})", "cannot be a name"},
    {R"({"tenants": [{"name": "a b"}]})", "cannot be a name"},
    {R"({"tenants": [{"name": "_idle"}]})", "begin with '_'"},
    {R"({"tenants": [{"name": "a"}, {"name": "a"}]})", "tenants[1]: 'a' stands there already"},
    {R"({"tenants": [{"name": "a", "wieght": 1}]})",
     "'a': unknown key \"wieght\"; known are: name, "},
    {R"({"tenants": [{"name": "a", "weight": 1, "weight": 2}]})", "\"weight\" stands twice"},
    {R"({"tenants": [{"name": "a", "weight": 0}]})", "'weight': 0 is not between"},
    {R"({"tenants": [{"name": "a", "weight": -1}]})", "'weight': -1 is not between"},
    {R"({"tenants": [{"name": "a", "weight": "1"}]})", "'weight': expected a number"},
    {R"({"tenants": [{"name": "a", "weight": 1e999}]})", "number overflow"},
    {R"({"tenants": [{"name": "a", "class": "urgent"}]})", "expected \"interactive\" or \"batch\""},
    {R"({"tenants": [{"name": "a", "class": 1}]})", "expected \"interactive\" or \"batch\""},
    {R"({"tenants": [{"name": "a", "max_outstanding": -1}]})", "expected a whole number"},
    {R"({"tenants": [{"name": "a", "max_outstanding": 1.5}]})", "expected a whole number"},
    {R"({"tenants": [{"name": "a", "max_queued_bytes": "1G"}]})", "expected a whole number"},
    {R"({"tenants": [{"name": "a", "max_resident_bytes": "1G"}]})", "expected a whole number"},
    {R"({"tenants": [{"name": "a", "max_device_seconds": 5}]})", "expected {\"seconds\""},
    {R"({"tenants": [{"name": "a", "max_device_seconds": {"seconds": 5}}]})", "window_seconds"},
    {R"({"tenants": [{"name": "a", "max_device_seconds": {"seconds": 5, "window_seconds": 0}}]})",
     "'window_seconds': 0 is not between"},
    {R"({"tenants": [{"name": "a", "max_device_seconds": {"seconds": -5, "window_seconds": 9}}]})",
     "'seconds': -5 is not between"},
    {R"({"tenants": [{"name": "a", "pledge": null}]})", "'pledge': expected a number"},
    {R"({"tenants": [{"name": "a", "pledge": [[[[[[]]]]]]}]})", "nested too deeply"},
    {"{\"tenants\": [{\"name\": \"\xff\"}]}", "UTF-8"},
};

TEST(TenantsFile, RefusesMistakesByPlaceAndRemedy) {
  for (const BadFile& bad : kBadFiles) {
    const auto parsed = ParseTenants("t.json", bad.text);
    ASSERT_FALSE(parsed.ok()) << bad.text;
    EXPECT_EQ(parsed.code(), base::StatusCode::kInvalidArgument);
    EXPECT_THAT(parsed.message(), HasSubstr("--tenant-config=t.json: "));
    EXPECT_THAT(parsed.message(), HasSubstr(bad.complaint)) << bad.text;
  }
}

TEST(TenantsFile, FollowsNoDepthAndNoNumberOfTenants) {
  EXPECT_FALSE(ParseTenants("t.json", std::string(1 << 20, '[')).ok());
  std::string many = R"({"tenants": [)";
  for (std::size_t i = 0; i <= kMaxTenants; ++i) {
    many += (i > 0 ? ",{\"name\":\"t" : "{\"name\":\"t") + std::to_string(i) + "\"}";
  }
  EXPECT_THAT(ParseTenants("t.json", many + "]}").message(), HasSubstr("at most 10000"));
}

TEST(Tenants, ThereIsAlwaysTheDefault) {
  Tenants tenants;
  EXPECT_EQ(tenants.default_tenant().name(), "default");
  ASSERT_EQ(tenants.List().size(), 1U);
  EXPECT_EQ(tenants.Identify({}).tenant, &tenants.default_tenant());
  EXPECT_EQ(tenants.unknown(), 0U);
}

TEST(Tenants, TellsWhoAsks) {
  const test::Scratch scratch;
  scratch.Write("t.json", kTwo);
  auto made = Tenants::Create(scratch.path("t.json"));
  ASSERT_TRUE(made.ok()) << made.message();
  Tenants& tenants = **made;
  const Identity atlas = tenants.Identify({"atlas", "maria"});
  EXPECT_EQ(atlas.tenant->name(), "atlas");
  EXPECT_EQ(atlas.tenant->weight(), 3);
  EXPECT_EQ(atlas.tenant->default_class(), WorkClass::kBatch);
  EXPECT_EQ(atlas.user, "maria");
  for (const std::string_view stranger : {"Atlas", "nobody", "_idle", "a b", "\xff"}) {
    EXPECT_EQ(tenants.Identify({stranger, ""}).tenant, &tenants.default_tenant()) << stranger;
  }
  EXPECT_EQ(tenants.Identify({std::string(65, 'a'), ""}).tenant, &tenants.default_tenant());
  EXPECT_EQ(tenants.unknown(), 6U);
  EXPECT_EQ(tenants.List().size(), 3U);
  EXPECT_EQ(tenants.Find("nobody"), nullptr);
}

TEST(Tenants, TakesNoUserThatCouldForgeAnAccount) {
  Tenants tenants;
  for (const std::string_view user : {"_others", "a\nb", "\xc3\xbc", "\x7f"}) {
    EXPECT_EQ(tenants.Identify({"", user}).user, "") << user;
  }
  EXPECT_EQ(tenants.Identify({"", std::string(129, 'a')}).user, "");
  EXPECT_EQ(tenants.Identify({"", "CN=Maria, O=CERN"}).user, "CN=Maria, O=CERN");
}

TEST(Tenants, TheFileConfiguresTheDefault) {
  const test::Scratch scratch;
  scratch.Write("t.json", R"({"tenants": [{"name": "default", "weight": 0.5}]})");
  auto tenants = Tenants::Create(scratch.path("t.json"));
  ASSERT_TRUE(tenants.ok());
  EXPECT_EQ((*tenants)->default_tenant().weight(), 0.5);
  EXPECT_EQ((*tenants)->List().size(), 1U);
}

TEST(Tenants, AChangedFileIsReadAgain) {
  const test::Scratch scratch;
  scratch.Write("t.json", kTwo);
  auto made = Tenants::Create(scratch.path("t.json"));
  ASSERT_TRUE(made.ok());
  Tenants& tenants = **made;
  Tenant* const atlas = tenants.Find("atlas");
  auto hold = atlas->Admit(7, {}, {});
  ASSERT_TRUE(tenants.Reload().ok());
  scratch.Write("new", R"({"tenants": [{"name": "lhcb", "weight": 9}]})");
  std::filesystem::rename(scratch.path("new"), scratch.path("t.json"));
  ASSERT_TRUE(tenants.Reload().ok());
  EXPECT_EQ(tenants.Find("atlas"), nullptr);
  EXPECT_EQ(tenants.Identify({"atlas", ""}).tenant, &tenants.default_tenant());
  EXPECT_EQ(tenants.Find("lhcb")->weight(), 9);
  EXPECT_EQ(atlas->outstanding(), 1U);  // who is on the way stays who he is
  scratch.Write("newer", R"({"tenants": [{"name": "atlas", "weight": 4}]})");
  std::filesystem::rename(scratch.path("newer"), scratch.path("t.json"));
  ASSERT_TRUE(tenants.Reload().ok());
  EXPECT_EQ(tenants.Find("atlas"), atlas);
  EXPECT_EQ(atlas->weight(), 4);
}

TEST(Tenants, ABadFileIsRefusedWholeAndOnce) {
  const test::Scratch scratch;
  scratch.Write("t.json", kTwo);
  auto made = Tenants::Create(scratch.path("t.json"));
  ASSERT_TRUE(made.ok());
  Tenants& tenants = **made;
  scratch.Write("t.json", R"({"tenants": [{"name": "cms", "weight": 7}, {"name": "x", "y": 1}]})");
  EXPECT_THAT(tenants.Reload().message(), HasSubstr("unknown key"));
  EXPECT_TRUE(tenants.Reload().ok());
  EXPECT_EQ(tenants.Find("cms")->weight(), 1);
  EXPECT_NE(tenants.Find("atlas"), nullptr);
  std::filesystem::remove(scratch.path("t.json"));
  EXPECT_THAT(tenants.Reload().message(), HasSubstr("name a readable file"));
  EXPECT_TRUE(tenants.Reload().ok());
  scratch.Write("t.json", R"({"tenants": []})");
  EXPECT_TRUE(tenants.Reload().ok());
  EXPECT_EQ(tenants.Find("cms"), nullptr);
}

TEST(Tenants, OnlyAFileOfBoundedSizeIsRead) {
  const test::Scratch scratch;
  EXPECT_THAT(Tenants::Create(scratch.path()).message(), HasSubstr("is not a file"));
  EXPECT_THAT(Tenants::Create(scratch.path("none")).message(), HasSubstr("No such file"));
  scratch.Write("big", std::string(kMaxTenantsFileBytes + 1, ' '));
  EXPECT_THAT(Tenants::Create(scratch.path("big")).message(), HasSubstr("is larger than 1.0 MiB"));
  ASSERT_EQ(mkfifo(scratch.path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(Tenants::Create(scratch.path("pipe")).message(), HasSubstr("is not a file"));
}

}  // namespace
}  // namespace hadron::tenancy
