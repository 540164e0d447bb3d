#include "bench/floor.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>

namespace hadron::bench {

using base::Status;

Status RunFloor(std::string_view name, const std::string& port_file) {
  if (name == "http") return RunHttpFloor(port_file);
  if (name == "grpc") return RunGrpcFloor(&EchoReply, port_file);
  if (name == "grpc_msg") return RunGrpcFloor(&MessageReply, port_file);
  return base::InvalidArgument(
      fmt::format("there is no floor '{}'; choose http, grpc or grpc_msg", name));
}

Status WritePort(const std::string& port_file, std::string_view protocol, int port) {
  const std::string part = port_file + ".part";
  std::ofstream out(part, std::ios::trunc);
  out << fmt::format(R"({{"{}":{}}})", protocol, port) << "\n";
  out.close();
  if (!out || std::rename(part.c_str(), port_file.c_str()) != 0) {
    return base::Unavailable("cannot write " + port_file);
  }
  return {};
}

}  // namespace hadron::bench
