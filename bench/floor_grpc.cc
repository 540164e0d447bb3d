// Floors of gRPC: generic asynchronous service, one completion queue, one thread. Unary calls and
// streams alike.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <memory>

#include "bench/floor.h"

namespace hadron::bench {
namespace {

constexpr int kWaitingCalls = 64;

struct Service {
  grpc::AsyncGenericService generic;
  std::unique_ptr<grpc::ServerCompletionQueue> queue;
  GrpcReply reply;
};

/// One call, one operation at a time; it is the tag of each, and deletes itself at the end.
class Call {
 public:
  explicit Call(Service& service) : service_(service) {
    service_.generic.RequestCall(&context_, &stream_, service_.queue.get(), service_.queue.get(),
                                 this);
  }

  void Advance(bool ok) {
    switch (next_) {
      case Step::kRead:
        if (!streaming_) {
          if (ok) new Call(service_);
          streaming_ = context_.method().ends_with("ModelStreamInfer");
        }
        return ok ? Read() : Finish();
      case Step::kAnswer:
        return ok ? Answer() : Finish();
      case Step::kGone:
        delete this;
    }
  }

 private:
  enum class Step { kRead, kAnswer, kGone };

  void Read() {
    next_ = Step::kAnswer;
    stream_.Read(&message_, this);
  }

  void Answer() {
    const grpc::ByteBuffer answer = service_.reply(message_, streaming_);
    next_ = streaming_ ? Step::kRead : Step::kGone;
    if (streaming_) {
      stream_.Write(answer, this);
    } else {
      stream_.WriteAndFinish(answer, {}, grpc::Status::OK, this);
    }
  }

  void Finish() {
    next_ = Step::kGone;
    stream_.Finish(grpc::Status::OK, this);
  }

  Service& service_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  grpc::ByteBuffer message_;
  bool streaming_ = false;
  Step next_ = Step::kRead;
};

}  // namespace

grpc::ByteBuffer EchoReply(grpc::ByteBuffer& request, bool /*stream*/) { return request; }

base::Status RunGrpcFloor(GrpcReply reply, const std::string& port_file) {
  Service service{{}, nullptr, reply};
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(-1);
  builder.SetMaxSendMessageSize(-1);
  builder.RegisterAsyncGenericService(&service.generic);
  service.queue = builder.AddCompletionQueue();
  const auto server = builder.BuildAndStart();
  if (server == nullptr) return base::Unavailable("the gRPC floor did not start");
  for (int i = 0; i < kWaitingCalls; ++i) new Call(service);
  HADRON_RETURN_IF_ERROR(WritePort(port_file, "grpc", port));
  void* tag = nullptr;
  bool ok = false;
  while (service.queue->Next(&tag, &ok)) static_cast<Call*>(tag)->Advance(ok);
  return {};
}

}  // namespace hadron::bench
