#include "protocol/rest/router.h"

#include <gtest/gtest.h>

#include "net/url.h"

namespace hadron::protocol {
namespace {

struct Case {
  const char* path;
  Endpoint endpoint;
  const char* model = "";
  const char* version = "";
};

TEST(Router, FindsEveryPath) {
  const Case cases[] = {
      {"/v2", Endpoint::kServerMetadata},
      {"/v2/", Endpoint::kServerMetadata},
      {"/v2?x=1", Endpoint::kServerMetadata},
      {"/v2/health/live", Endpoint::kLive},
      {"/v2/health/ready", Endpoint::kReady},
      {"/v2/models/m", Endpoint::kModelMetadata, "m"},
      {"/v2/models/m/versions/3", Endpoint::kModelMetadata, "m", "3"},
      {"/v2/models/m/ready", Endpoint::kModelReady, "m"},
      {"/v2/models/m/versions/3/ready", Endpoint::kModelReady, "m", "3"},
      {"/v2/models/m/config", Endpoint::kModelConfig, "m"},
      {"/v2/models/m/versions/3/config", Endpoint::kModelConfig, "m", "3"},
      {"/v2/models/m/stats", Endpoint::kStatistics, "m"},
      {"/v2/models/m/versions/3/stats", Endpoint::kStatistics, "m", "3"},
      {"/v2/models/stats", Endpoint::kStatistics},
      {"/v2/models/stats/ready", Endpoint::kModelReady, "stats"},
      {"/v2/models/m/infer", Endpoint::kInfer, "m"},
      {"/v2/models/m/versions/99999999999999999999/infer", Endpoint::kInfer, "m",
       "99999999999999999999"},
      {"/v2/models/a%20%C3%A9%2Fb/infer", Endpoint::kInfer, "a \xC3\xA9/b"},
      {"/v2/models/versions/infer", Endpoint::kInfer, "versions"},
      {"/v2/models/m/generate", Endpoint::kGenerate, "m"},
      {"/v2/models/m/versions/1/generate_stream", Endpoint::kGenerate, "m", "1"},
      {"/v2/repository/index", Endpoint::kIndex},
      {"/v2/repository/models/m/load", Endpoint::kLoad, "m"},
      {"/v2/repository/models/m/unload", Endpoint::kUnload, "m"},
      {"/v2/repository/r/index", Endpoint::kNamedRepository},
      {"/v2/repository/r/models/m/load", Endpoint::kNamedRepository, "m"},
      {"/v2/repository/r/models/m/unload", Endpoint::kNamedRepository, "m"},
      {"/v2/logging", Endpoint::kLogging},
      {"/v2/trace/setting", Endpoint::kTrace},
      {"/v2/models/m/trace/setting", Endpoint::kTrace, "m"},
      {"/v2/systemsharedmemory/status", Endpoint::kSystemMemoryStatus},
      {"/v2/systemsharedmemory/region/r/status", Endpoint::kSystemMemoryStatus},
      {"/v2/systemsharedmemory/region/r/register", Endpoint::kSystemMemoryChange},
      {"/v2/systemsharedmemory/unregister", Endpoint::kSystemMemoryChange},
      {"/v2/cudasharedmemory/status", Endpoint::kCudaMemoryStatus},
      {"/v2/cudasharedmemory/region/r/register", Endpoint::kCudaMemoryChange},
      {"/v2/cudasharedmemory/region/r/unregister", Endpoint::kCudaMemoryChange},
      {"/v2/hadron/status", Endpoint::kServerStatus},
      {"/v2/hadron/account", Endpoint::kAccount},
      {"/v2/hadron/models/a%2Fb/explain", Endpoint::kExplain, "a/b"},
      {"/v2/hadron/models/m/pin", Endpoint::kPin, "m"},
      {"/v2/hadron/models/m/unpin", Endpoint::kUnpin, "m"},
      {"/v2/hadron/models/m/evict", Endpoint::kEvict, "m"},
  };
  for (const Case& c : cases) {
    const auto target = net::ParseRequestTarget(c.path);
    ASSERT_TRUE(target) << c.path;
    const Route route = MatchRoute(target->segments);
    EXPECT_EQ(static_cast<int>(route.endpoint), static_cast<int>(c.endpoint)) << c.path;
    EXPECT_EQ(route.model, c.model) << c.path;
    EXPECT_EQ(route.version, c.version) << c.path;
  }
}

TEST(Router, KnowsNoOtherPath) {
  for (const char* path : {"/",
                           "/v2/hadron",
                           "/v2/hadron/models/m",
                           "/v2/hadron/models/explain",
                           "/v2/hadron/status/x",
                           "/v2/hadron/models/m/explain/x",
                           "/v1",
                           "/V2",
                           "/v2/Health/live",
                           "/v2/health",
                           "/v2/health/live/x",
                           "/v2/models",
                           "/v2/models/m/versions/abc",
                           "/v2/models/m/versions/abc/infer",
                           "/v2/models/m/versions/-1",
                           "/v2/models/m/versions",
                           "/v2/models/m/x",
                           "/v2/models/m/infer/x",
                           "/v2/models/m/versions/1/trace/setting",
                           "/v2/repository",
                           "/v2/repository/models/m",
                           "/v2/repository/models/m/reload",
                           "/v2/repository/a/b/c/d",
                           "/v2/repository/index/x",
                           "/v2/logging/x",
                           "/v2/systemsharedmemory/register",
                           "/v2/x",
                           "/metrics"}) {
    const auto target = net::ParseRequestTarget(path);
    ASSERT_TRUE(target) << path;
    EXPECT_EQ(static_cast<int>(MatchRoute(target->segments).endpoint),
              static_cast<int>(Endpoint::kNone))
        << path;
  }
}

TEST(Router, AllowsTheVerbsOfAnEndpoint) {
  EXPECT_TRUE(Allows(Verbs::kGet, "GET"));
  EXPECT_TRUE(Allows(Verbs::kGet, "HEAD"));
  EXPECT_FALSE(Allows(Verbs::kGet, "POST"));
  EXPECT_FALSE(Allows(Verbs::kGet, "get"));
  EXPECT_TRUE(Allows(Verbs::kPost, "POST"));
  EXPECT_FALSE(Allows(Verbs::kPost, "GET"));
  EXPECT_TRUE(Allows(Verbs::kGetAndPost, "POST"));
  EXPECT_FALSE(Allows(Verbs::kGetAndPost, "DELETE"));
  EXPECT_EQ(AllowedMethods(Verbs::kPost), "POST");
}

}  // namespace
}  // namespace hadron::protocol
