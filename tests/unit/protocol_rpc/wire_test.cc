#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "protocol/rpc/wire_reader.h"
#include "protocol/rpc/wire_writer.h"

namespace hadron::protocol::rpc {
namespace {

using base::IoBuf;

/// The bytes as a chain of slices of `piece` bytes.
IoBuf Chain(const std::string& text, std::size_t piece) {
  IoBuf chain;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    chain.Append(IoBuf::FromString(text.substr(at, piece)));
  }
  return chain;
}

struct VarintCase {
  std::string bytes;
  std::uint64_t value;
};

TEST(WireReader, ReadsNumbersWhereverTheSlicesEnd) {
  const std::vector<VarintCase> cases = {
      {std::string("\x00", 1), 0},
      {"\x01", 1},
      {"\x7f", 127},
      {"\x80\x01", 128},
      {"\xac\x02", 300},
      {"\xff\xff\xff\xff\x0f", 0xffffffffU},
      {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", std::numeric_limits<std::uint64_t>::max()},
      {std::string("\x80\x80\x00", 3), 0},  // longer than needed, but legal
  };
  for (const VarintCase& c : cases) {
    for (std::size_t piece = 1; piece <= c.bytes.size(); ++piece) {
      const IoBuf chain = Chain(c.bytes, piece);
      WireReader reader(chain);
      std::uint64_t value = 42;
      ASSERT_TRUE(reader.ReadVarint(value).ok());
      EXPECT_EQ(value, c.value);
      EXPECT_TRUE(reader.done());
    }
  }
}

TEST(WireReader, RefusesBrokenNumbers) {
  for (const std::string& bytes : {std::string(), std::string("\x80"), std::string(11, '\xff')}) {
    const IoBuf chain = Chain(bytes, 2);
    WireReader reader(chain);
    std::uint64_t value = 0;
    EXPECT_EQ(reader.ReadVarint(value).code(), base::StatusCode::kInvalidArgument);
  }
}

TEST(WireReader, RefusesTagsThatAreNone) {
  const std::vector<std::string> tags = {
      std::string("\x00", 1),      // field 0
      "\x0b",                      // group begins
      "\x0c",                      // group ends
      "\x0e",                      // wire type 6
      "\x0f",                      // wire type 7
      "\xff\xff\xff\xff\xff\x01",  // above 32 bits
  };
  for (const std::string& tag : tags) {
    const IoBuf chain = Chain(tag, 1);
    WireReader reader(chain);
    WireField field;
    EXPECT_EQ(reader.ReadField(field).code(), base::StatusCode::kInvalidArgument) << tag.size();
  }
}

TEST(WireReader, SkipsEveryWireType) {
  WireWriter tail;
  tail.Text(9, "end");
  const std::string end = std::move(tail).Finish().ToString();
  for (const std::string& unknown :
       {std::string("\x08\xac\x02"), std::string("\x09") + std::string(8, 'x'),
        std::string("\x0a\x03xyz"), std::string("\x0d") + std::string(4, 'x')}) {
    const IoBuf chain = Chain(unknown + end, 3);
    WireReader reader(chain);
    WireField field;
    ASSERT_TRUE(reader.ReadField(field).ok());
    ASSERT_TRUE(reader.Skip(field).ok());
    ASSERT_TRUE(reader.ReadField(field).ok());
    EXPECT_TRUE(field.Is(9, WireType::kBytes));
    std::string text;
    ASSERT_TRUE(reader.ReadText("text", text).ok());
    EXPECT_EQ(text, "end");
    EXPECT_TRUE(reader.done());
  }
}

TEST(WireReader, RefusesLengthsBeyondTheEnd) {
  for (const std::string& bytes : {std::string("\x05"
                                               "abcd"),
                                   std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
    const IoBuf chain = Chain(bytes, 2);
    IoBuf out;
    EXPECT_FALSE(WireReader(chain).ReadBytes(out).ok());
    std::string text;
    EXPECT_FALSE(WireReader(chain).ReadText("text", text).ok());
  }
}

TEST(WireReader, SharesTheBytesItHandsOut) {
  WireWriter writer;
  writer.Bytes(7, IoBuf::FromString(std::string(1000, 'a')));
  const IoBuf message = std::move(writer).Finish().Flatten();
  WireReader reader(message);
  WireField field;
  ASSERT_TRUE(reader.ReadField(field).ok());
  IoBuf out;
  ASSERT_TRUE(reader.ReadBytes(out).ok());
  ASSERT_EQ(out.size(), 1000U);
  EXPECT_EQ(out.bytes().data() + 1000, message.bytes().data() + message.size());
}

TEST(WireReader, LimitsTextAndWantsUtf8) {
  WireWriter writer;
  writer.Text(1, std::string(WireReader::kMaxTextBytes + 1, 'n'));
  const IoBuf message = std::move(writer).Finish();
  WireReader reader(message);
  WireField field;
  ASSERT_TRUE(reader.ReadField(field).ok());
  std::string text;
  const base::Status status = reader.ReadText("model_name", text);
  EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("model_name"), std::string::npos);
  EXPECT_LT(text.capacity(), 1000U);

  const IoBuf latin1 = Chain("\x02\xc4\x6f", 1);
  EXPECT_FALSE(WireReader(latin1).ReadText("id", text).ok());
}

TEST(WireReader, KnowsUtf8) {
  for (const char* good : {"", "ascii", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x7f",
                           "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xff", "\xe2\x82", "a\xf0\x9f\x98"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

TEST(WireWriter, LeavesOutEmptyTextAndWritesEmptyBytes) {
  WireWriter writer;
  writer.Text(1, "");
  writer.PackedInt64(2, {});
  EXPECT_EQ(writer.size(), 0U);
  writer.Bytes(6, {});
  EXPECT_EQ(std::move(writer).Finish().ToString(), std::string("\x32\x00", 2));
}

TEST(WireWriter, NestsMessagesWithForeignBytes) {
  const IoBuf foreign = IoBuf::FromString("tensor");
  WireWriter inner;
  inner.Text(1, "m");
  inner.Bytes(6, foreign);
  inner.Bool(3, true);
  WireWriter outer;
  outer.Text(1, "e");
  outer.Message(2, inner);
  const std::size_t size = outer.size();
  const IoBuf wire = std::move(outer).Finish();
  EXPECT_EQ(wire.size(), size);
  EXPECT_EQ(wire.ToString(), std::string("\x0a\x01"
                                         "e\x12\x0d\x0a\x01m\x32\x06tensor\x18\x01"));
  bool shared = false;
  for (const IoBuf::Slice& slice : wire.slices()) {
    shared = shared || slice.bytes.data() == foreign.bytes().data();
  }
  EXPECT_TRUE(shared);
}

TEST(WireWriter, WritesNegativeDimensionsInTenBytes) {
  WireWriter writer;
  const std::vector<std::int64_t> dims = {-1, 3};
  writer.PackedInt64(3, dims);
  const IoBuf wire = std::move(writer).Finish();
  EXPECT_EQ(wire.size(), 2U + 10U + 1U);
}

}  // namespace
}  // namespace hadron::protocol::rpc
