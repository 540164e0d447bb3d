#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "storage/artifact_cache.h"
#include "unit/storage/s3_rig.h"
#include "unit/storage/temp_directory.h"

namespace hadron::storage::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::size_t kMB = 1'000'000;  // a part of the rig's downloads
constexpr auto kPatience = std::chrono::seconds(60);

std::string Numbers(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 / 7);
  return bytes;
}

/// First byte that a request asks for.
std::size_t FirstOf(const ImposterRequest& request) {
  const std::string range = request.header("range");
  return range.starts_with("bytes=") ? std::stoul(range.substr(6)) : 0;
}

/// Models that are used while they come.
class Streaming : public testing::Test {
 protected:
  Streaming() {
    rig_.origin.Put("m/1/model.onnx", bytes_);
    options_.directory = (directory_.path() / "cache").string();
    options_.scratch = directory_.path().string();
    options_.budget = 100 * kMB;
    options_.keep_free = 0;
    cache_ = std::make_unique<ArtifactCache>(options_, clock_, &queue_);
    thread_ = std::jthread([this] { queue_.Run(); });
  }
  ~Streaming() override {
    queue_.Stop();
    thread_.join();
  }

  base::Status Use(const ArtifactCache::TreeUser& use) {
    return cache_->UseTree({rig_.store(), "m/1"}, use);
  }
  static base::StatusOr<std::string> Read(const FetchedTree& tree, std::size_t offset,
                                          std::size_t count) {
    HADRON_ASSIGN_OR_RETURN(const base::IoBuf bytes,
                            base::ReadRange(*tree.Find("model.onnx"), offset, count));
    return bytes.ToString();
  }
  base::Status ExpectAll(const FetchedTree& tree) const {
    HADRON_ASSIGN_OR_RETURN(const std::string all, Read(tree, 0, bytes_.size()));
    EXPECT_TRUE(all == bytes_);
    return {};
  }
  std::size_t kept() const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(options_.directory + "/objects")) {
      count += entry.path().string().ends_with(".part") ? 0 : 1;
    }
    return count;
  }

  S3Rig rig_;
  TempDirectory directory_;
  base::SystemClock clock_;
  ArtifactCache::Options options_;
  base::TaskQueue queue_;
  std::unique_ptr<ArtifactCache> cache_;
  std::jthread thread_;
  const std::string bytes_ = Numbers(12 * kMB + 345);
};

TEST_F(Streaming, TheFrontIsReadBeforeTheRestHasCome) {
  std::promise<void> read;
  const std::shared_future<void> was_read(read.get_future());
  std::atomic<bool> in_time{true};
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply&) {
    if (FirstOf(request) == 0) return;
    if (was_read.wait_for(kPatience) != std::future_status::ready) in_time = false;
  });
  const base::Status status = Use([&](const FetchedTree& tree) -> base::Status {
    HADRON_ASSIGN_OR_RETURN(const std::string front, Read(tree, 100, kMB - 100));
    EXPECT_TRUE(front == bytes_.substr(100, kMB - 100));
    read.set_value();
    return ExpectAll(tree);
  });
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(in_time);
  EXPECT_EQ(kept(), 1U);
}

/// A target in memory that wants some bytes first.
class ImpatientTarget final : public FetchTarget {
 public:
  explicit ImpatientTarget(base::Arrival::Range wanted) : wanted_(wanted) {}
  base::Status Begin(std::uint64_t size) override {
    bytes.resize(size);
    return {};
  }
  base::Status Write(std::uint64_t offset, std::span<const std::byte> some) override {
    bytes.replace(offset, some.size(), base::AsText(some));
    return {};
  }
  base::Status Read(std::uint64_t offset, std::span<std::byte> to) override {
    std::ranges::copy(base::AsBytes(bytes).subspan(offset, to.size()), to.begin());
    return {};
  }
  std::optional<base::Arrival::Range> TakeWanted() override {
    return std::exchange(wanted_, std::nullopt);
  }

  std::string bytes;

 private:
  std::optional<base::Arrival::Range> wanted_;
};

TEST_F(Streaming, WhatIsWantedFarAheadIsARequestOfItsOwn) {
  struct Row {
    base::Arrival::Range wanted;
    std::size_t extra;
  };
  const std::size_t far = 11 * kMB + 4321;
  for (const Row& row : {Row{{far, far + 1000}, 1}, Row{{500, 1000}, 0}}) {
    std::vector<std::string> ranges;  // the script has one caller at a time
    rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply&) {
      ranges.push_back(request.header("range"));
    });
    ImpatientTarget target(row.wanted);
    const base::Status status = rig_.store().FetchInto("m/1/model.onnx", target, {});
    EXPECT_TRUE(status.ok()) << status.message();
    EXPECT_TRUE(target.bytes == bytes_);
    EXPECT_EQ(ranges.size(), 13U + row.extra) << "parts, and what comes soon anyway is no extra";
    EXPECT_EQ(std::ranges::count(ranges, fmt::format("bytes={}-{}", far, far + 999)),
              static_cast<std::ptrdiff_t>(row.extra));
  }
}

TEST_F(Streaming, AFailureAtTheVeryEndFailsTheUse) {
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    if (FirstOf(request) >= 12 * kMB) reply = S3Error(403, "AccessDenied");
  });
  bool used = false;
  const base::Status status = Use([&](const FetchedTree& tree) -> base::Status {
    used = true;
    return Read(tree, bytes_.size() - 1, 1).status();
  });
  EXPECT_TRUE(used);
  EXPECT_EQ(status.code(), base::StatusCode::kPermissionDenied);
  EXPECT_THAT(status.message(), HasSubstr("AccessDenied"));
  EXPECT_EQ(kept(), 0U);
}

TEST_F(Streaming, AUseThatNeedsNotAllIsNotRightBeforeAllHasCome) {
  const std::string sum(64, 'a');
  rig_.origin.SetHeader("m/1/model.onnx", "x-amz-meta-sha256", sum);
  int uses = 0;
  const base::Status status = Use([&](const FetchedTree& tree) {
    ++uses;
    return Read(tree, 0, 10).status();
  });
  EXPECT_EQ(status.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("do not have the sha256"));
  EXPECT_GE(uses, 1);
  EXPECT_LE(uses, 3);
  EXPECT_EQ(kept(), 0U);
}

TEST_F(Streaming, WrongBytesThatWereReadAreFetchedAgain) {
  const auto sum = base::ToHex(base::Sha256::Of(base::AsBytes(std::string_view(bytes_))));
  rig_.origin.SetHeader("m/1/model.onnx", "x-amz-meta-sha256", sum);
  std::promise<void> read;
  const std::shared_future<void> was_read(read.get_future());
  std::atomic<bool> wrong{true};
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    if (FirstOf(request) != 3 * kMB || !wrong.exchange(false)) return;
    reply.body[7] ^= 1;
    was_read.wait_for(kPatience);
  });
  int uses = 0;
  const base::Status status = Use([&](const FetchedTree& tree) -> base::Status {
    const bool first = uses++ == 0;
    if (first) {
      HADRON_RETURN_IF_ERROR(Read(tree, 0, 10).status());
      read.set_value();
    }
    // The first time it may already be known that this is in vain.
    HADRON_ASSIGN_OR_RETURN(const std::string all, Read(tree, 0, bytes_.size()));
    EXPECT_NE(all == bytes_, first);
    return {};
  });
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(uses, 2);
  EXPECT_EQ(kept(), 1U);
}

TEST_F(Streaming, AnObjectThatIsReplacedIsUsedFromItsBeginning) {
  std::atomic<bool> replaced{false};
  const std::string other = Numbers(5 * kMB).substr(1);
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply&) {
    if (FirstOf(request) >= 6 * kMB && !replaced.exchange(true)) {
      rig_.origin.Put("m/1/model.onnx", other);
    }
  });
  std::string last;
  const base::Status status = Use([&](const FetchedTree& tree) -> base::Status {
    HADRON_ASSIGN_OR_RETURN(last, Read(tree, 0, tree.Find("model.onnx")->size()));
    return {};
  });
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(last == other);
}

TEST_F(Streaming, AUseThatGivesUpEndsTheDownload) {
  rig_.origin.set_fault([&](const ImposterRequest& request, ImposterReply& reply) {
    if (FirstOf(request) >= 8 * kMB) reply.stall_after = 10;
  });
  const base::Status status = Use([&](const FetchedTree& tree) -> base::Status {
    HADRON_RETURN_IF_ERROR(Read(tree, 0, 10).status());
    return base::Cancelled("given up");
  });
  EXPECT_EQ(status.message(), "given up");
  EXPECT_EQ(kept(), 0U);
}

TEST_F(Streaming, WhatTheUseSaysIsSaidWhenTheFilesAreRight) {
  int uses = 0;
  const base::Status status = Use([&](const FetchedTree&) {
    ++uses;
    return base::Internal("no such operator");
  });
  EXPECT_EQ(status.message(), "no such operator");
  EXPECT_EQ(uses, 1) << "a new attempt would not help";
  EXPECT_EQ(kept(), 1U);
}

TEST_F(Streaming, ACopyOfAnEarlierStartIsUsedWhileItIsVerified) {
  ASSERT_TRUE(Use([&](const FetchedTree& tree) { return ExpectAll(tree); }).ok());
  const std::size_t requests = rig_.origin.requests().size();
  for (const bool damaged : {false, true}) {
    base::TaskQueue late;
    ArtifactCache cache(options_, clock_, &late);
    if (damaged) {
      for (const auto& entry : fs::directory_iterator(options_.directory + "/objects")) {
        std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(bytes_.size()) - 1);
        file.put('!');
      }
    }
    std::jthread thread;
    int uses = 0;
    const base::Status status =
        cache.UseTree({rig_.store(), "m/1"}, [&](const FetchedTree& tree) -> base::Status {
          // Nobody verifies anything before this has been read.
          HADRON_ASSIGN_OR_RETURN(const std::string front, Read(tree, 0, 10));
          if (uses++ == 0) thread = std::jthread([&late] { late.Run(); });
          return damaged && uses == 1 ? base::OkStatus() : ExpectAll(tree);
        });
    late.Stop();
    thread.join();
    EXPECT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(uses, damaged ? 2 : 1);
    if (!damaged) {
      EXPECT_EQ(rig_.origin.requests().size(), requests + 1) << "one listing";
    }
  }
}

TEST_F(Streaming, AKnownListingIsNotAskedForAgain) {
  const auto listed = rig_.store().ListTree("m/1");
  ASSERT_TRUE(listed.ok());
  const std::size_t before = rig_.origin.requests().size();
  ArtifactCache::TreeRequest request{rig_.store(), "m/1"};
  request.listed = &*listed;
  const base::Status status =
      cache_->UseTree(request, [&](const FetchedTree& tree) { return ExpectAll(tree); });
  EXPECT_TRUE(status.ok()) << status.message();
  // How many parts the model comes in follows from how fast it is read.
  std::vector<std::string> requests = rig_.origin.requests();
  requests.erase(requests.begin(), requests.begin() + static_cast<long>(before));
  EXPECT_THAT(requests, testing::Not(testing::IsEmpty()));
  EXPECT_THAT(requests, testing::Each(testing::Not(testing::HasSubstr("list-type"))));
}

}  // namespace
}  // namespace hadron::storage::test
