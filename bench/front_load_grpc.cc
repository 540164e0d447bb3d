// gRPC load: generic stubs that send a prepared message, one completion queue, one thread.
#include <fmt/format.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <optional>

#include "bench/front_load.h"

namespace hadron::bench {
namespace {

using base::Status;
using base::StatusOr;
using TimePoint = LoadRun::TimePoint;

constexpr auto kTimeout = std::chrono::seconds(60);

/// What all lanes share.
struct Target {
  grpc::GenericStub stub;
  std::string method;
  grpc::ByteBuffer message;
  grpc::CompletionQueue queue;
};

/// At most one request under way. The lane is the tag of its operations.
class Lane {
 public:
  explicit Lane(Target& target) : target_(target) {}
  virtual ~Lane() = default;
  void Send() {
    sent_ = std::chrono::steady_clock::now();
    Start();
  }
  /// An operation has ended; true when the answer is complete.
  virtual StatusOr<bool> Advance(bool ok) = 0;
  virtual void Cancel() = 0;
  TimePoint sent() const { return sent_; }
  const grpc::ByteBuffer& answer() const { return answer_; }

 protected:
  virtual void Start() = 0;
  Target& target_;
  grpc::ByteBuffer answer_;

 private:
  TimePoint sent_;
};

/// A call for every request.
class UnaryLane final : public Lane {
 public:
  using Lane::Lane;
  StatusOr<bool> Advance(bool) override {
    if (!status_.ok()) {
      return base::Unavailable(fmt::format("refused: {} {}", static_cast<int>(status_.error_code()),
                                           status_.error_message()));
    }
    return true;
  }
  void Cancel() override {
    if (context_) context_->TryCancel();
  }

 protected:
  void Start() override {
    call_.reset();
    context_.emplace();
    answer_.Clear();
    call_ =
        target_.stub.PrepareUnaryCall(&*context_, target_.method, target_.message, &target_.queue);
    call_->StartCall();
    call_->Finish(&answer_, &status_, this);
  }

 private:
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> call_;
  grpc::Status status_;
};

/// One stream for all requests; each is a write and a read.
class StreamLane final : public Lane {
 public:
  explicit StreamLane(Target& target)
      : Lane(target), stream_(target.stub.PrepareCall(&context_, target.method, &target.queue)) {}
  StatusOr<bool> Advance(bool ok) override {
    if (!ok) return base::Unavailable("the stream broke");
    if (!open_) {
      open_ = true;
      Start();
      return false;
    }
    return --owed_ == 0;
  }
  void Cancel() override { context_.TryCancel(); }

 protected:
  void Start() override {
    if (!open_) return stream_->StartCall(this);
    owed_ = 2;
    answer_.Clear();
    stream_->Read(&answer_, this);
    stream_->Write(target_.message, this);
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  bool open_ = false;
  int owed_ = 0;
};

class GrpcLoad final : public Load {
 public:
  GrpcLoad(const std::shared_ptr<grpc::Channel>& channel, const WireRequest& request, int lanes,
           bool stream)
      : target_{grpc::GenericStub(channel), request.path, {}, {}} {
    const grpc::Slice slice(request.body);
    target_.message = grpc::ByteBuffer(&slice, 1);
    for (int i = 0; i < lanes; ++i) {
      if (stream) {
        lanes_.push_back(std::make_unique<StreamLane>(target_));
      } else {
        lanes_.push_back(std::make_unique<UnaryLane>(target_));
      }
    }
  }
  ~GrpcLoad() override {
    for (auto& lane : lanes_) lane->Cancel();
    target_.queue.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (target_.queue.Next(&tag, &ok)) continue;
    lanes_.clear();
  }
  GrpcLoad(const GrpcLoad&) = delete;
  GrpcLoad& operator=(const GrpcLoad&) = delete;

  StatusOr<LoadResult> Run(const LoadLimits& limits) override;

 private:
  StatusOr<Lane*> Next(bool& ok);
  Status Answered(const Lane& lane);

  Target target_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

StatusOr<Lane*> GrpcLoad::Next(bool& ok) {
  void* tag = nullptr;
  const auto deadline = std::chrono::system_clock::now() + kTimeout;
  if (target_.queue.AsyncNext(&tag, &ok, deadline) != grpc::CompletionQueue::GOT_EVENT) {
    return base::Unavailable("no answer within a minute");
  }
  return static_cast<Lane*>(tag);
}

Status GrpcLoad::Answered(const Lane& lane) {
  if (!check_.WantsBytes()) return check_.Size(lane.answer().Length());
  grpc::Slice slice;
  if (!lane.answer().DumpToSingleSlice(&slice).ok()) return base::Internal("an empty answer");
  return check_.Bytes({reinterpret_cast<const char*>(slice.begin()), slice.size()});
}

StatusOr<LoadResult> GrpcLoad::Run(const LoadLimits& limits) {
  LoadRun run(limits);
  for (auto& lane : lanes_) {
    if (run.MaySend()) lane->Send();
  }
  while (run.outstanding() > 0) {
    bool ok = false;
    HADRON_ASSIGN_OR_RETURN(Lane * lane, Next(ok));
    HADRON_ASSIGN_OR_RETURN(const bool complete, lane->Advance(ok));
    if (!complete) continue;
    run.Answered(lane->sent());
    HADRON_RETURN_IF_ERROR(Answered(*lane));
    if (run.MaySend()) lane->Send();
  }
  return run.Finish();
}

}  // namespace

StatusOr<std::unique_ptr<Load>> OpenGrpcLoad(std::uint16_t port, const WireRequest& request,
                                             int lanes, bool stream) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  const auto channel = grpc::CreateCustomChannel(fmt::format("127.0.0.1:{}", port),
                                                 grpc::InsecureChannelCredentials(), arguments);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + kTimeout)) {
    return base::Unavailable(fmt::format("cannot connect to 127.0.0.1:{}", port));
  }
  return std::unique_ptr<Load>(std::make_unique<GrpcLoad>(channel, request, lanes, stream));
}

}  // namespace hadron::bench
