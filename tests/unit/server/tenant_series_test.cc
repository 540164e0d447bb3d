#include "server/tenant_series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "unit/tenancy/scratch.h"

namespace hadron::server {
namespace {

using tenancy::Usage;
using tenancy::UsageRow;
using tenancy::WorkClass;
using testing::HasSubstr;
using testing::Not;

struct TenantSeriesTest : testing::Test {
  TenantSeriesTest() {
    metrics.AddSource([this](const telemetry::Metrics::Tell& tell) { series.Tell(tell); });
  }

  UsageRow Row(std::string tenant, std::string user, std::uint64_t requests,
               WorkClass work_class = WorkClass::kInteractive) {
    UsageRow row{{std::move(tenant), std::move(user), "digits", work_class}, {}};
    row.usage.requests = requests;
    row.usage.device_ns = 1'500'000'000 * requests;
    row.usage.queue_ns = 250'000'000 * requests;
    row.usage.bytes_in = 10 * requests;
    row.usage.bytes_out = 20 * requests;
    row.usage.refusals = {0, 0, requests, 0, 0};
    return row;
  }

  const base::SystemClock clock;
  const test::Scratch scratch;
  telemetry::Metrics metrics{{}, clock};
  TenantSeries series;
};

TEST_F(TenantSeriesTest, BeginAtZeroForWhoIsInTheTable) {
  scratch.Write("tenants.json", R"({"tenants": [{"name": "farm", "class": "batch"}]})");
  const auto tenants = tenancy::Tenants::Create(scratch.path("tenants.json"));
  ASSERT_TRUE(tenants.ok());
  EXPECT_THAT(metrics.Serialize(), Not(HasSubstr("hadron_tenant_")));
  series.Update(**tenants, {});
  const std::string text = metrics.Serialize();
  EXPECT_THAT(text, HasSubstr("hadron_tenant_requests_total{tenant=\"farm\",class=\"batch\"} 0\n"));
  EXPECT_THAT(
      text,
      HasSubstr("hadron_tenant_requests_total{tenant=\"default\",class=\"interactive\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("hadron_tenant_rejected_total{tenant=\"farm\",cause=\"quota\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("hadron_tenant_unknown_total 0\n"));
}

TEST_F(TenantSeriesTest, SumOverUsersAndModels) {
  tenancy::Tenants tenants;
  tenants.Identify({.tenant = "nobody-knows", .user = {}});
  const UsageRow rows[] = {Row("atlas", "ana", 1), Row("atlas", "bob", 2),
                           Row("atlas", "ana", 4, WorkClass::kBatch)};
  series.Update(tenants, rows);
  const std::string text = metrics.Serialize();
  const std::string interactive = "{tenant=\"atlas\",class=\"interactive\"} ";
  EXPECT_THAT(text, HasSubstr("hadron_tenant_requests_total" + interactive + "3\n"));
  EXPECT_THAT(text, HasSubstr("hadron_tenant_device_seconds_total" + interactive + "4.5\n"));
  EXPECT_THAT(text, HasSubstr("hadron_tenant_queue_seconds_total" + interactive + "0.75\n"));
  EXPECT_THAT(text, HasSubstr("hadron_tenant_received_bytes_total" + interactive + "30\n"));
  EXPECT_THAT(text, HasSubstr("hadron_tenant_sent_bytes_total" + interactive + "60\n"));
  EXPECT_THAT(text,
              HasSubstr("hadron_tenant_requests_total{tenant=\"atlas\",class=\"batch\"} 4\n"));
  EXPECT_THAT(text,
              HasSubstr("hadron_tenant_rejected_total{tenant=\"atlas\",cause=\"quota\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("hadron_tenant_unknown_total 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("ana")));
  EXPECT_THAT(text, Not(HasSubstr("digits")));
}

TEST_F(TenantSeriesTest, NobodyHasDeviceSecondsAlone) {
  UsageRow idle = Row("_idle", "", 0);
  idle.usage.device_ns = 7'000'000'000;
  series.Update(tenancy::Tenants(), {&idle, 1});
  const std::string text = metrics.Serialize();
  EXPECT_THAT(text,
              HasSubstr("hadron_tenant_device_seconds_total{tenant=\"_idle\",class=\"\"} 7\n"));
  EXPECT_THAT(text, Not(HasSubstr("hadron_tenant_requests_total{tenant=\"_idle\"")));
  EXPECT_THAT(text, Not(HasSubstr("hadron_tenant_rejected_total{tenant=\"_idle\"")));
}

}  // namespace
}  // namespace hadron::server
