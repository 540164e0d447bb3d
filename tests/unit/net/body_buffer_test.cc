#include "net/http/body_buffer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "base/bytes.h"

namespace hadron::net {
namespace {

TEST(MemoryBudget, BooksUpToTheLimit) {
  MemoryBudget budget(100);
  auto first = budget.Book(60);
  ASSERT_TRUE(first);
  EXPECT_FALSE(budget.Book(41));
  EXPECT_FALSE(budget.Book(~std::uint64_t{0}));
  auto second = budget.Book(40);
  EXPECT_TRUE(second);
  first.reset();
  EXPECT_EQ(budget.used_bytes(), 40U);
  MemoryBudget::Booking moved = std::move(*second);
  second.reset();
  EXPECT_EQ(budget.used_bytes(), 40U);
  moved = {};
  EXPECT_EQ(budget.used_bytes(), 0U);
}

TEST(MemoryBudget, ZeroIsNoLimit) {
  MemoryBudget budget(0);
  auto booking = budget.Book(std::uint64_t{1} << 60);
  EXPECT_TRUE(booking);
}

TEST(BodyBuffer, SizedBlockFillsInPieces) {
  MemoryBudget budget(100);
  BodyBuffer body(&budget, 1000);
  ASSERT_TRUE(body.Reserve(6).ok());
  std::memcpy(body.Remaining().data(), "abc", 3);
  body.Commit(3);
  EXPECT_FALSE(body.complete());
  std::memcpy(body.Remaining().data(), "def", 3);
  body.Commit(3);
  EXPECT_TRUE(body.complete());
  base::IoBuf whole = body.Take();
  EXPECT_EQ(whole.ToString(), "abcdef");
  EXPECT_EQ(budget.used_bytes(), 6U);
  const base::IoBuf part = whole.Sub(1, 2);
  whole = {};
  EXPECT_EQ(budget.used_bytes(), 6U);
  EXPECT_EQ(part.ToString(), "bc");
}

TEST(BodyBuffer, GrowsByAppending) {
  BodyBuffer body(nullptr, 10'000'000);
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string piece(static_cast<std::size_t>(i % 997), static_cast<char>('a' + i % 26));
    ASSERT_TRUE(body.Append(base::AsBytes(std::string_view(piece))).ok());
    expected += piece;
  }
  EXPECT_EQ(body.received(), expected.size());
  EXPECT_EQ(body.Take().ToString(), expected);
  EXPECT_EQ(body.received(), 0U);
}

TEST(BodyBuffer, RefusesAboveLimitAndBudget) {
  BodyBuffer small(nullptr, 4);
  EXPECT_TRUE(small.Append(base::AsBytes(std::string_view("abcd"))).ok());
  EXPECT_EQ(small.Append(base::AsBytes(std::string_view("e"))).code(),
            base::StatusCode::kInvalidArgument);
  MemoryBudget budget(1000);
  BodyBuffer poor(&budget, 1'000'000);
  EXPECT_EQ(poor.Append(base::AsBytes(std::string_view("a"))).code(),
            base::StatusCode::kResourceExhausted);
  EXPECT_EQ(poor.Reserve(1001).code(), base::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace hadron::net
