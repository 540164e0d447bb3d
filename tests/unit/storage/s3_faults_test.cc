#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>

#include "base/bytes.h"
#include "unit/storage/fetch_into_file.h"
#include "unit/storage/s3_rig.h"
#include "unit/storage/temp_directory.h"

namespace hadron::storage::test {
namespace {

using testing::HasSubstr;

std::string Pattern(std::size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  for (char& c : bytes) {
    seed = seed * 1664525U + 1013904223U;
    c = static_cast<char>(seed >> 24U);
  }
  return bytes;
}

/// A store with one object of five parts.
class Faults : public testing::Test {
 protected:
  Faults() { rig_.origin.Put("m/weights", bytes_); }

  /// Whether this is the n-th GET, counted from 1.
  bool IsGet(const ImposterRequest& request, int n) {
    return request.method == "GET" && ++gets_ == n;
  }
  void ExpectFetched() {
    const auto fetched = rig_.store().Fetch("m/weights");
    ASSERT_TRUE(fetched.ok()) << fetched.message();
    EXPECT_TRUE(fetched->ToString() == bytes_);
  }

  S3Rig rig_;
  std::string bytes_ = Pattern(4'500'000, 1);
  int gets_ = 0;
};

TEST_F(Faults, AreTriedAgainWhenTheServerIsBusy) {
  std::map<std::string, int> seen;  // every range fails twice, each time otherwise
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    const int times = ++seen[request.header("range")];
    if (times == 1) reply = S3Error(503, "SlowDown");
    if (times == 2) reply = S3Error(500, "InternalError");
  });
  ExpectFetched();
  EXPECT_EQ(rig_.origin.requests().size(), 15U);
}

TEST_F(Faults, EndAfterSomeAttempts) {
  rig_.origin.set_fault([&](const ImposterRequest&, ImposterReply& reply) {
    reply = S3Error(503, "SlowDown", "please");
  });
  const auto fetched = rig_.store().Fetch("m/weights");
  EXPECT_EQ(fetched.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(fetched.message(), HasSubstr("given up after 3 attempts"));
  EXPECT_THAT(fetched.message(), HasSubstr("SlowDown (please)"));
  EXPECT_EQ(rig_.origin.requests().size(), 3U);
}

TEST_F(Faults, ResumeAfterAResetFromTheLastByte) {
  std::vector<std::string> ranges;
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    ranges.push_back(request.header("range"));
    if (IsGet(request, 1)) reply.cut_after = 300'000;
  });
  ExpectFetched();
  ASSERT_GE(ranges.size(), 2U);
  EXPECT_EQ(ranges[0], "bytes=0-999999");
  // A reset may take bytes with it that were sent; never does the rest begin at 0 or beyond.
  EXPECT_EQ(std::count_if(ranges.begin(), ranges.end(),
                          [](const std::string& r) { return r.ends_with("-999999"); }),
            2);
}

TEST_F(Faults, ResumeAfterABodyThatEndsEarly) {
  std::vector<std::string> ranges;
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    ranges.push_back(request.header("range"));
    if (IsGet(request, 2)) reply.truncate_after = 400'000;
  });
  ExpectFetched();
  EXPECT_EQ(ranges.size(), 6U);
  EXPECT_EQ(std::count(ranges.begin(), ranges.end(), "bytes=1400000-1999999") +
                std::count(ranges.begin(), ranges.end(), "bytes=2400000-2999999") +
                std::count(ranges.begin(), ranges.end(), "bytes=3400000-3999999") +
                std::count(ranges.begin(), ranges.end(), "bytes=4400000-4499999"),
            1);
}

TEST(S3Stall, IsEndedAndResumed) {
  S3Options options = QuickOptions();
  options.stall_timeout = std::chrono::milliseconds(200);
  options.environment = Variables({{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"},
                                   {"AWS_SECRET_ACCESS_KEY", "verysecret"},
                                   {"AWS_MAX_ATTEMPTS", "50"}});  // for a busy machine's sake
  S3Rig rig(options);
  const std::string bytes = Pattern(2'500'000, 1);
  rig.origin.Put("m", bytes);
  std::vector<std::string> ranges;
  rig.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    ranges.push_back(request.header("range"));
    if (ranges.size() == 1) reply.stall_after = 1000;
  });
  const auto fetched = rig.store().Fetch("m");
  ASSERT_TRUE(fetched.ok()) << fetched.message();
  EXPECT_TRUE(fetched->ToString() == bytes);
  EXPECT_EQ(ranges[0], "bytes=0-999999");
  // On a busy machine the next answer may come too late as well, and is asked for again.
  EXPECT_GE(std::count(ranges.begin(), ranges.end(), "bytes=1000-999999"), 1);
}

TEST_F(Faults, StartOverWhenTheObjectIsReplaced) {
  const std::string other = Pattern(3'200'000, 2);
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply&) {
    if (IsGet(request, 1)) rig_.origin.Put("m/weights", other);
  });
  const auto fetched = rig_.store().Fetch("m/weights");
  ASSERT_TRUE(fetched.ok()) << fetched.message();
  EXPECT_TRUE(fetched->ToString() == other);
}

TEST_F(Faults, EndWhenTheObjectIsReplacedAgainAndAgain) {
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply&) {
    if (request.method == "GET") rig_.origin.Put("m/weights", Pattern(3'000'000, 3));
  });
  const auto fetched = rig_.store().Fetch("m/weights");
  EXPECT_EQ(fetched.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(fetched.message(), HasSubstr("replaced"));
}

TEST_F(Faults, NeverSpliceAnotherObjectIn) {
  // A server that does not look at If-Match, with another object behind the second range.
  const std::string other = Pattern(4'500'000, 4);
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    if (!IsGet(request, 2)) return;
    reply.body = other.substr(1'000'000, reply.body.size());
    for (auto& [name, value] : reply.headers) {
      if (name == "ETag") value = "\"another\"";
    }
  });
  ExpectFetched();
}

TEST_F(Faults, TakeTheRightRangeFromServersThatKnowNone) {
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    if (request.method != "GET") return;
    ++gets_;
    reply.status = 200;
    reply.body = bytes_;
    std::erase_if(reply.headers, [](const auto& h) { return h.first == "Content-Range"; });
    if (gets_ == 1) reply.cut_after = 2'500'000;
  });
  ExpectFetched();
}

TEST_F(Faults, RefuseRangesThatWereNotAskedFor) {
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    if (!IsGet(request, 2)) return;
    for (auto& [name, value] : reply.headers) {
      if (name == "Content-Range") value = "bytes 0-999999/4500000";
    }
  });
  ExpectFetched();
  EXPECT_EQ(rig_.origin.requests().size(), 6U);
}

TEST_F(Faults, NoticeWrongBytesByTheirChecksum) {
  const auto sum = base::ToHex(base::Sha256::Of(base::AsBytes(std::string_view(bytes_))));
  rig_.origin.SetHeader("m/weights", "x-amz-meta-sha256", sum);
  bool always = false;
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    if (IsGet(request, 4) || always) reply.body[1234] ^= 1;
  });
  ExpectFetched();
  EXPECT_EQ(rig_.origin.requests().size(), 10U);
  always = true;
  const TempDirectory directory;
  const std::string path = (directory.path() / "copy").string();
  const base::Status status = FetchIntoFile(rig_.store(), "m/weights", path);
  EXPECT_EQ(status.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("sha256"));
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

struct KnownSum {
  const char* header;
  const char* good;  ///< of "123456789"
  const char* bad;
};

TEST(ContentCheck, ComparesWithWhatTheServerNames) {
  for (const KnownSum& one : {
           KnownSum{"x-amz-checksum-crc32", "y/Q5Jg==", "y/Q5Jw=="},
           KnownSum{"x-amz-checksum-crc32c", "4waSgw==", "4waShA=="},
           KnownSum{"x-amz-checksum-crc64nvme", "rosUhgp5mIg=", "rosUhgp5mIk="},
           KnownSum{"x-amz-checksum-sha1",
                    "98O8HYCOBHMq32eZZczDTKeuNEE=", "98OAHYCOBHMq32eZZczDTKeuNEE="},
           KnownSum{"x-amz-checksum-sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
                    "FeKA08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="},
       }) {
    for (const bool good : {true, false}) {
      S3Rig rig;
      rig.origin.Put("m", "123456789");
      rig.origin.SetHeader("m", one.header, good ? one.good : one.bad);
      EXPECT_EQ(rig.store().Fetch("m").ok(), good) << one.header;
    }
    S3Rig rig;
    rig.origin.Put("m", "123456789");
    rig.origin.SetHeader("m", one.header, one.bad);
    rig.origin.SetHeader("m", "x-amz-checksum-type", "COMPOSITE");
    EXPECT_TRUE(rig.store().Fetch("m").ok()) << one.header;
  }
}

TEST(ContentCheck, ComparesEtagsOnlyWhenAskedTo) {
  const auto etag = [](const std::string& value) {
    return [value](const ImposterRequest&, ImposterReply& reply) {
      for (auto& [name, text] : reply.headers) {
        if (name == "ETag") text = value;
      }
    };
  };
  const std::string md5 = "\"25f9e794323b453885f5181f1b624d0b\"";
  const std::string wrong = "\"25f9e794323b453885f5181f1b624d0c\"";
  S3Options checking = QuickOptions();
  checking.verify_etag = true;
  for (const bool check : {true, false}) {
    S3Rig rig(check ? checking : QuickOptions());
    rig.origin.Put("m", "123456789");
    rig.origin.set_fault(etag(md5));
    EXPECT_TRUE(rig.store().Fetch("m").ok());
    rig.origin.set_fault(etag(wrong));
    EXPECT_EQ(rig.store().Fetch("m").ok(), !check);
    rig.origin.set_fault(etag("\"25f9e794323b453885f5181f1b624d0c-2\""));
    EXPECT_TRUE(rig.store().Fetch("m").ok());
  }
}

TEST_F(Faults, CorrectTheClockOnce) {
  int asked = 0;
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    ++asked;
    const bool right = request.header("x-amz-date").starts_with("20130524T1");
    if (!right) {
      reply = S3Error(403, "RequestTimeTooSkewed");
      reply.headers.emplace_back("Date", "Fri, 24 May 2013 12:00:00 GMT");
    }
  });
  ExpectFetched();
  EXPECT_EQ(asked, 6);
  rig_.origin.set_fault([&](const ImposterRequest&, ImposterReply& reply) {
    reply = S3Error(403, "RequestTimeTooSkewed");
    reply.headers.emplace_back("Date", "Fri, 24 May 2013 12:00:00 GMT");
  });
  const auto fetched = rig_.store().Fetch("m/weights");
  EXPECT_EQ(fetched.code(), base::StatusCode::kPermissionDenied);
  EXPECT_THAT(fetched.message(), HasSubstr("set the clock"));
}

TEST_F(Faults, GoToTheRegionThatTheAnswerNames) {
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    if (request.header("authorization").find("/eu-south-2/s3/") != std::string::npos) return;
    reply = S3Error(301, "PermanentRedirect");
    reply.headers.emplace_back("x-amz-bucket-region", "eu-south-2");
    reply.headers.emplace_back("Location", "http://192.0.2.1/stolen");
  });
  ExpectFetched();
  EXPECT_EQ(rig_.origin.requests().size(), 6U);
  rig_.origin.set_fault([&](const ImposterRequest&, ImposterReply& reply) {
    reply = S3Error(301, "PermanentRedirect");
    reply.headers.emplace_back("x-amz-bucket-region", "evil.example.org/");
  });
  EXPECT_EQ(rig_.store().Fetch("m/weights").code(), base::StatusCode::kPermissionDenied);
}

TEST_F(Faults, AreNotRepeatedForEver) {
  // Every request fails; the budget of the store runs out before the objects do.
  rig_.origin.set_fault(
      [&](const ImposterRequest&, ImposterReply& reply) { reply = S3Error(500, "InternalError"); });
  for (int i = 0; i < 60; ++i) EXPECT_FALSE(rig_.store().Fetch("m/weights").ok());
  const auto fetched = rig_.store().Fetch("m/weights");
  EXPECT_THAT(fetched.message(), HasSubstr("too many requests fail"));
  EXPECT_LT(rig_.origin.requests().size(), 170U);
}

TEST(S3Cancel, EndsWhatNothingComesFrom) {
  std::atomic<bool> cancel{false};
  S3Options options = QuickOptions();
  options.cancel = &cancel;
  options.stall_timeout = std::chrono::seconds(60);
  S3Rig rig(options);
  rig.origin.Put("m", std::string(1000, 'x'));
  rig.origin.set_fault([&](const ImposterRequest&, ImposterReply& reply) {
    reply.stall_after = 10;
    cancel = true;
  });
  EXPECT_EQ(rig.store().Fetch("m").code(), base::StatusCode::kCancelled);
}

TEST(S3Connect, SaysWhoDoesNotAnswer) {
  std::string url;
  {
    const S3Origin gone;
    url = gone.url();
  }
  const base::SystemClock clock;
  auto store = OpenS3Store(url, QuickOptions(), clock);
  ASSERT_TRUE(store.ok());
  const auto listed = (*store)->List("");
  EXPECT_EQ(listed.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(listed.message(), HasSubstr(url.substr(5, url.rfind('/') - 5)));
  EXPECT_THAT(listed.message(), HasSubstr("given up after 3 attempts"));
}

}  // namespace
}  // namespace hadron::storage::test
