#include "stream_contract.h"

#include <algorithm>
#include <atomic>

namespace hadron::device {
namespace {

std::vector<std::byte> Pattern(std::size_t size, unsigned seed) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(seed + 31 * i);
  return bytes;
}

TEST_P(StreamContract, BytesComeBackAsTheyWent) {
  const auto buffer = Allocate(1000);
  const std::vector<std::byte> sent = Pattern(700, 3);
  std::vector<std::byte> got(700);
  stream_->Upload(sent, *buffer, 256);
  stream_->Download(*buffer, 256, got);
  EXPECT_TRUE(Finish(*stream_).ok());
  EXPECT_EQ(got, sent);
}

TEST_P(StreamContract, CopiesWithinTheDevice) {
  const auto one = Allocate(1024);
  const auto other = Allocate(1024);
  const std::vector<std::byte> sent = Pattern(256, 7);
  std::vector<std::byte> got(256);
  stream_->Upload(sent, *one, 256);
  stream_->Copy(*one, 256, *one, 768, 256);
  stream_->Copy(*one, 768, *other, 512, 256);
  stream_->Copy(*one, 0, *other, 0, 0);
  stream_->Download(*other, 512, got);
  EXPECT_TRUE(Finish(*stream_).ok());
  EXPECT_EQ(got, sent);
}

TEST_P(StreamContract, EmptyTransfersAreNoWork) {
  const auto buffer = Allocate(0);
  stream_->Upload({}, *buffer, 0);
  stream_->Download(*buffer, 0, {});
  EXPECT_TRUE(Finish(*stream_).ok());
}

TEST_P(StreamContract, RunsHostTasksBetweenTransfers) {
  const auto buffer = Allocate(64);
  std::vector<std::byte> data = Pattern(64, 1);
  std::vector<std::byte> expected = data;
  for (int round = 0; round < 20; ++round) {
    stream_->Upload(data, *buffer, 0);
    stream_->Host([&data] {
      std::ranges::fill(data, std::byte{0});
      return base::OkStatus();
    });
    stream_->Download(*buffer, 0, data);
    stream_->Host([&data] {
      for (std::byte& b : data) b ^= std::byte{0x5a};
      return base::OkStatus();
    });
    for (std::byte& b : expected) b ^= std::byte{0x5a};
  }
  EXPECT_TRUE(Finish(*stream_).ok());
  EXPECT_EQ(data, expected);
}

TEST_P(StreamContract, WaitsForEventsOfOtherStreams) {
  LaneThread other_lane;
  auto other = device_->CreateStream(other_lane.executor());
  ASSERT_TRUE(other.ok()) << other.message();
  const auto buffer = Allocate(64);
  const std::vector<std::byte> sent = Pattern(64, 9);
  std::vector<std::byte> got(64);
  std::atomic<bool> go{false};
  stream_->Host([&go] {
    go.wait(false);
    return base::OkStatus();
  });
  stream_->Upload(sent, *buffer, 0);
  const std::shared_ptr<const Event> event = stream_->Mark();
  stream_->Flush();
  EXPECT_FALSE(event->done());
  (*other)->Wait(event);
  (*other)->Download(*buffer, 0, got);
  (*other)->Flush();
  go.store(true);
  go.notify_all();
  EXPECT_TRUE(Finish(**other).ok());
  EXPECT_TRUE(event->done());
  EXPECT_EQ(got, sent);
  (*other)->Wait(event);  // reached already: nothing to wait for
  EXPECT_TRUE(Finish(**other).ok());
  EXPECT_TRUE(Finish(*stream_).ok());
}

TEST_P(StreamContract, SkipsHostTasksAfterAFailureUntilTheRecord) {
  bool ran = false;
  stream_->Host([] { return base::InvalidArgument("index 9 is outside"); });
  stream_->Host([&ran] {
    ran = true;
    return base::Internal("a later failure");
  });
  const base::Status first = Finish(*stream_);
  EXPECT_EQ(first.ToString(), "INVALID_ARGUMENT: index 9 is outside");
  EXPECT_FALSE(ran);

  stream_->Host([&ran] {
    ran = true;
    return base::OkStatus();
  });
  EXPECT_TRUE(Finish(*stream_).ok());
  EXPECT_TRUE(ran);
}

TEST_P(StreamContract, EveryRecordReportsItsOwnPartInOrder) {
  std::vector<int> order;
  std::vector<bool> good;
  for (int i = 0; i < 10; ++i) {
    stream_->Host([i] { return i % 3 == 1 ? base::Internal("planted") : base::OkStatus(); });
    stream_->Record([&order, &good, i](base::Status status) {
      order.push_back(i);
      good.push_back(status.ok());
    });
  }
  EXPECT_TRUE(Finish(*stream_).ok());
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(good,
            (std::vector<bool>{true, false, true, true, false, true, true, false, true, true}));
}

TEST_P(StreamContract, RecordReportsOnlyAfterWhatIsBefore) {
  std::promise<void> go;
  std::future<void> gate = go.get_future();
  std::atomic<bool> task_done = false;
  std::promise<bool> recorded;
  stream_->Host([&gate, &task_done] {
    gate.wait();
    task_done = true;
    return base::OkStatus();
  });
  stream_->Record([&](base::Status) { recorded.set_value(task_done); });
  stream_->Flush();
  EXPECT_FALSE(task_done);
  go.set_value();
  EXPECT_TRUE(recorded.get_future().get());
}

TEST_P(StreamContract, LedgerReturnsToZeroWithTheBuffers) {
  {
    const auto a = Allocate(4096);
    const auto b = Allocate(100);
    EXPECT_EQ(device_->memory().reserved(), 4196U);
    EXPECT_EQ(a->bytes(), 4096U);
  }
  EXPECT_EQ(device_->memory().reserved(), 0U);
}

}  // namespace
}  // namespace hadron::device
