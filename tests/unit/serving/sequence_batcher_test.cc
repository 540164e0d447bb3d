// Every event of a sequence's life, one by one.
#include "serving/sequence_batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serving/dynamic_batcher.h"
#include "serving/held_scheduler.h"
#include "unit/serving/sequence_rig.h"

namespace hadron::serving {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::uint64_t kA = 11, kB = 12, kC = 13, kD = 14, kE = 15;
const std::string kDirect = "direct { }";
const std::string kOldest = "oldest { max_candidate_sequences: 2 }";

TEST(SequenceBatcher, RefusesWhatBelongsToNoSequence) {
  SequenceRig rig(kDirect);
  const auto refused = [&](const SequenceRig::What& what) {
    const base::Status status = rig.Add(what);
    EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument);
    return status.message();
  };
  EXPECT_EQ(refused({.flags = "S", .rows = 2}),
            "inference request to model 'm' must specify batch-size 1 due to requirements of "
            "sequence batcher");
  EXPECT_THAT(refused({.flags = "S", .rows = 0}), HasSubstr("must specify batch-size 1"));
  const std::string no_id =
      "inference request to model 'm' must specify a non-zero or non-empty correlation ID";
  EXPECT_EQ(refused({.id = std::uint64_t{0}, .flags = "S"}), no_id);
  EXPECT_EQ(refused({.id = std::string(), .flags = "S"}), no_id);
  EXPECT_EQ(refused({.id = kA}),
            "inference request for sequence 11 to model 'm' must specify the START flag on the "
            "first request of the sequence");
  EXPECT_THAT(refused({.id = std::string("a"), .flags = "S"}),
              HasSubstr("sequence_id a of a request to model 'm' is a string, but the model takes "
                        "numbers"));
  EXPECT_EQ(rig.batcher.queued(), 0U);
}

TEST(SequenceBatcher, KeepsASequenceOnItsRow) {
  SequenceRig rig(kDirect);
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S"}).ok());  // 0
  ASSERT_TRUE(rig.Add({.id = kB, .flags = "S"}).ok());  // 1
  ASSERT_TRUE(rig.Add({.id = kC, .flags = "S"}).ok());  // 2
  EXPECT_EQ(rig.RunToEnd(), "012");
  ASSERT_TRUE(rig.Add({.id = kC}).ok());  // 3
  EXPECT_EQ(rig.RunToEnd(), "--3");
  ASSERT_TRUE(rig.Add({.id = kB}).ok());  // 4
  ASSERT_TRUE(rig.Add({.id = kA}).ok());  // 5
  EXPECT_EQ(rig.RunToEnd(), "54");
}

TEST(SequenceBatcher, TakesOneRequestOfASequenceAtATime) {
  for (const std::string& strategy : {kDirect, kOldest}) {
    SequenceRig rig(strategy);
    for (const char* flags : {"S", "", "E"}) ASSERT_TRUE(rig.Add({.id = kA, .flags = flags}).ok());
    EXPECT_EQ(rig.Run(), "0");
    EXPECT_EQ(rig.Run(), "") << "the first one has not ended";
    rig.End();
    EXPECT_EQ(rig.RunToEnd(), "1");
    EXPECT_EQ(rig.RunToEnd(), "2");
    EXPECT_EQ(rig.RunToEnd(), "");
  }
}

TEST(SequenceBatcher, TellsTheModelWhereASequenceStands) {
  SequenceRig rig(kDirect);
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S"}).ok());
  ASSERT_TRUE(rig.Add({.id = kB, .flags = "SE"}).ok());
  rig.Run();
  struct Row {
    std::int32_t start, end, ready;
    std::uint64_t id;
  };
  const auto row = [&](std::size_t i) {
    const Pending& item = rig.running.back()[i];
    const auto id = base::AsArray<std::uint64_t>(SequenceRig::Added(item, "id").bytes.bytes())[0];
    return std::tuple(SequenceRig::Int(item, "start"), SequenceRig::Int(item, "end"),
                      SequenceRig::Int(item, "ready"), id);
  };
  EXPECT_EQ(row(0), std::tuple(7, 3, 7, kA));
  EXPECT_EQ(row(1), std::tuple(7, 7, 7, kB));
  EXPECT_EQ(SequenceRig::Added(rig.running.back()[0], "start").desc.shape, (tensor::Shape{1, 1}));
  rig.End();
  ASSERT_TRUE(rig.Add({.id = kC, .flags = "S"}).ok());  // on the row of B, which has ended
  EXPECT_EQ(rig.Run(), "-2");
  EXPECT_EQ(row(0), std::tuple(3, 3, 3, std::uint64_t{0}));
  EXPECT_EQ(row(1), std::tuple(7, 3, 7, kC));
  EXPECT_EQ(rig.running.back()[0].request.inputs[0].desc.shape, (tensor::Shape{1, 1}));
}

TEST(SequenceBatcher, CutsIdsToTheTypeOfTheInput) {
  SequenceRig numbers(kDirect, 4, "", "TYPE_INT32");
  ASSERT_TRUE(numbers.Add({.id = (std::uint64_t{5} << 32U) + 6, .flags = "S"}).ok());
  numbers.Run();
  EXPECT_EQ(SequenceRig::Int(numbers.running.back()[0], "id"), 6);
  SequenceRig strings(kOldest, 4, "", "TYPE_STRING");
  ASSERT_TRUE(strings.Add({.id = std::string("word"), .flags = "S"}).ok());
  strings.Run();
  const auto id =
      tensor::DecodeStrings(SequenceRig::Added(strings.running.back()[0], "id").bytes, 1);
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(*id, std::vector<std::string>{"word"});
  EXPECT_EQ(strings.Add({.id = kA, .flags = "S"}).code(), base::StatusCode::kInvalidArgument);
}

TEST(SequenceBatcher, HandsTheStateFromRequestToRequest) {
  for (const std::string& strategy : {kDirect, kOldest}) {
    SequenceRig rig(strategy);
    const auto state = [&](std::size_t row) {
      return SequenceRig::Float(rig.running.back()[row], "s");
    };
    ASSERT_TRUE(rig.Add({.id = kA, .flags = "S", .value = 5}).ok());
    ASSERT_TRUE(rig.Add({.id = kB, .flags = "S", .value = 70}).ok());
    rig.Run();
    EXPECT_EQ(state(0), 0);
    EXPECT_EQ(state(1), 0);
    rig.End();
    ASSERT_TRUE(rig.Add({.id = kA, .value = 1}).ok());
    ASSERT_TRUE(rig.Add({.id = kB, .value = 2}).ok());
    rig.Run();
    EXPECT_EQ(state(0), 5);
    EXPECT_EQ(state(1), 70);
    rig.End(/*ok=*/false);  // it made nothing of it
    ASSERT_TRUE(rig.Add({.id = kA, .value = 1}).ok());
    rig.Run();
    EXPECT_EQ(state(0), 5);
    rig.End();
    ASSERT_TRUE(rig.Add({.id = kA, .flags = "SE"}).ok());  // a new sequence
    rig.Run();
    EXPECT_EQ(state(0), 0);
  }
}

TEST(SequenceBatcher, PutsSequencesWithoutSlotIntoTheBacklog) {
  for (const std::string& strategy : {std::string("direct { }"), kOldest}) {
    SequenceRig rig(strategy, 2);
    ASSERT_TRUE(rig.Add({.id = kA, .flags = "S"}).ok());  // 0
    ASSERT_TRUE(rig.Add({.id = kB, .flags = "S"}).ok());  // 1
    ASSERT_TRUE(rig.Add({.id = kC, .flags = "S"}).ok());  // 2
    ASSERT_TRUE(rig.Add({.id = kD, .flags = "S"}).ok());  // 3
    ASSERT_TRUE(rig.Add({.id = kC, .flags = "E"}).ok());  // 4
    EXPECT_EQ(rig.batcher.backlog(), 2U);
    EXPECT_EQ(rig.RunToEnd(), "01");
    EXPECT_EQ(rig.RunToEnd(), "") << "nobody has left";
    ASSERT_TRUE(rig.Add({.id = kA, .flags = "E"}).ok());  // 5
    EXPECT_EQ(rig.Run(), "5");
    EXPECT_EQ(rig.batcher.backlog(), 2U) << "its END has not been executed";
    rig.End();
    EXPECT_EQ(rig.batcher.backlog(), 1U);
    EXPECT_EQ(rig.RunToEnd(), "2");
    EXPECT_EQ(rig.RunToEnd(), "4");
    EXPECT_EQ(rig.RunToEnd(), "3");
    EXPECT_EQ(rig.batcher.backlog(), 0U);
  }
}

TEST(SequenceBatcher, SpreadsSequencesOverInstances) {
  SequenceRig rig(kDirect, 2, " instance_group { count: 2 }");
  for (const std::uint64_t id : {kA, kB, kC, kD}) {
    ASSERT_TRUE(rig.Add({.id = id, .flags = "S"}).ok());
  }
  EXPECT_EQ(rig.batcher.backlog(), 0U);
  EXPECT_EQ(rig.Run(), "02");
  EXPECT_EQ(rig.Run(), "13") << "at the same time";
}

TEST(SequenceBatcher, BeginsALiveSequenceAnewInItsSlot) {
  SequenceRig rig(kDirect, 2);
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S"}).ok());              // 0
  ASSERT_TRUE(rig.Add({.id = kB, .flags = "S", .value = 9}).ok());  // 1
  ASSERT_TRUE(rig.Add({.id = kB}).ok());                            // 2
  ASSERT_TRUE(rig.Add({.id = kB, .flags = "S"}).ok());              // 3
  EXPECT_EQ(rig.RunToEnd(), "01");
  EXPECT_EQ(rig.RunToEnd(), "-2") << "the old one's requests run first";
  EXPECT_EQ(rig.Run(), "-3");
  EXPECT_EQ(SequenceRig::Float(rig.running.back()[1], "s"), 0);
  EXPECT_EQ(SequenceRig::Int(rig.running.back()[1], "start"), 7);
  EXPECT_EQ(rig.batcher.backlog(), 0U);
}

TEST(SequenceBatcher, ForgetsASequenceWhenItsEndComes) {
  SequenceRig rig(kDirect, 2);
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S"}).ok());             // 0
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "E"}).ok());             // 1
  EXPECT_THAT(rig.Add({.id = kA}).message(), HasSubstr("START"));  // 2
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S"}).ok());  // 3, another sequence on the other row
  EXPECT_EQ(rig.RunToEnd(), "03");
  EXPECT_EQ(rig.RunToEnd(), "1");
}

TEST(SequenceBatcher, RunsASequenceOfOneRequest) {
  SequenceRig rig(kDirect, 1);
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "SE"}).ok());
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "SE"}).ok());
  EXPECT_EQ(rig.RunToEnd(), "0");
  EXPECT_EQ(rig.RunToEnd(), "1");
  EXPECT_THAT(rig.Add({.id = kA}).message(), HasSubstr("START"));
}

TEST(SequenceBatcher, ReleasesIdleSequences) {
  SequenceRig rig("direct { } max_sequence_idle_microseconds: 500000", 1);
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S"}).ok());  // 0
  rig.RunToEnd();
  rig.clock.Advance(milliseconds(499));
  ASSERT_TRUE(rig.Add({.id = kA}).ok());  // 1
  rig.RunToEnd();
  ASSERT_TRUE(rig.Add({.id = kB, .flags = "S"}).ok());  // 2
  EXPECT_EQ(rig.Run(), "");
  ASSERT_TRUE(rig.wake_at.has_value());
  EXPECT_GT(*rig.wake_at, rig.clock.Now());
  EXPECT_LE(*rig.wake_at, rig.clock.Now() + milliseconds(500));
  rig.clock.Advance(milliseconds(500));
  EXPECT_EQ(rig.RunToEnd(), "2");
  EXPECT_THAT(rig.Add({.id = kA}).message(), HasSubstr("START"));
  EXPECT_TRUE(rig.ended.empty());
}

TEST(SequenceBatcher, KeepsWhatWaitsOrRunsHoweverLong) {
  SequenceRig rig(kDirect, 1);
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S"}).ok());  // 0
  ASSERT_TRUE(rig.Add({.id = kB, .flags = "S"}).ok());  // 1, in the backlog
  rig.clock.Advance(seconds(10));
  EXPECT_EQ(rig.Run(), "0");
  rig.clock.Advance(seconds(10));
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "E"}).ok());  // 2
  rig.End();
  EXPECT_EQ(rig.RunToEnd(), "2");
  EXPECT_EQ(rig.RunToEnd(), "1");
}

TEST(SequenceBatcher, RejectsASequenceWhoseTimeInTheBacklogIsOver) {
  SequenceRig rig(kDirect, 1);
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S", .timeout_us = 10}).ok());      // 0, has a slot
  ASSERT_TRUE(rig.Add({.id = kB, .flags = "S"}).ok());                        // 1
  ASSERT_TRUE(rig.Add({.id = kB, .timeout_us = 2000}).ok());                  // 2
  ASSERT_TRUE(rig.Add({.id = kC, .flags = "S", .timeout_us = 90'000}).ok());  // 3
  EXPECT_EQ(rig.batcher.Expire(rig.clock.Now()).wake_at, rig.clock.Now() + milliseconds(2));
  rig.clock.Advance(milliseconds(2));
  const Decision decision = rig.batcher.Expire(rig.clock.Now());
  ASSERT_EQ(decision.expired.size(), 2U);
  for (const auto& [pending, status] : decision.expired) {
    EXPECT_EQ(status.code(), base::StatusCode::kUnavailable);
    EXPECT_EQ(status.message(), "timeout of the corresponding sequence has been expired");
  }
  EXPECT_THAT(rig.Add({.id = kB}).message(), HasSubstr("START"));
  EXPECT_EQ(rig.RunToEnd(), "0") << "a sequence with a slot has time";
}

TEST(SequenceBatcher, PromisesABeginningOnlyInTheBacklog) {
  SequenceRig rig(kDirect, 1);
  Pending pending;
  pending.enqueued = rig.clock.Now();
  pending.request.timeout_us = 7;
  pending.request.parameters["sequence_id"] = kA;
  pending.request.parameters["sequence_start"] = true;
  EXPECT_EQ(rig.batcher.MustStartBy(pending), base::TimePoint::max());
  ASSERT_TRUE(rig.Add({.id = kB, .flags = "S"}).ok());
  EXPECT_EQ(rig.batcher.MustStartBy(pending), rig.clock.Now() + std::chrono::microseconds(7));
}

TEST(SequenceBatcher, DropsASequenceWithItsCancelledRequest) {
  for (const std::string& strategy : {kDirect, kOldest}) {
    SequenceRig rig(strategy, 1);
    const auto gone = std::make_shared<std::atomic<bool>>(false);
    ASSERT_TRUE(rig.Add({.id = kA, .flags = "S", .cancelled = gone}).ok());  // 0
    ASSERT_TRUE(rig.Add({.id = kA}).ok());                                   // 1
    ASSERT_TRUE(rig.Add({.id = kB, .flags = "SE"}).ok());                    // 2
    gone->store(true);
    EXPECT_EQ(rig.RunToEnd(), "2");
    ASSERT_EQ(rig.ended.size(), 2U);
    for (const auto& [id, status] : rig.ended) {
      EXPECT_EQ(status.code(), base::StatusCode::kCancelled);
    }
    EXPECT_THAT(rig.Add({.id = kA}).message(), HasSubstr("START"));
  }
}

TEST(SequenceBatcher, GivesTheSlotOfADroppedSequenceBackWhenItsRequestHasRun) {
  SequenceRig rig(kDirect, 1);
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S"}).ok());       // 0
  ASSERT_TRUE(rig.Add({.id = kA, .cancelled = gone}).ok());  // 1
  ASSERT_TRUE(rig.Add({.id = kB, .flags = "SE"}).ok());      // 2
  EXPECT_EQ(rig.Run(), "0");
  gone->store(true);
  EXPECT_EQ(rig.Run(), "");
  ASSERT_EQ(rig.ended.size(), 1U);
  rig.End();
  EXPECT_EQ(rig.RunToEnd(), "2");
}

TEST(SequenceBatcher, WaitsForTheUtilisationUntilTheDelayIsOver) {
  const std::string rule =
      "direct { max_queue_delay_microseconds: 4000 minimum_slot_utilization: 0.5 }";
  SequenceRig rig(rule);
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S"}).ok());
  EXPECT_EQ(rig.Run(), "");
  EXPECT_EQ(rig.wake_at, rig.clock.Now() + milliseconds(4));
  ASSERT_TRUE(rig.Add({.id = kB, .flags = "S"}).ok());
  EXPECT_EQ(rig.RunToEnd(), "01") << "half of the slots";
  ASSERT_TRUE(rig.Add({.id = kB}).ok());
  EXPECT_EQ(rig.Run(), "");
  rig.clock.Advance(milliseconds(4));
  EXPECT_EQ(rig.RunToEnd(), "-2");
  SequenceRig no_delay("direct { minimum_slot_utilization: 1 }");
  ASSERT_TRUE(no_delay.Add({.id = kA, .flags = "S"}).ok());
  EXPECT_EQ(no_delay.RunToEnd(), "0");
}

TEST(SequenceBatcher, LetsOtherShapesWaitForTheNextExecution) {
  for (const std::string& strategy : {kDirect, kOldest}) {
    SequenceRig rig(strategy);
    ASSERT_TRUE(rig.Add({.id = kA, .flags = "S"}).ok());
    ASSERT_TRUE(rig.Add({.id = kB, .flags = "S", .width = 3}).ok());
    EXPECT_EQ(rig.RunToEnd(), "0");
    EXPECT_EQ(rig.RunToEnd(), strategy == kDirect ? "-1" : "1");
  }
}

TEST(SequenceBatcher, ServesTheOldestOfTheCandidates) {
  SequenceRig rig("oldest { max_candidate_sequences: 3 preferred_batch_size: 1 }", 2);
  const auto add = [&](std::uint64_t id, const char* flags) {
    rig.clock.Advance(milliseconds(1));
    ASSERT_TRUE(rig.Add({.id = id, .flags = flags}).ok());
  };
  add(kA, "S");  // 0
  add(kA, "");   // 1
  add(kB, "S");  // 2
  add(kC, "S");  // 3
  add(kD, "S");  // 4, no candidate
  EXPECT_EQ(rig.RunToEnd(), "0");
  EXPECT_EQ(rig.RunToEnd(), "1") << "it came before the others";
  EXPECT_EQ(rig.RunToEnd(), "2");
  EXPECT_EQ(rig.RunToEnd(), "3");
  EXPECT_EQ(rig.RunToEnd(), "");
}

TEST(SequenceBatcher, FormsBatchesOfTheOldestLikeTheDynamicBatcher) {
  SequenceRig rig(
      "oldest { max_candidate_sequences: 8 preferred_batch_size: 2 preferred_batch_size: 4 "
      "max_queue_delay_microseconds: 1000 }",
      6);
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S"}).ok());
  EXPECT_EQ(rig.Run(), "");
  EXPECT_EQ(rig.wake_at, rig.clock.Now() + milliseconds(1));
  for (const std::uint64_t id : {kB, kC}) ASSERT_TRUE(rig.Add({.id = id, .flags = "S"}).ok());
  EXPECT_EQ(rig.Run({Flow{}}, /*only_full=*/true), "");
  EXPECT_EQ(rig.Run(), "01") << "a preferred size goes at once";
  EXPECT_EQ(rig.Run(), "");
  rig.clock.Advance(milliseconds(1));
  EXPECT_EQ(rig.Run(), "2") << "two batches at a time";
}

TEST(SequenceBatcher, AnswersInTheOrderInWhichCandidatesCame) {
  SequenceRig rig(
      "oldest { max_candidate_sequences: 2 preserve_ordering: true "
      "preferred_batch_size: 1 }",
      2);
  std::vector<int> answered;
  const auto add = [&](std::uint64_t id, int number) {
    Pending pending;
    pending.request.parameters["sequence_id"] = id;
    pending.request.parameters["sequence_start"] = true;
    pending.enqueued = rig.clock.Now();
    pending.done = [&answered, number](InferenceResponse) { answered.push_back(number); };
    EXPECT_TRUE(rig.batcher.Enqueue(pending).ok());
  };
  add(kA, 0);
  add(kB, 1);
  Decision first = rig.Next();
  Decision second = rig.Next();
  ASSERT_EQ(first.requests.size(), 1U);
  ASSERT_EQ(second.requests.size(), 1U);
  second.requests[0].done({});
  EXPECT_TRUE(answered.empty());
  first.requests[0].done({});
  EXPECT_EQ(answered, (std::vector<int>{0, 1}));
}

TEST(SequenceBatcher, TellsTenantsApart) {
  tenancy::Tenant one("one", {});
  tenancy::Tenant two("two", {});
  SequenceRig rig(kDirect, 2);
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S", .tenant = &one}).ok());
  EXPECT_THAT(rig.Add({.id = kA, .tenant = &two}).message(), HasSubstr("START"));
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S", .tenant = &two}).ok());  // 2
  EXPECT_EQ(rig.Run({Flow{&two}}), "-2") << "the other one may not ride along";
  rig.End();
  EXPECT_EQ(rig.Run({Flow{}, Flow{&one}}), "") << "nothing in the name of whose turn it is";
  EXPECT_EQ(rig.Run({Flow{&one}}), "0");
}

TEST(SequenceBatcher, TakesWholeSequencesOut) {
  SequenceRig rig(kDirect, 2);
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S"}).ok());  // 0
  const base::TimePoint later = rig.clock.Now() + milliseconds(1);
  rig.clock.Advance(milliseconds(2));
  ASSERT_TRUE(rig.Add({.id = kA}).ok());                // 1
  ASSERT_TRUE(rig.Add({.id = kB, .flags = "S"}).ok());  // 2
  ASSERT_TRUE(rig.Add({.id = kC, .flags = "S"}).ok());  // 3
  EXPECT_EQ(SequenceRig::Ids(rig.batcher.TakeOlder(later)), "01");
  EXPECT_EQ(rig.batcher.queued(), 2U);
  EXPECT_EQ(rig.batcher.backlog(), 0U) << "C has the slot of A";
  EXPECT_EQ(SequenceRig::Ids(rig.batcher.TakeAll()), "23");
  EXPECT_EQ(rig.batcher.queued(), 0U);
  EXPECT_THAT(rig.Add({.id = kB}).message(), HasSubstr("START"));
}

TEST(SequenceBatcher, ServesModelsThatDoNotBatch) {
  for (const std::string& strategy : {kDirect, std::string("oldest { }")}) {
    SequenceRig rig(strategy, 0);
    ASSERT_TRUE(rig.Add({.id = kA, .flags = "S", .value = 3}).ok());
    ASSERT_TRUE(rig.Add({.id = kB, .flags = "SE"}).ok());
    ASSERT_TRUE(rig.Add({.id = kA, .flags = "E"}).ok());
    EXPECT_EQ(rig.RunToEnd(), "0");
    EXPECT_EQ(rig.Run(), "2");
    EXPECT_EQ(SequenceRig::Float(rig.running.back()[0], "s"), 3);
    rig.End();
    EXPECT_EQ(rig.RunToEnd(), "1");
  }
}

TEST(HeldScheduler, FormsNoBatchBeforeThereIsEnough) {
  SequenceRig rig(kDirect, 1);
  auto held = std::make_unique<DynamicBatcher>(rig.config());
  bool enough = false;
  int asked = 0;
  HeldScheduler scheduler(std::move(held), [&] { return ++asked, enough; });
  const std::vector<Flow> order = {Flow{}};
  Terms terms;
  terms.order = order;
  for (int i = 0; i < 2; ++i) {
    Pending pending;
    pending.enqueued = rig.clock.Now();
    ASSERT_TRUE(scheduler.Enqueue(pending).ok());
  }
  EXPECT_TRUE(scheduler.Next(rig.clock.Now(), terms).requests.empty());
  EXPECT_EQ(scheduler.queued(), 2U);
  enough = true;
  EXPECT_EQ(scheduler.Next(rig.clock.Now(), terms).requests.size(), 1U);
  enough = false;
  EXPECT_EQ(scheduler.Next(rig.clock.Now(), terms).requests.size(), 1U) << "only once";
  EXPECT_EQ(asked, 2);
}

TEST(SequenceBatcher, CountsWhatWaitsWithoutASlot) {
  SequenceRig rig(kDirect, 1);
  ASSERT_TRUE(rig.Add({.id = kA, .flags = "S"}).ok());
  EXPECT_EQ(rig.batcher.queued_in_backlog(), 0U);
  for (const char* flags : {"S", "E"}) ASSERT_TRUE(rig.Add({.id = kB, .flags = flags}).ok());
  EXPECT_EQ(rig.batcher.queued_in_backlog(), 2U);
}

TEST(SequenceBatcher, SaysWhatItKeepsAndForWhom) {
  SequenceRig rig("oldest { max_candidate_sequences: 4 }");
  const auto atlas = std::make_shared<tenancy::Account>(tenancy::AccountKey{"atlas", {}, "m"});
  const auto cms = std::make_shared<tenancy::Account>(tenancy::AccountKey{"cms", {}, "m"});
  const auto kept = [&rig] {
    std::vector<tenancy::KeptBytes> list;
    rig.batcher.AddKept(list);
    std::map<std::string, std::uint64_t> bytes;
    for (const auto& [account, count] : list) bytes[account->key().tenant] += count;
    return bytes;
  };
  using Bytes = std::map<std::string, std::uint64_t>;
  EXPECT_EQ(kept(), Bytes());
  ASSERT_TRUE(rig.Add({.id = std::uint64_t{1}, .flags = "S", .account = atlas}).ok());
  ASSERT_TRUE(rig.Add({.id = std::uint64_t{2}, .flags = "S", .account = atlas}).ok());
  ASSERT_TRUE(rig.Add({.id = std::uint64_t{3}, .flags = "S", .account = cms}).ok());
  ASSERT_TRUE(rig.Add({.id = std::uint64_t{4}, .flags = "S"}).ok());  // nobody's
  EXPECT_EQ(kept(), Bytes()) << "nothing has run";
  rig.RunToEnd();
  EXPECT_EQ(kept(), (Bytes{{"atlas", 8}, {"cms", 4}}));
  ASSERT_TRUE(rig.Add({.id = std::uint64_t{1}, .flags = "E", .account = atlas}).ok());
  rig.RunToEnd();
  EXPECT_EQ(kept(), (Bytes{{"atlas", 4}, {"cms", 4}}));
}

}  // namespace
}  // namespace hadron::serving
