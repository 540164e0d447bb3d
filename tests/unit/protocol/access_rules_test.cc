#include "protocol/access_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "protocol/rest/endpoint_kind.h"

namespace hadron::protocol {
namespace {

using testing::HasSubstr;
using testing::Not;

using Fields = std::map<std::string, std::string, std::less<>>;

class FakeHeaders final : public CallHeaders {
 public:
  explicit FakeHeaders(Fields entries) : entries_(std::move(entries)) {}
  std::optional<std::string_view> Find(std::string_view name) const override {
    const auto at = entries_.find(name);
    if (at == entries_.end()) return std::nullopt;
    return std::string_view(at->second);
  }

 private:
  const Fields entries_;
};

AccessRules Rules(AdminAccess admin, const std::vector<std::string>& settings,
                  AccessRules::Door door = AccessRules::Door::kRest) {
  auto rules = AccessRules::Make(door, admin, settings);
  EXPECT_TRUE(rules.ok()) << rules.CloneStatus().message();
  return rules.ok() ? *std::move(rules) : AccessRules();
}

TEST(AdminAccess, Table) {
  const struct {
    AdminAccess access;
    bool local;
    bool allowed;
  } rows[] = {{AdminAccess::kLoopback, true, true}, {AdminAccess::kLoopback, false, false},
              {AdminAccess::kOpen, true, true},     {AdminAccess::kOpen, false, true},
              {AdminAccess::kOff, true, false},     {AdminAccess::kOff, false, false}};
  for (const auto& row : rows) {
    const base::Status status = CheckAdminAccess(row.access, row.local);
    EXPECT_EQ(status.ok(), row.allowed);
    if (row.allowed) continue;
    EXPECT_EQ(status.code(), base::StatusCode::kPermissionDenied);
    EXPECT_NE(status.message().find("--admin-access"), std::string::npos);
  }
}

TEST(IsLocalPeer, KnowsTheNamesOfGrpc) {
  for (const char* peer : {"ipv4:127.0.0.1:80", "ipv4:127.9.9.9:1", "ipv6:[::1]:80",
                           "ipv6:%5B::1%5D:80", "ipv6:[::ffff:127.0.0.1]:80", "unix:/run/x"}) {
    EXPECT_TRUE(IsLocalPeer(peer)) << peer;
  }
  for (const char* peer : {"", "ipv4:128.0.0.1:80", "ipv4:1.127.0.0:80", "ipv6:[::2]:80",
                           "ipv6:[::11]:80", "ipv6:[::ffff:10.0.0.1]:80", "x"}) {
    EXPECT_FALSE(IsLocalPeer(peer)) << peer;
  }
}

TEST(AccessRules, HeadersDecideWhereAGroupIsRestricted) {
  const AccessRules rules = Rules(
      AdminAccess::kLoopback, {"model-repository, statistics:X-Key=right", "admin:x-admin=a=b:c"});
  constexpr CallKind kIndex{ApiGroup::kModelRepository};
  constexpr CallKind kLoad{ApiGroup::kModelRepository, true};
  constexpr CallKind kSetLog{ApiGroup::kLogging, true};
  constexpr CallKind kInfer{ApiGroup::kInference};
  const struct {
    CallKind call;
    bool local;
    Fields headers;
    const char* missing;  ///< null: the call passes
  } rows[] = {
      {kInfer, false, {}, nullptr},
      {kIndex, true, {}, "'x-key'"},
      {kIndex, true, {{"x-key", "wrong"}}, "'x-key'"},
      {kIndex, true, {{"x-key", "righ"}}, "'x-key'"},
      {kIndex, true, {{"x-key", "rightright"}}, "'x-key'"},
      {kIndex, true, {{"x-key", ""}}, "'x-key'"},
      {kIndex, false, {{"x-key", "right"}}, nullptr},
      {kLoad, true, {{"x-key", "right"}}, "'x-admin'"},
      {kLoad, true, {{"x-admin", "a=b:c"}}, "'x-key'"},
      {kLoad, false, {{"x-key", "right"}, {"x-admin", "a=b:c"}}, nullptr},
      {kSetLog, true, {}, "'x-admin'"},
      {kSetLog, false, {{"x-admin", "a=b:c"}}, nullptr},
  };
  for (const auto& row : rows) {
    const base::Status status = rules.Check(row.call, row.local, FakeHeaders(row.headers));
    const auto index = &row - rows;
    EXPECT_EQ(status.ok(), row.missing == nullptr) << "row " << index << ": " << status.message();
    if (row.missing == nullptr) continue;
    EXPECT_EQ(status.code(), base::StatusCode::kPermissionDenied);
    EXPECT_THAT(status.message(),
                HasSubstr(std::string("This API is restricted, expecting header ") + row.missing));
    EXPECT_THAT(status.message(), Not(HasSubstr("right")));
  }
}

TEST(AccessRules, AHeaderOpensWhatAdminAccessHasShut) {
  const AccessRules rules = Rules(AdminAccess::kOff, {"model-repository:k=v"});
  const FakeHeaders right(Fields{{"k", "v"}});
  EXPECT_TRUE(rules.Check({ApiGroup::kModelRepository, true}, false, right).ok());
  // Of another group: the header says nothing about it.
  const base::Status other = rules.Check({ApiGroup::kLogging, true}, true, right);
  EXPECT_THAT(other.message(), HasSubstr("--admin-access"));
}

TEST(AccessRules, TheGrpcDoorSpeaksAsTheReferenceDoes) {
  const AccessRules rules =
      Rules(AdminAccess::kLoopback, {"inference:Key=v"}, AccessRules::Door::kGrpc);
  const base::Status status =
      rules.Check({ApiGroup::kInference}, true, FakeHeaders(Fields{{"key", "v"}}));
  EXPECT_EQ(status.code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(),
            "This protocol is restricted, expecting header 'triton-grpc-protocol-key'");
  const FakeHeaders right(Fields{{"triton-grpc-protocol-key", "v"}});
  EXPECT_TRUE(rules.Check({ApiGroup::kInference}, true, right).ok());
}

TEST(AccessRules, RefusesSettingsThatItCannotKeep) {
  const struct {
    std::vector<std::string> settings;
    const char* fragment;
  } rows[] = {
      {{"health"}, "expected <group>"},
      {{"health:header"}, "expected <group>"},
      {{"health:header="}, "expected <group>"},
      {{"health=x:y"}, "expected <group>"},
      {{"health:=S3CR3T"}, "'' is no name of a header"},
      {{"health:a b=S3CR3T"}, "'a b' is no name"},
      {{":h=S3CR3T"}, "no group ''"},
      {{"helth:h=S3CR3T"}, "no group 'helth'"},
      {{"health,:h=S3CR3T"}, "no group ''"},
      {{"health,health:h=S3CR3T"}, "more than once"},
      {{"health:h=S3CR3T", "trace,health:i=S3CR3T"}, "more than once"},
  };
  for (const auto& row : rows) {
    const auto rules =
        AccessRules::Make(AccessRules::Door::kRest, AdminAccess::kLoopback, row.settings);
    ASSERT_FALSE(rules.ok()) << row.settings[0];
    const base::Status status = rules.CloneStatus();
    EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("--http-restricted-api: "));
    EXPECT_THAT(status.message(), HasSubstr(row.fragment));
    EXPECT_THAT(status.message(), Not(HasSubstr("S3CR3T")));
  }
}

TEST(IsCrossSite, Table) {
  using Field = std::optional<std::string_view>;
  const struct {
    Field fetch_site;
    Field origin;
    Field host;
    bool cross;
  } rows[] = {
      {{}, {}, "h:8000", false},
      {{}, {}, {}, false},
      {"same-origin", "http://h:8000", "h:8000", false},
      {{}, "https://h:8000", "h:8000", false},
      {"cross-site", {}, "h:8000", true},
      {"cross-site", "http://h:8000", "h:8000", true},
      {{}, "http://h", "h:8000", true},
      {{}, "http://h:8000.evil", "h:8000", true},
      {{}, "http://evil", "h:8000", true},
      {{}, "null", "h:8000", true},
      {{}, "", "h:8000", true},
      {{}, "http://", {}, true},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(IsCrossSite(row.fetch_site, row.origin, row.host), row.cross)
        << row.origin.value_or("none") << " at " << row.host.value_or("none");
  }
}

TEST(KindOf, GuardsWhatChangesThings) {
  const std::set<Endpoint> always = {Endpoint::kLoad,
                                     Endpoint::kUnload,
                                     Endpoint::kSystemMemoryChange,
                                     Endpoint::kCudaMemoryChange,
                                     Endpoint::kExplain,
                                     Endpoint::kPlan,
                                     Endpoint::kAccount,
                                     Endpoint::kPin,
                                     Endpoint::kUnpin,
                                     Endpoint::kEvict};
  const std::set<Endpoint> when_posted = {Endpoint::kLogging, Endpoint::kTrace};
  for (int i = 0; i <= static_cast<int>(Endpoint::kEvict); ++i) {
    const auto endpoint = static_cast<Endpoint>(i);
    EXPECT_EQ(KindOf(endpoint, "GET").guarded, always.contains(endpoint)) << i;
    EXPECT_EQ(KindOf(endpoint, "POST").guarded,
              always.contains(endpoint) || when_posted.contains(endpoint))
        << i;
  }
  EXPECT_EQ(KindOf(Endpoint::kInfer, "POST").group, ApiGroup::kInference);
  EXPECT_EQ(KindOf(Endpoint::kEvict, "POST").group, ApiGroup::kModelRepository);
  EXPECT_EQ(KindOf(Endpoint::kServerStatus, "GET").group, ApiGroup::kStatistics);
}

}  // namespace
}  // namespace hadron::protocol
