#include "base/status.h"

#include <gtest/gtest.h>

#include "base/checked.h"
#include "base/sha256.h"

namespace hadron::base {
namespace {

StatusOr<int> Half(int value) {
  if (value % 2 != 0) return InvalidArgument("odd");
  return value / 2;
}

Status Quarter(int value, int* result) {
  HADRON_ASSIGN_OR_RETURN(const int half, Half(value));
  HADRON_ASSIGN_OR_RETURN(*result, Half(half));
  return {};
}

TEST(Status, IsOnePointerAndNullWhenOk) {
  EXPECT_EQ(sizeof(Status), sizeof(void*));
  EXPECT_TRUE(Status().ok());
  EXPECT_EQ(Status().ToString(), "OK");
  EXPECT_EQ(Status().message(), "");
}

TEST(Status, CarriesCodeCauseAndContext) {
  Status status = ResourceExhausted("no room", RefusalCause::kMemory);
  EXPECT_EQ(status.cause(), RefusalCause::kMemory);
  EXPECT_EQ(std::move(status).With("loading model 'x'").ToString(),
            "RESOURCE_EXHAUSTED: loading model 'x': no room");
  EXPECT_TRUE(Status().With("nothing").ok());
}

TEST(Status, ClonesDeeply) {
  Status status = NotFound("a");
  const Status copy = status.Clone();
  status = Status();
  EXPECT_EQ(copy.message(), "a");
}

TEST(StatusOr, MacrosPassFailuresOn) {
  int result = 0;
  EXPECT_TRUE(Quarter(12, &result).ok());
  EXPECT_EQ(result, 3);
  EXPECT_EQ(Quarter(6, &result).message(), "odd");
}

TEST(StatusOrDeathTest, ReadingAFailureAborts) {
  StatusOr<int> failed = Half(3);
  EXPECT_DEATH(failed.value(), "check failed");
}

TEST(Checked, RefusesWhatDoesNotFit) {
  EXPECT_EQ(CheckedAdd<std::int64_t>(2, 3), 5);
  EXPECT_EQ(CheckedAdd<std::int64_t>(INT64_MAX, 1), std::nullopt);
  EXPECT_EQ(CheckedMul<std::uint64_t>(UINT64_MAX, 2), std::nullopt);
  EXPECT_EQ(CheckedSub<std::uint32_t>(1, 2), std::nullopt);
  EXPECT_EQ(AlignUp<std::uint64_t>(65, 64), 128U);
}

TEST(Sha256, MatchesTheStandardsExample) {
  const std::string_view text = "abc";
  EXPECT_EQ(ToHex(Sha256::Of(std::as_bytes(std::span(text)))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace hadron::base
