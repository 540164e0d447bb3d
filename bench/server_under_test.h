#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "bench/child_process.h"
#include "bench/front_repository.h"
#include "net/http_client.h"

namespace hadron::bench {

/// What the cases about many models have in common.
struct ServedOptions {
  std::string server;             ///< the program `hadron`
  std::string profile = "quick";  ///< quick, full, or smoke: few requests, checks answers only
  std::uint64_t seed = 1;
  double scale = 0;  ///< divides the models' bytes; 0 = what the profile has
};

/// The product in a process of its own, on free ports of the loopback, driven by REST. It ends with
/// this object. Externally synchronised.
///
///     HADRON_ASSIGN_OR_RETURN(auto server, ServerUnderTest::Start({program, {"--model-rep..."}}));
///     HADRON_RETURN_IF_ERROR(server->Load("zoo07"));
class ServerUnderTest {
 public:
  struct Setup {
    std::string program;
    std::vector<std::string> arguments;  ///< besides those of every server
    std::vector<std::string> environment = {};
    std::vector<int> cpus = {};
    std::string cache_dir = {};  ///< empty: one of its own, empty at first
  };

  static base::StatusOr<std::unique_ptr<ServerUnderTest>> Start(const Setup& setup);

  ChildProcess& process() { return *process_; }
  std::uint16_t port() const { return process_->port("http"); }

  /// UNAVAILABLE with the server's words unless it answers 200.
  base::StatusOr<std::string> Call(const std::string& method, const std::string& path,
                                   const std::string& body = "");
  base::Status Load(const std::string& model);
  base::Status Unload(const std::string& model);
  /// Loads all of `models`, so many at a time; the answer to each.
  std::vector<base::Status> LoadAll(const std::vector<std::string>& models, std::size_t parallel);
  /// Returns when the server is ready, asking every millisecond.
  base::Status AwaitReady();
  /// Values by "name" or "name{labels}", as exposed.
  base::StatusOr<std::map<std::string, double>> Metrics();
  /// Sum over all labels; 0 when there is none.
  base::StatusOr<double> Metric(const std::string& name);
  /// The metric once it is `value`, or what it still is after `patience`.
  base::StatusOr<double> AwaitMetric(const std::string& name, double value,
                                     std::chrono::seconds patience = std::chrono::seconds(10));

 private:
  base::StatusOr<std::string> CallBy(net::BlockingHttpClient& client, const std::string& method,
                                     const std::string& path, const std::string& body) const;
  explicit ServerUnderTest(TempDir directory) : directory_(std::move(directory)) {}

  TempDir directory_;
  net::BlockingHttpClient client_;
  net::BlockingHttpClient metrics_client_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace hadron::bench
