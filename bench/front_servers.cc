#include "bench/front_servers.h"

#include <fmt/format.h>

namespace hadron::bench {

using base::StatusOr;

StatusOr<std::unique_ptr<FrontServers>> FrontServers::Start(std::string server,
                                                            std::vector<int> cpus,
                                                            const std::vector<Payload>& payloads) {
  HADRON_ASSIGN_OR_RETURN(auto directory, TempDir::Make());
  auto servers = std::unique_ptr<FrontServers>(
      new FrontServers(std::move(server), std::move(cpus), std::move(directory)));
  HADRON_RETURN_IF_ERROR(WriteRepository(payloads, servers->repository()));
  HADRON_ASSIGN_OR_RETURN(servers->hadron_, servers->StartAnother("hadron"));
  HADRON_ASSIGN_OR_RETURN(servers->floor_http_, servers->StartAnother("floor_http"));
  HADRON_ASSIGN_OR_RETURN(servers->floor_grpc_, servers->StartAnother("floor_grpc"));
  HADRON_ASSIGN_OR_RETURN(servers->floor_grpc_msg_, servers->StartAnother("floor_grpc_msg"));
  return servers;
}

StatusOr<std::unique_ptr<ChildProcess>> FrontServers::StartAnother(const std::string& arm) {
  constexpr std::string_view kFloor = "floor_";
  const std::string ports = fmt::format("{}/{}.{}", directory_.path(), arm, started_++);
  ChildProcess::Command command{server_, {}, ports, cpus_};
  if (arm.starts_with(kFloor)) {
    command.program = "/proc/self/exe";
    command.arguments = {"floor", arm.substr(kFloor.size())};
  } else {
    command.arguments = {"--model-repository=" + repository(),
                         "--http-address=127.0.0.1",
                         "--grpc-address=127.0.0.1",
                         "--http-port=0",
                         "--grpc-port=0",
                         "--metrics-port=0",
                         "--shutdown-drain-secs=0"};
  }
  command.arguments.push_back("--port-file=" + ports);
  return ChildProcess::Start(command);
}

std::vector<Arm> FrontServers::ArmsOf(Protocol protocol) const {
  std::vector<Arm> arms = {{"hadron", hadron_.get(), Answers::kOutputs}};
  if (IsRest(protocol)) {
    arms.push_back({"floor_http", floor_http_.get(), Answers::kEcho});
  } else {
    arms.push_back({"floor_grpc", floor_grpc_.get(), Answers::kEcho});
    arms.push_back({"floor_grpc_msg", floor_grpc_msg_.get(), Answers::kInputs});
  }
  return arms;
}

}  // namespace hadron::bench
