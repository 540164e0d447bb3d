#include "protocol/rest/hadron_account.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <semaphore>
#include <thread>

#include "base/executor.h"
#include "protocol/rest_frontend.h"
#include "unit/net/raw_client.h"

namespace hadron::protocol {
namespace {

using tenancy::Ledger;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::int64_t kNoon = 1'772'366'400'000;  // 2026-03-01T12:00:00Z

TEST(AccountQuestion, WithoutParametersIsEverythingByTenantAndModel) {
  const auto question = ParseAccountQuestion("");
  ASSERT_TRUE(question.ok());
  EXPECT_EQ(question->query.from_ms, 0);
  EXPECT_EQ(question->query.to_ms, INT64_MAX);
  EXPECT_TRUE(question->query.by_tenant && question->query.by_model);
  EXPECT_FALSE(question->query.by_user || question->query.by_class || question->csv);
}

TEST(AccountQuestion, ReadsTimesInAllTheirForms) {
  const struct {
    const char* text;
    std::int64_t ms;
  } rows[] = {{"1772366400", kNoon},
              {"1772366400.5", kNoon + 500},
              {"2026-03-01T12:00:00Z", kNoon},
              {"2026-03-01t12:00:00.2509z", kNoon + 250},
              {"2026-03-01T13:30:00+01:30", kNoon},
              {"2026-03-01T13:30:00%2B01:30", kNoon},
              {"2026-03-01T04%3A00%3A00-08:00", kNoon},
              {"2026-03-01%2012:00:00Z", kNoon},
              {"2026-03-01T11:59:60Z", kNoon},
              {"2026-03-01", kNoon - 12 * 3'600'000},
              {"1970-01-01T00:00:00Z", 0}};
  for (const auto& row : rows) {
    const auto question = ParseAccountQuestion(std::string("from=") + row.text);
    ASSERT_TRUE(question.ok()) << row.text;
    EXPECT_EQ(question->query.from_ms, row.ms) << row.text;
  }
}

TEST(AccountQuestion, ReadsKeysAndFormat) {
  const auto question = ParseAccountQuestion("by=class,user&format=csv&to=5&");
  ASSERT_TRUE(question.ok());
  EXPECT_FALSE(question->query.by_tenant || question->query.by_model);
  EXPECT_TRUE(question->query.by_user && question->query.by_class && question->csv);
  EXPECT_EQ(question->query.to_ms, 5000);
}

TEST(AccountQuestion, SaysWhatIsWrongAndHowItIsWritten) {
  const struct {
    const char* query;
    const char* parameter;
    const char* form;
  } rows[] = {{"from=yesterday", "'from'", "RFC 3339"},
              {"from=", "'from'", "seconds since the epoch"},
              {"from", "'from'", "RFC 3339"},
              {"to=-1", "'to'", "RFC 3339"},
              {"to=nan", "'to'", "RFC 3339"},
              {"to=1e300", "'to'", "RFC 3339"},
              {"to=99999999999999999999", "'to'", "RFC 3339"},
              {"to=2026-02-30", "'to'", "RFC 3339"},
              {"to=2026-03-01T12:00:00", "'to'", "RFC 3339"},
              {"to=2026-03-01T24:00:00Z", "'to'", "RFC 3339"},
              {"to=2026-03-01T12:00:00.Z", "'to'", "RFC 3339"},
              {"to=2026-03-01T12:00:00Zx", "'to'", "RFC 3339"},
              {"to=%zz", "'to'", "hexadecimal"},
              {"from=7&to=6", "'to'", "before 'from'"},
              {"by=", "'by'", "tenant, user, model, class"},
              {"by=tenant,%0acolour", "'by'", "\\x0acolour"},
              {"format=xml", "'format'", "json or csv"},
              {"until=6", "'until'", "from, to, by, format"}};
  for (const auto& row : rows) {
    auto question = ParseAccountQuestion(row.query);
    ASSERT_FALSE(question.ok()) << row.query;
    const base::Status status = std::move(question).status();
    EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument) << row.query;
    EXPECT_THAT(status.message(), HasSubstr(row.parameter)) << row.query;
    EXPECT_THAT(status.message(), HasSubstr(row.form)) << row.query;
  }
}

Ledger::Row RowOf(std::string tenant, std::string user, std::string model) {
  Ledger::Row row;
  row.key = {std::move(tenant), std::move(user), std::move(model), tenancy::WorkClass::kBatch};
  row.usage.requests = 3;
  row.usage.failures = 1;
  row.usage.rows = 24;
  row.usage.device_ns = 12'000'000'345;
  row.usage.bytes_in = 7;
  row.usage.loads = 2;
  row.usage.byte_seconds = {0, 0.5, 1073741824.25};
  row.usage.refusals[2] = 9;
  return row;
}

TEST(AccountAnswer, HasAColumnForEachKeyAskedForAndEachSum) {
  Ledger::Query query;
  query.by_model = false;
  query.by_class = true;
  const Ledger::Row rows[] = {RowOf("atlas", "", "")};
  EXPECT_EQ(AccountJson(query, rows),
            R"([{"tenant":"atlas","class":"batch","requests":3,"failures":1,"rows":24,)"
            R"("device_seconds":12.000000345,"queue_seconds":0.000000000,"received_bytes":7,)"
            R"("sent_bytes":0,"loads":2,"cached_byte_seconds":0.000,)"
            R"("compiled_byte_seconds":0.500,"resident_byte_seconds":1073741824.250,)"
            R"("refused_queue":0,"refused_deadline":0,"refused_quota":9,)"
            R"("refused_memory":0,"refused_draining":0}])");
  EXPECT_EQ(
      AccountCsv(query, rows),
      "tenant,class,requests,failures,rows,device_seconds,queue_seconds,received_bytes,"
      "sent_bytes,loads,cached_byte_seconds,compiled_byte_seconds,"
      "resident_byte_seconds,refused_queue,refused_deadline,refused_quota,refused_memory,"
      "refused_draining\r\n"
      "atlas,batch,3,1,24,12.000000345,0.000000000,7,0,2,0.000,0.500,1073741824.250,0,0,9,0,0\r\n");
  EXPECT_EQ(AccountJson(query, {}), "[]");
}

TEST(AccountAnswer, LetsNoNameBecomeMoreThanACell) {
  Ledger::Query query;
  query.by_user = true;
  const struct {
    const char* name;
    const char* cell;
  } rows[] = {{"plain", "plain"},
              {"a,b", "\"a,b\""},
              {"say \"x\"", "\"say \"\"x\"\"\""},
              {"two\nlines", "\"two\nlines\""},
              {"=SUM(A1)", "'=SUM(A1)"},
              {"+1", "'+1"},
              {"-1", "'-1"},
              {"@x", "'@x"},
              {"\tx", "'\tx"},
              {"=HYPERLINK(\"a\",1)", "\"'=HYPERLINK(\"\"a\"\",1)\""}};
  for (const auto& row : rows) {
    const Ledger::Row one[] = {RowOf("atlas", row.name, "digits")};
    const std::string csv = AccountCsv(query, one);
    const std::string line = csv.substr(csv.find("\r\n") + 2);
    EXPECT_THAT(line, StartsWith(std::string("atlas,") + row.cell + ",digits,3,"));
  }
}

/// Tells how many tasks have come.
class DiskThread final : public base::Executor {
 public:
  void Post(base::Task task) override {
    tasks_.Post(std::move(task));
    posted.release();
  }
  void Run() { tasks_.Run(); }
  void Stop() { tasks_.Stop(); }
  std::counting_semaphore<> posted{0};

 private:
  base::TaskQueue tasks_;
};

/// A frontend with a ledger, which is read when the test drains the queue.
struct AccountServer {
  AccountServer() {
    auto made = Ledger::Create({}, clock);
    EXPECT_TRUE(made.ok());
    ledger = std::move(made).value();
    tenancy::Usage usage;
    usage.requests = 2;
    ledger->Open({"atlas", {}, "digits"})->Add(usage);
    RestFrontend::Options options;
    options.http.address = "127.0.0.1";
    RestFrontend::Services services{&state, &clock, nullptr};
    services.ledger = ledger.get();
    services.disk = &disk;
    auto front = RestFrontend::Create(options, services);
    EXPECT_TRUE(front.ok());
    frontend = std::move(front).value();
    EXPECT_TRUE(frontend->Bind().ok());
    frontend->Start();
  }
  ~AccountServer() { disk.Stop(); }
  std::unique_ptr<net::RawClient> Ask(const std::string& query) const {
    auto client = std::make_unique<net::RawClient>(frontend->port());
    client->Send("GET /v2/hadron/account" + query + " HTTP/1.1\r\nHost: here\r\n\r\n");
    return client;
  }

  base::SystemClock clock;
  ServerState state{{"test", "1.2.3", {}}, true};
  std::unique_ptr<Ledger> ledger;
  DiskThread disk;
  std::unique_ptr<RestFrontend> frontend;
};

TEST(AccountEndpoint, AnswersFromTheThreadThatReadsTheDisk) {
  AccountServer server;
  auto json = server.Ask("");
  auto csv = server.Ask("?format=csv");
  std::jthread disk([&] { server.disk.Run(); });
  const net::RawResponse first = json->Read();
  EXPECT_EQ(first.status, 200);
  EXPECT_THAT(first.body, StartsWith(R"([{"tenant":"atlas","model":"digits","requests":2,)"));
  const net::RawResponse second = csv->Read();
  EXPECT_THAT(second.head, HasSubstr("text/csv"));
  EXPECT_THAT(second.body, HasSubstr("\r\natlas,digits,2,0,"));
  EXPECT_EQ(server.Ask("?by=colour")->Read().status, 400);
  server.disk.Stop();
}

TEST(AccountEndpoint, DoesNotLetQuestionsPileUp) {
  AccountServer server;
  std::vector<std::unique_ptr<net::RawClient>> asked;
  for (int i = 0; i < 8; ++i) asked.push_back(server.Ask(""));
  for (int i = 0; i < 8; ++i) server.disk.posted.acquire();
  const net::RawResponse beyond = server.Ask("")->Read();
  EXPECT_EQ(beyond.status, 503);
  EXPECT_THAT(beyond.body, HasSubstr("ask again"));
  std::jthread disk([&] { server.disk.Run(); });
  for (const auto& client : asked) EXPECT_EQ(client->Read().status, 200);
  EXPECT_EQ(server.Ask("")->Read().status, 200);
  server.disk.Stop();
}

}  // namespace
}  // namespace hadron::protocol
