#include "bench/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "bench/report.h"

namespace hadron::bench {
namespace {

using testing::HasSubstr;
using testing::Not;

RunReport Sample() {
  RunReport report;
  report.facts = {
      "2026-01-02T03:04:05Z", "abc123", true, "1.2.3", "Release, GNU 12", "quick", 7, 0, 12.5};
  report.machine = {"A CPU", 2, 8UL << 30U, "6.1", 0.25, 1.5};
  Ratio good{"switch 4 x", "max(copy, compute)", {1.1, 1.0, 1.2}, {11, 10, 12}, {10, 10, 10}};
  good.context = {{"compute_us", {5, 6}}};
  Ratio odd{"a | b", "c<d>", {0.5, 2.0}, {}, {}, "cpu", true};
  CaseReport c{"switch", {{good, odd}, {"a note"}}, {}, "", false};
  const std::vector<Goal> goals = {{"switch", "switch 4 x | *", Goal::Op::kAtMost, 1.15},
                                   {"switch", "nowhere", Goal::Op::kEqual, 0}};
  c.checks = Judge(goals, c.name, c.result.ratios, report.quietness());
  report.cases = {c};
  return report;
}

CaseReport Ended(const std::string& error, bool wrong_answer) {
  return {"ended", {}, {}, error, wrong_answer};
}

RunReport Checked(CheckStatus status) {
  RunReport report;
  report.cases = {{"c", {}, {{"r", {}, status, false, ""}}, "", false}};
  return report;
}

TEST(Results, SurviveJson) {
  const RunReport report = Sample();
  const std::string text = ToJson(report);
  const auto again = FromJson(text);
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_EQ(ToJson(*again), text);
  EXPECT_EQ(ReportTable(*again), ReportTable(report));
  EXPECT_EQ(ReportPlot(*again, again->cases[0]), ReportPlot(report, report.cases[0]));
}

TEST(Results, KeepWhatJsonCannotSpell) {
  RunReport report = Sample();
  report.cases = {Ended("bytes \xff that are no text", false)};
  EXPECT_TRUE(FromJson(ToJson(report)).ok());
}

TEST(Results, RefuseOtherFiles) {
  EXPECT_THAT(FromJson(R"({"schema":"other/9"})").message(), HasSubstr("other/9"));
  std::string cut = ToJson(Sample());
  cut.resize(cut.size() / 2);
  for (const std::string& bad : {std::string(), std::string("[]"), std::string("{}"), cut,
                                 std::string(R"({"schema":"hadron-bench/1"})"),
                                 std::string(R"({"schema":"hadron-bench/1","run":[]})")}) {
    EXPECT_EQ(FromJson(bad).code(), base::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(Results, VerdictAndExitCodeFollowTheWorst) {
  EXPECT_EQ(RunReport().verdict(), Verdict::kNone);
  EXPECT_EQ(ExitCode(RunReport()), 0);
  const struct {
    CheckStatus status;
    Verdict verdict;
    int code;
  } rows[] = {{CheckStatus::kPass, Verdict::kPass, 0},
              {CheckStatus::kFail, Verdict::kFail, 1},
              {CheckStatus::kInconclusive, Verdict::kInconclusive, 3},
              {CheckStatus::kSkipped, Verdict::kNone, 0}};
  for (const auto& row : rows) {
    RunReport report = Checked(row.status);
    EXPECT_EQ(report.verdict(), row.verdict);
    EXPECT_EQ(ExitCode(report), row.code);
    report.cases.push_back(Checked(CheckStatus::kInconclusive).cases[0]);
    EXPECT_EQ(ExitCode(report), row.code == 1 ? 1 : 3);
    report.cases.push_back(Ended("not there", false));
    EXPECT_EQ(ExitCode(report), 2);
    EXPECT_NE(report.verdict(), Verdict::kPass);
  }
  RunReport wrong = Checked(CheckStatus::kPass);
  wrong.cases.push_back(Ended("y[3] is 1 instead of 2", true));
  EXPECT_EQ(wrong.verdict(), Verdict::kFail);
  EXPECT_EQ(ExitCode(wrong), 1);
}

TEST(Report, TableShowsGoalsStatusAndContext) {
  const std::string table = ReportTable(Sample());
  EXPECT_THAT(table, HasSubstr("| switch | switch 4 x \\| max(copy, compute) \\| time | 1.100 | "
                               "1.000..1.200 | 3 | <= 1.15 | pass (mixed) |"));
  EXPECT_THAT(table,
              HasSubstr("| switch | a \\| b \\| c<d> \\| cpu | 1.250 | 0.500..2.000 | 2 |  | "
                        "inconclusive: spread 1.20 |"));
  EXPECT_THAT(table, HasSubstr("| switch | nowhere | | | 0 | == 0 | skipped: the run has no"));
  EXPECT_THAT(table, HasSubstr("| 11.0 | 10.0 | compute_us 5.5 |"));
  EXPECT_THAT(table, HasSubstr("- switch: a note"));
  EXPECT_THAT(table, HasSubstr("commit abc123 with changes"));
  EXPECT_THAT(table, HasSubstr("- verdict: pass"));
}

TEST(Report, TableShowsWhyACaseEnded) {
  RunReport report;
  report.cases = {Ended("no such\nprogram", false)};
  EXPECT_THAT(ReportTable(report), HasSubstr("| ended | | | | 0 | | error: no such program |"));
}

TEST(Report, PlotIsCaptionedAndEscaped) {
  const RunReport report = Sample();
  const std::string plot = ReportPlot(report, report.cases[0]);
  for (const char* part : {"<svg", "c&lt;d&gt;", "commit abc123 with changes", "3 rounds", "seed 7",
                           "A CPU, 2 cores", "goal &lt;= 1.15: pass", "</svg>"}) {
    EXPECT_THAT(plot, HasSubstr(part));
  }
  EXPECT_THAT(plot, Not(HasSubstr("nan")));
  EXPECT_THAT(plot, Not(HasSubstr("inf")));
  EXPECT_EQ(ReportPlot(report, Ended("x", false)), "");
}

TEST(Report, PlotShowsAZeroAtTheScalesEnd) {
  RunReport report = Sample();
  report.cases[0].result.ratios = {{"none", "nothing", {0}, {}, {}, "failed_requests"}};
  const std::string plot = ReportPlot(report, report.cases[0]);
  EXPECT_THAT(plot, Not(HasSubstr("nan")));
  EXPECT_THAT(plot, Not(HasSubstr("inf")));
}

}  // namespace
}  // namespace hadron::bench
