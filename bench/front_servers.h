#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "bench/child_process.h"
#include "bench/front_message.h"
#include "bench/front_repository.h"

namespace hadron::bench {

/// What a server sends back.
enum class Answers : std::uint8_t { kOutputs, kInputs, kEcho };

/// One side of a comparison. The first arm of a protocol is the product.
struct Arm {
  std::string name;
  const ChildProcess* process;
  Answers answers;
};

/// The product and the floors, running, with the models of the payloads. They end with this object.
class FrontServers {
 public:
  static base::StatusOr<std::unique_ptr<FrontServers>> Start(std::string server,
                                                             std::vector<int> cpus,
                                                             const std::vector<Payload>& payloads);

  std::vector<Arm> ArmsOf(Protocol protocol) const;
  /// One more process of an arm, for what needs a young one.
  base::StatusOr<std::unique_ptr<ChildProcess>> StartAnother(const std::string& arm);

 private:
  FrontServers(std::string server, std::vector<int> cpus, TempDir directory)
      : server_(std::move(server)), cpus_(std::move(cpus)), directory_(std::move(directory)) {}
  std::string repository() const { return directory_.path() + "/models"; }

  const std::string server_;
  const std::vector<int> cpus_;
  TempDir directory_;
  int started_ = 0;
  std::unique_ptr<ChildProcess> hadron_;
  std::unique_ptr<ChildProcess> floor_http_;
  std::unique_ptr<ChildProcess> floor_grpc_;
  std::unique_ptr<ChildProcess> floor_grpc_msg_;
};

}  // namespace hadron::bench
