#include "telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include "base/strings.h"

namespace hadron::telemetry {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Fixture {
  base::SystemClock clock;
  Metrics metrics{{}, clock};
};

TEST(Metrics, ShowsTheCountersOfAModelFromTheBeginning) {
  Fixture f;
  f.metrics.AddModel("digits", 1);
  const std::string text = f.metrics.Serialize();
  for (const char* line :
       {"nv_inference_request_success{model=\"digits\",version=\"1\"} 0\n",
        "nv_inference_request_failure{model=\"digits\",version=\"1\",reason=\"REJECTED\"} 0\n",
        "nv_inference_request_failure{model=\"digits\",version=\"1\",reason=\"CANCELED\"} 0\n",
        "nv_inference_request_failure{model=\"digits\",version=\"1\",reason=\"BACKEND\"} 0\n",
        "nv_inference_request_failure{model=\"digits\",version=\"1\",reason=\"OTHER\"} 0\n",
        "nv_inference_count{model=\"digits\",version=\"1\"} 0\n",
        "nv_inference_exec_count{model=\"digits\",version=\"1\"} 0\n",
        "nv_inference_queue_duration_us{model=\"digits\",version=\"1\"} 0\n",
        "nv_inference_pending_request_count{model=\"digits\",version=\"1\"} 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("hadron_request_duration_seconds")));
  EXPECT_THAT(text, Not(HasSubstr("hadron_batch_size")));
}

TEST(Metrics, WritesWholeMicrosecondsTruncated) {
  Fixture f;
  auto model = f.metrics.AddModel("m", 3);
  model->request_ns.Add(1999);
  model->request_ns.Add(999'999'999'999);
  model->queue_ns.Add(999);
  const std::string text = f.metrics.Serialize();
  EXPECT_THAT(text, HasSubstr("nv_inference_request_duration_us{model=\"m\",version=\"3\"} "
                              "1000000001\n"));
  EXPECT_THAT(text, HasSubstr("nv_inference_queue_duration_us{model=\"m\",version=\"3\"} 0\n"));
}

TEST(Metrics, AddingAModelAgainKeepsItsSeries) {
  Fixture f;
  f.metrics.AddModel("m", 1)->success.Add(5);
  EXPECT_EQ(f.metrics.AddModel("m", 1)->success.value(), 5U);
  EXPECT_EQ(f.metrics.FindModel("m", 1)->success.value(), 5U);
  EXPECT_EQ(f.metrics.FindModel("m", 2), nullptr);
  EXPECT_EQ(f.metrics.FindModel("n", 1), nullptr);
}

TEST(Metrics, RemovedSeriesVanishAndMayStillBeCountedInto) {
  Fixture f;
  auto model = f.metrics.AddModel("m", 1);
  f.metrics.AddModel("m", 2);
  f.metrics.RemoveModel("m", 1);
  f.metrics.RemoveModel("unknown", 1);
  model->success.Add();
  model->ObserveBatch(3);
  const std::string text = f.metrics.Serialize();
  EXPECT_THAT(text, Not(HasSubstr("version=\"1\"")));
  EXPECT_THAT(text, HasSubstr("version=\"2\""));
  f.metrics.RemoveModel("m", 2);
  EXPECT_THAT(f.metrics.Serialize(), Not(HasSubstr("model=\"m\"")));
}

TEST(Metrics, HistogramsAppearWithTheFirstRequest) {
  Fixture f;
  auto model = f.metrics.AddModel("m", 1);
  model->ObserveRequest(Protocol::kRest, base::StatusCode::kOk, 0.003);
  model->ObserveRequest(Protocol::kGrpc, base::StatusCode::kInvalidArgument, 31);
  model->ObserveBatch(8);
  const std::string text = f.metrics.Serialize();
  const std::string labels = R"(model="m",version="1",protocol="rest",code="OK")";
  EXPECT_THAT(text, HasSubstr("hadron_request_duration_seconds_count{" + labels + "} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("hadron_request_duration_seconds_bucket{" + labels + ",le=\"0.002\"} 0\n"));
  EXPECT_THAT(text,
              HasSubstr("hadron_request_duration_seconds_bucket{" + labels + ",le=\"+Inf\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(R"(protocol="grpc",code="INVALID_ARGUMENT",le="30"} 0)"));
  EXPECT_THAT(text, HasSubstr("hadron_batch_size_bucket{model=\"m\",le=\"8\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hadron_batch_size_bucket{model=\"m\",le=\"4\"} 0\n"));
}

TEST(Metrics, WaitsOfAllVersionsAreOneHistogram) {
  Fixture f;
  f.metrics.AddModel("idle", 1);
  auto one = f.metrics.AddModel("m", 1);
  auto two = f.metrics.AddModel("m", 2);
  one->ObserveWait(Wait::kResidency, 0.5);
  two->ObserveWait(Wait::kResidency, 2);
  two->ObserveWait(Wait::kQueue, 0.25);
  const std::string text = f.metrics.Serialize();
  EXPECT_THAT(text, HasSubstr("hadron_residency_wait_seconds_count{model=\"m\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("hadron_residency_wait_seconds_sum{model=\"m\"} 2.5\n"));
  EXPECT_THAT(text, HasSubstr("hadron_residency_wait_seconds_bucket{model=\"m\",le=\"1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hadron_queue_duration_seconds_count{model=\"m\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("_seconds_count{model=\"idle\"}")));
}

TEST(Metrics, CountsOfLoadsOutliveTheVersion) {
  Fixture f;
  const auto loads = f.metrics.Loads("m");
  EXPECT_EQ(f.metrics.Loads("m"), loads);
  EXPECT_FALSE(loads->Remember(1));
  EXPECT_TRUE(loads->Remember(1));
  EXPECT_FALSE(loads->Remember(2));
  auto model = f.metrics.AddModel("m", 1);
  loads->CountLoad(LoadSource::kObjectStore);
  loads->CountLoad(LoadSource::kDisk);
  loads->CountLoad(LoadSource::kDisk);
  loads->CountFailure(LoadFailure::kRepository);
  model->ObserveRestore(LoadSource::kHost, 0.01);
  const std::string loads_total = R"(hadron_model_loads_total{model="m",source=)";
  EXPECT_THAT(f.metrics.Serialize(), HasSubstr(loads_total + "\"host\"} 1\n"));
  f.metrics.RemoveModel("m", 1);
  const std::string text = f.metrics.Serialize();
  EXPECT_THAT(text, HasSubstr(loads_total + "\"disk\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(loads_total + "\"object_store\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("\"local\"")));
  const std::string failures = R"(hadron_load_failures_total{model="m",cause=)";
  EXPECT_THAT(text, HasSubstr(failures + "\"repository\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(failures + "\"memory\"} 0\n"));
}

TEST(Metrics, ShowsOneStateOfAVersion) {
  Fixture f;
  f.metrics.AddModel("m", 1)->SetState("READY");
  const std::string text = f.metrics.Serialize();
  EXPECT_THAT(text, HasSubstr(R"(hadron_model_state{model="m",version="1",state="READY"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(hadron_model_state{model="m",version="1",state="LOADING"} 0)"));
}

TEST(Metrics, SampledSeriesAreAskedAtEachScrape) {
  Fixture f;
  double value = 1;
  f.metrics.AddSampled("hadron_connections", {{"protocol", "http"}}, [&] { return value; });
  EXPECT_THAT(f.metrics.Serialize(), HasSubstr("hadron_connections{protocol=\"http\"} 1\n"));
  value = 7;
  EXPECT_THAT(f.metrics.Serialize(), HasSubstr("hadron_connections{protocol=\"http\"} 7\n"));
}

TEST(Metrics, AsksSourcesAtEveryScrape) {
  Fixture f;
  int tenants = 1;
  f.metrics.AddSource([&](const Metrics::Tell& tell) {
    for (int i = 0; i < tenants; ++i) {
      const std::string name(1, static_cast<char>('a' + i));
      tell("hadron_tenant_requests_total", {{"tenant", name}, {"class", "batch"}}, 5 + i);
    }
  });
  EXPECT_THAT(f.metrics.Serialize(), Not(HasSubstr("tenant=\"b\"")));
  tenants = 2;
  const std::string text = f.metrics.Serialize();
  EXPECT_THAT(text, HasSubstr("# TYPE hadron_tenant_requests_total counter\n"));
  EXPECT_THAT(text, HasSubstr("hadron_tenant_requests_total{tenant=\"a\",class=\"batch\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("hadron_tenant_requests_total{tenant=\"b\",class=\"batch\"} 6\n"));
}

TEST(Metrics, ModelNamesCannotForgeLines) {
  Fixture f;
  f.metrics.AddModel("a\"} 1\nevil 2", 1);
  EXPECT_THAT(f.metrics.Serialize(), Not(HasSubstr("\nevil 2")));
}

TEST(Metrics, LeavesOutTheReferencesNamesWhenAsked) {
  base::SystemClock clock;
  Metrics metrics({.triton_names = false, .cpu = true}, clock);
  metrics.AddModel("m", 1);
  const std::string text = metrics.Serialize();
  EXPECT_THAT(text, Not(HasSubstr("nv_")));
  EXPECT_THAT(text, HasSubstr("hadron_model_state"));
}

TEST(Metrics, ShowsTheMachine) {
  Fixture f;
  const std::string text = f.metrics.Serialize();
  EXPECT_THAT(text, HasSubstr("nv_cpu_memory_total_bytes "));
  EXPECT_THAT(text, HasSubstr("process_start_time_seconds "));
  EXPECT_THAT(text, HasSubstr("hadron_inflight_request_seconds_total 0\n"));
}

/// Rows "| name | type | labels | help |" of docs/metrics.md.
std::set<std::string> DocumentedRows() {
  std::ifstream file(std::string(HADRON_SOURCE_DIR) + "/docs/metrics.md");
  std::set<std::string> rows;
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("| `")) rows.insert(line);
  }
  return rows;
}

std::string RowOf(const MetricDefinition& metric) {
  static constexpr const char* kTypes[] = {"counter", "gauge", "histogram"};
  std::ostringstream row;
  row << "| `" << metric.name << "` | " << kTypes[static_cast<int>(metric.type)] << " | "
      << metric.labels << (metric.labels.empty() ? "|" : " |") << " " << metric.help << " |";
  return row.str();
}

TEST(MetricTable, IsWhatTheManualSays) {
  std::set<std::string> table;
  for (const MetricDefinition& metric : MetricTable()) table.insert(RowOf(metric));
  EXPECT_EQ(table, DocumentedRows());
  EXPECT_EQ(table.size(), MetricTable().size()) << "a name stands twice";
}

}  // namespace
}  // namespace hadron::telemetry
