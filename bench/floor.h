#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace grpc {
class ByteBuffer;
}

namespace hadron::bench {

/// The floors: the least a server of a protocol can do, to compare ours with. Each runs until it is
/// killed, on one thread, listens on 127.0.0.1 and writes its port to a file as `hadron` does.
///   http      Beast, kept connections; a body is read into one buffer and sent back
///   grpc      generic asynchronous service, sends the message back
///   grpc_msg  the same, but parses the request and builds a response that copies the tensors
base::Status RunFloor(std::string_view name, const std::string& port_file);

base::Status RunHttpFloor(const std::string& port_file);

/// Makes the answer to a message; `stream` says which method was called.
using GrpcReply = grpc::ByteBuffer (*)(grpc::ByteBuffer& request, bool stream);
base::Status RunGrpcFloor(GrpcReply reply, const std::string& port_file);
grpc::ByteBuffer EchoReply(grpc::ByteBuffer& request, bool stream);
grpc::ByteBuffer MessageReply(grpc::ByteBuffer& request, bool stream);

/// {"<protocol>":<port>}, complete as soon as it is there.
base::Status WritePort(const std::string& port_file, std::string_view protocol, int port);

}  // namespace hadron::bench
