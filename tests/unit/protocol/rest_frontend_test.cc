#include "protocol/rest_frontend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/log.h"
#include "unit/net/raw_client.h"

namespace hadron::protocol {
namespace {

using net::RawClient;
using net::RawResponse;
using testing::HasSubstr;

/// A started frontend that knows no models yet.
struct Rest {
  explicit Rest(AccessRules access = AccessRules(AdminAccess::kLoopback)) {
    RestFrontend::Options options;
    options.http.address = "127.0.0.1";
    options.access = std::move(access);
    auto made = RestFrontend::Create(options, {&state, &clock, nullptr});
    EXPECT_TRUE(made.ok());
    frontend = std::move(made).value();
    EXPECT_TRUE(frontend->Bind().ok());
    frontend->Start();
  }
  RawResponse Ask(const std::string& method, const std::string& path, const std::string& body = "",
                  const std::string& headers = "") {
    RawClient client(frontend->port());
    client.Send(method + " " + path + " HTTP/1.1\r\nHost: here\r\n" + headers +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return client.Read();
  }

  base::SystemClock clock;
  ServerState state{{"test", "1.2.3", {"classification", "statistics"}}, true};
  std::unique_ptr<RestFrontend> frontend;
};

TEST(RestFrontend, IsLiveBeforeItIsReady) {
  Rest rest;
  const RawResponse live = rest.Ask("GET", "/v2/health/live");
  EXPECT_EQ(live.status, 200);
  EXPECT_EQ(live.body, R"({"live":true})");
  EXPECT_THAT(live.head, HasSubstr("Content-Type: application/json"));
  const RawResponse ready = rest.Ask("GET", "/v2/health/ready");
  EXPECT_EQ(ready.status, 400);
  EXPECT_EQ(ready.body, "");
  for (const char* path :
       {"/v2/models/m", "/v2/models/m/ready", "/v2/models/m/config", "/v2/models/stats"}) {
    EXPECT_EQ(rest.Ask("GET", path).status, 503) << path;
  }
  EXPECT_EQ(rest.Ask("POST", "/v2/models/m/infer", "{}").status, 503);
  EXPECT_EQ(rest.Ask("POST", "/v2/repository/index").status, 503);
}

TEST(RestFrontend, DescribesTheServer) {
  Rest rest;
  EXPECT_EQ(rest.Ask("GET", "/v2").body,
            R"({"name":"test","version":"1.2.3","extensions":["classification","statistics"]})");
  EXPECT_EQ(rest.Ask("GET", "/v2/").status, 200);
}

TEST(RestFrontend, AnswersWhatItDoesNotServe) {
  Rest rest;
  const struct {
    const char* method;
    const char* path;
    int status;
    const char* fragment;
  } rows[] = {
      {"GET", "/", 404, "Not Found"},
      {"GET", "/v2/nothing", 404, "Not Found"},
      {"GET", "/v2/models/m/versions/abc", 404, "Not Found"},
      {"POST", "/v2", 405, "Method Not Allowed"},
      {"DELETE", "/v2/models/m", 405, "Method Not Allowed"},
      {"GET", "/v2/models/m/infer", 405, "Method Not Allowed"},
      {"POST", "/v2/models/m/generate", 501, "not supported"},
      {"POST", "/v2/models/m/generate_stream", 501, "not supported"},
      {"POST", "/v2/cudasharedmemory/region/r/register", 501, "not supported"},
      {"POST", "/v2/systemsharedmemory/region/r/register", 501, "Client shared memory is disabled"},
      {"POST", "/v2/repository/r/models/m/load", 501, "'repository_name' specification"},
      {"GET", "/v2/trace/setting", 501, "not supported"},
      {"GET", "/v2/systemsharedmemory/status", 200, "[]"},
      {"GET", "/v2/cudasharedmemory/region/r/status", 200, "[]"},
  };
  for (const auto& row : rows) {
    const RawResponse response = rest.Ask(row.method, row.path);
    EXPECT_EQ(response.status, row.status) << row.path;
    EXPECT_THAT(response.body, HasSubstr(row.fragment)) << row.path;
    EXPECT_THAT(response.head, HasSubstr("application/json")) << row.path;
  }
  EXPECT_THAT(rest.Ask("POST", "/v2").head, HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST(RestFrontend, DrainsInTwoSteps) {
  Rest rest;
  rest.state.BeginDrain();
  EXPECT_EQ(rest.Ask("GET", "/v2/health/ready").status, 503);
  EXPECT_EQ(rest.Ask("GET", "/v2/health/live").status, 200);
  rest.state.BeginExit();
  const RawResponse live = rest.Ask("GET", "/v2/health/live");
  EXPECT_EQ(live.status, 503);
  EXPECT_EQ(live.body, R"({"error":"Server exiting"})");
}

TEST(RestFrontend, RefusesBeforeTheBodyWhenAsked) {
  Rest rest;
  RawClient client(rest.frontend->port());
  client.Send("POST /v2/nothing HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n");
  EXPECT_EQ(client.Read().status, 404);
  EXPECT_EQ(client.interim(), 0);
}

TEST(RestFrontend, ReadsAndChangesLogSettings) {
  const base::LogOptions before = base::CurrentLogOptions();
  Rest rest;
  const RawResponse all = rest.Ask("GET", "/v2/logging");
  for (const char* key :
       {"log_file", "log_info", "log_warning", "log_error", "log_verbose_level", "log_format"}) {
    EXPECT_THAT(all.body, HasSubstr(std::string("\"") + key + "\":"));
  }
  const RawResponse set =
      rest.Ask("POST", "/v2/logging", R"({"log_verbose_level":3,"log_format":"ISO8601"})");
  EXPECT_EQ(set.status, 200);
  EXPECT_THAT(set.body, HasSubstr("\"log_verbose_level\":3,\"log_format\":\"ISO8601\""));
  EXPECT_EQ(rest.Ask("POST", "/v2/logging", R"({"log_format":"x"})").status, 400);
  EXPECT_THAT(rest.Ask("POST", "/v2/logging", R"({"log_format":"x"})").body,
              HasSubstr("invalid argument for --log_format"));
  EXPECT_EQ(rest.Ask("POST", "/v2/logging", R"({"log_file":"x"})").status, 501);
  EXPECT_EQ(rest.Ask("POST", "/v2/logging", R"({"log_info":1})").status, 400);
  EXPECT_EQ(rest.Ask("POST", "/v2/logging", R"({"x":1})").status, 400);
  EXPECT_EQ(rest.Ask("POST", "/v2/logging", "{}").status, 200);
  std::string error;
  base::ConfigureLog(before, &error);
}

TEST(RestFrontend, ChangesNeedAdminAccess) {
  Rest off(AccessRules(AdminAccess::kOff));
  const RawResponse refused = off.Ask("POST", "/v2/logging", "{}");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("--admin-access"));
  EXPECT_EQ(off.Ask("GET", "/v2/hadron/models/m/explain").status, 403);
  EXPECT_EQ(off.Ask("POST", "/v2/systemsharedmemory/region/r/register").status, 403);
  EXPECT_EQ(off.Ask("POST", "/v2/trace/setting").status, 403);
  EXPECT_EQ(off.Ask("GET", "/v2/trace/setting").status, 501);
  EXPECT_EQ(off.Ask("GET", "/v2/logging").status, 200);
  Rest loopback;
  EXPECT_EQ(loopback.Ask("POST", "/v2/logging", "{}").status, 200);
  EXPECT_EQ(loopback.Ask("POST", "/v2/logging", "{}", "Origin: http://here\r\n").status, 200);
  EXPECT_EQ(loopback.Ask("POST", "/v2/logging", "{}", "Origin: http://evil\r\n").status, 403);
  EXPECT_EQ(loopback.Ask("POST", "/v2/logging", "{}", "Sec-Fetch-Site: cross-site\r\n").status,
            403);
}

TEST(RestFrontend, RestrictedCallsNeedTheirHeader) {
  auto rules = AccessRules::Make(AccessRules::Door::kRest, AdminAccess::kOff,
                                 std::vector<std::string>{"logging,health:x-key=open sesame"});
  ASSERT_TRUE(rules.ok());
  Rest rest(*std::move(rules));
  const std::string key = "X-Key: open sesame\r\n";
  const RawResponse refused = rest.Ask("GET", "/v2/logging");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.body, R"({"error":"This API is restricted, expecting header 'x-key'"})");
  EXPECT_EQ(rest.Ask("GET", "/v2/logging", "", "X-Key: open\r\n").status, 403);
  EXPECT_EQ(rest.Ask("GET", "/v2/logging", "", key).status, 200);
  EXPECT_EQ(rest.Ask("POST", "/v2/logging", "{}", key).status, 200);  // whatever --admin-access is
  EXPECT_EQ(rest.Ask("POST", "/v2/logging", "{}", key + "Origin: http://evil\r\n").status, 403);
  EXPECT_EQ(rest.Ask("GET", "/v2/health/live").status, 403);
  EXPECT_EQ(rest.Ask("GET", "/v2").status, 200);
  EXPECT_THAT(rest.Ask("POST", "/v2/repository/models/m/load", "", key).body,
              HasSubstr("--admin-access"));
  // Refused before the body is read where the client asks for that.
  RawClient client(rest.frontend->port());
  client.Send("POST /v2/logging HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");
  EXPECT_EQ(client.Read().status, 403);
  EXPECT_EQ(client.interim(), 0);
}

TEST(RestFrontend, SaysHowTheServerIsBeforeItKnowsModels) {
  Rest rest;
  const RawResponse status = rest.Ask("GET", "/v2/hadron/status");
  EXPECT_EQ(status.status, 200);
  EXPECT_THAT(status.body, HasSubstr(R"("version":"1.2.3","name":"test","draining":false)"));
  EXPECT_THAT(status.body, HasSubstr(R"("ready":false)"));
  const std::size_t tag = status.head.find("W/\"");
  ASSERT_NE(tag, std::string::npos);
  const std::string header = "If-None-Match: " + status.head.substr(tag, 20) + "\r\n";
  const RawResponse same = rest.Ask("GET", "/v2/hadron/status", "", header);
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  rest.state.BeginDrain();
  EXPECT_THAT(rest.Ask("GET", "/v2/hadron/status", "", header).body,
              HasSubstr("\"draining\":true"));
  EXPECT_EQ(rest.Ask("GET", "/v2/hadron/models/m/explain").status, 503);
}

TEST(MetricsFrontend, ServesOnePath) {
  base::SystemClock clock;
  telemetry::Metrics metrics({}, clock);
  net::HttpServerOptions options;
  options.address = "127.0.0.1";
  auto frontend = MetricsFrontend::Create(options, metrics);
  ASSERT_TRUE(frontend.ok());
  ASSERT_TRUE((*frontend)->Bind().ok());
  (*frontend)->Start();
  RawClient client((*frontend)->port());
  client.Send("GET /metrics HTTP/1.1\r\n\r\n");
  const RawResponse text = client.Read();
  EXPECT_EQ(text.status, 200);
  EXPECT_THAT(text.head, HasSubstr("Content-Type: text/plain; charset=utf-8"));
  EXPECT_THAT(text.body, HasSubstr("hadron_inflight_requests 0"));
  client.Send("POST /metrics HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.Read().status, 405);
  client.Send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.Read().status, 404);
}

}  // namespace
}  // namespace hadron::protocol
