#include "bench/goals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace hadron::bench {
namespace {

using testing::HasSubstr;

constexpr Quietness kQuiet{2, 0.5};

Ratio RatioWith(const std::vector<double>& rounds, const std::string& metric = "time") {
  return {"what", "peer", rounds, {}, {}, metric};
}

TEST(Goals, AreReadFromJson) {
  const auto goals = ParseGoals(
      R"({"goals":[{"case":"c","ratio":"a * | p | time","op":"<=","goal":1.15},
                   {"case":"d","ratio":"r","op":">=","goal":0.98},
                   {"case":"d","ratio":"s","op":"==","goal":0}]})");
  ASSERT_TRUE(goals.ok()) << goals.message();
  ASSERT_EQ(goals->size(), 3U);
  EXPECT_EQ((*goals)[0].ToString(), "<= 1.15");
  EXPECT_EQ((*goals)[0].ratio, "a * | p | time");
  EXPECT_EQ((*goals)[1].ToString(), ">= 0.98");
  EXPECT_EQ((*goals)[2].ToString(), "== 0");
}

TEST(Goals, SayWhichOneIsWrong) {
  const std::string good = R"({"case":"c","ratio":"r","op":"<=","goal":1},)";
  const struct {
    std::string text;
    const char* part;
  } rows[] = {
      {"", "goal 0"},
      {"[]", "goal 0"},
      {R"({"goals":[)" + good + R"({"case":"c","ratio":"r","op":"<","goal":1}]})", "goal 1: '<'"},
      {R"({"goals":[)" + good + R"({"case":"c","ratio":"r","op":"<="}]})", "goal 1"},
      {R"({"goals":[{"case":1,"ratio":"r","op":"<=","goal":1}]})", "goal 0"},
      {R"({"goals":[{"case":"c","ratio":"r","op":"<=","goal":"1"}]})", "goal 0"},
  };
  for (const auto& row : rows) {
    const auto goals = ParseGoals(row.text);
    EXPECT_EQ(goals.code(), base::StatusCode::kInvalidArgument) << row.text;
    EXPECT_THAT(goals.message(), HasSubstr(row.part)) << row.text;
  }
}

TEST(Goals, StarStandsForAnyText) {
  const struct {
    const char* pattern;
    const char* text;
    bool matches;
  } rows[] = {
      {"a", "a", true},     {"a", "b", false},          {"a", "ab", false},  {"*", "", true},
      {"*", "abc", true},   {"a*c", "abbc", true},      {"a*c", "ac", true}, {"a*c", "abcd", false},
      {"*ab", "aab", true}, {"a*b*c", "axbxbxc", true}, {"", "", true},      {"", "a", false},
      {"a**", "a", true},   {"*a*", "bbb", false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(Matches(row.pattern, row.text), row.matches) << row.pattern << " " << row.text;
  }
}

TEST(Judge, PassesFailsOrLetsTheMedianDecide) {
  const struct {
    std::vector<double> rounds;
    CheckStatus status;
    bool mixed;
  } rows[] = {
      {{1.0, 1.1, 1.15}, CheckStatus::kPass, false},
      {{1.16, 1.2, 1.3}, CheckStatus::kFail, false},
      {{1.1, 1.14, 1.2}, CheckStatus::kPass, true},
      {{1.1, 1.16, 1.2}, CheckStatus::kFail, true},
      {{1.0, 1.1, 1.4}, CheckStatus::kInconclusive, true},  // spread
      {{1.2, 1.5, 1.8}, CheckStatus::kInconclusive, false},
      {{}, CheckStatus::kInconclusive, false},
  };
  const std::vector<Goal> goals = {{"c", "what | peer | time", Goal::Op::kAtMost, 1.15}};
  for (const auto& row : rows) {
    const auto checks = Judge(goals, "c", {RatioWith(row.rounds)}, kQuiet);
    ASSERT_EQ(checks.size(), 1U);
    EXPECT_EQ(checks[0].status, row.status) << testing::PrintToString(row.rounds);
    EXPECT_EQ(checks[0].mixed, row.mixed) << testing::PrintToString(row.rounds);
  }
}

TEST(Judge, BelievesNoTimesOfABusyMachineButItsCounts) {
  const Quietness busy{2, 1.5};
  EXPECT_THAT(NoiseOf(RatioWith({1}), busy), HasSubstr("load 1.5"));
  EXPECT_EQ(NoiseOf(RatioWith({1}), kQuiet), "");
  EXPECT_EQ(NoiseOf(RatioWith({1}, "loads"), busy), "");
  EXPECT_EQ(NoiseOf(RatioWith({1}, "cpu"), busy), "");
  EXPECT_THAT(NoiseOf(RatioWith({1, 2}, "cpu"), busy), HasSubstr("spread"));
  EXPECT_EQ(NoiseOf(RatioWith({0, 0}, "failed_requests"), busy), "");
  Ratio doubtful = RatioWith({1}, "loads");
  doubtful.doubt = "generator bound";
  EXPECT_EQ(NoiseOf(doubtful, kQuiet), "generator bound");
}

TEST(Judge, SaysWhichGoalsTheRunHasNoRatioFor) {
  const std::vector<Goal> goals = {{"c", "what*", Goal::Op::kAtLeast, 1},
                                   {"c", "gone | *", Goal::Op::kAtLeast, 1},
                                   {"other", "*", Goal::Op::kAtLeast, 1}};
  const auto checks = Judge(goals, "c", {RatioWith({2}), RatioWith({3}, "cpu")}, kQuiet);
  ASSERT_EQ(checks.size(), 3U);
  EXPECT_EQ(checks[0].ratio, "what | peer | time");
  EXPECT_EQ(checks[1].ratio, "what | peer | cpu");
  EXPECT_EQ(checks[1].status, CheckStatus::kPass);
  EXPECT_EQ(checks[2].status, CheckStatus::kSkipped);
  EXPECT_EQ(checks[2].ratio, "gone | *");
}

/// Names as profile `quick` gives them: a goal that none of them has would never be checked.
TEST(Goals, OfTheProjectAllMeanARatio) {
  const struct {
    const char* case_name;
    const char* ratio;
  } names[] = {
      {"account", "8 tenants | device busy | attributed_time"},
      {"account", "8 tenants, accounts kept | not kept | cpu"},
      {"batch", "mlp-8, single rows | best static batch | goodput"},
      {"batch", "mlp-8, single rows with deadlines | best static batch | goodput"},
      {"burst", "load 0.7, variation 1 | accepted | promises_kept"},
      {"churn", "500 cycles | nothing | device_bytes_left"},
      {"churn", "500 cycles | nothing | failed_requests"},
      {"cold", "512 MiB at 100 MB/s | bytes / rate | time_to_answer"},
      {"cold", "512 MiB at 100 MB/s, 2nd start | 1st start | time_to_answer"},
      {"cold", "100 models in the catalogue | a second | time_to_live"},
      {"density", "1000 tiny models | idle second | cpu_share"},
      {"engine", "resnet50 batch 1 | ONNX Runtime 1.31.1 | time"},
      {"engine", "mobilenet_v2 batch 1 | ONNX Runtime 1.31.1 | time"},
      {"engine", "gan_convtranspose batch 1 | ONNX Runtime 1.31.1 | time"},
      {"engine", "gan_conv3d batch 1 | ONNX Runtime 1.31.1 | time"},
      {"engine", "encoder_post batch 1 | ONNX Runtime 1.31.1 | time"},
      {"engine", "encoder_pre batch 1 | ONNX Runtime 1.31.1 | time"},
      {"engine", "unet batch 1 | ONNX Runtime 1.31.1 | time"},
      {"exact", "digits, rows that differ | alone | count"},
      {"family", "100 variants of 32 MiB | distinct bytes | device_bytes"},
      {"mixed", "resnet50 beside batches of mlp-128, less one bound | alone | p99"},
      {"mixed",
       "resnet50 beside batches of mlp-128, the other | 0.8 of its throughput alone | throughput"},
      {"neighbour", "resnet50 beside 256 of gan_conv3d, less one bound | alone | p99"},
      {"opencl", "matmul 1024x1024x1024 | oneDNN 2.6.3 | time"},
      {"opencl", "conv 3x3 64 at 56x56 | oneDNN 2.6.3 | time"},
      {"opencl", "resnet50 batch 1 | the native CPU executor | time"},
      {"opencl", "gan_convtranspose batch 1 | the native CPU executor | time"},
      {"opencl", "gan_conv3d batch 1 | the native CPU executor | time"},
      {"queue", "mlp-1, 1 outstanding | 80 us | p50_added"},
      {"queue", "mlp-1, dynamic batching | off | p50"},
      {"quota", "ten-fold demand, bytes on the device | allowed | admitted"},
      {"quota", "refusals over REST | a health call | time"},
      {"share", "two tenants, 3:1 | their weights | share_error"},
      {"share", "two tenants, 3:1 | longest jobs over weights | lag"},
      {"switch", "128 MiB, 320 rows, copy 4 x compute | max(copy, compute) | time"},
      {"switch", "128 MiB, 320 rows, copy 1 x compute | max(copy, compute) | time"},
      {"zoo", "product, spaced | clairvoyant | loads"},
      {"zoo", "product, 32 waiting | clairvoyant | loads"},
      {"zoo", "product, 128 waiting | clairvoyant | loads"},
      {"zoo", "open loop, load 0.7 | offered | completed"},
      {"zoo", "overload of 1.5 | its length | recovery"},
  };
  std::ifstream file(std::string(HADRON_SOURCE_DIR) + "/bench/goals.json");
  std::ostringstream text;
  text << file.rdbuf();
  const auto goals = ParseGoals(text.str());
  ASSERT_TRUE(goals.ok()) << goals.message();
  for (const Goal& goal : *goals) {
    const auto hits = std::ranges::count_if(names, [&](const auto& name) {
      return goal.case_name == name.case_name && Matches(goal.ratio, name.ratio);
    });
    EXPECT_EQ(hits, 1) << goal.case_name << ": " << goal.ratio;
  }
  for (const auto& name : names) {
    EXPECT_TRUE(std::ranges::any_of(*goals,
                                    [&](const Goal& goal) {
                                      return goal.case_name == name.case_name &&
                                             Matches(goal.ratio, name.ratio);
                                    }))
        << name.case_name << ": " << name.ratio;
  }
}

}  // namespace
}  // namespace hadron::bench
