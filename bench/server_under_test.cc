#include "bench/server_under_test.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <thread>

namespace hadron::bench {

using base::Status;
using base::StatusOr;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto kPoll = std::chrono::milliseconds(1);
constexpr auto kPatience = std::chrono::seconds(60);
constexpr auto kTimeout = std::chrono::seconds(120);
constexpr int kOk = 200;
constexpr std::size_t kShown = 500;

std::string LoadPath(const std::string& model) {
  return fmt::format("/v2/repository/models/{}/load", model);
}

}  // namespace

StatusOr<std::unique_ptr<ServerUnderTest>> ServerUnderTest::Start(const Setup& setup) {
  HADRON_ASSIGN_OR_RETURN(auto directory, TempDir::Make());
  auto server = std::unique_ptr<ServerUnderTest>(new ServerUnderTest(std::move(directory)));
  const std::string ports = server->directory_.path() + "/ports";
  const std::string cache =
      setup.cache_dir.empty() ? server->directory_.path() + "/cache" : setup.cache_dir;
  ChildProcess::Command command{
      setup.program,
      {"--http-address=127.0.0.1", "--grpc-address=127.0.0.1", "--http-port=0", "--grpc-port=0",
       "--metrics-port=0", "--shutdown-drain-secs=0", "--cache-dir=" + cache,
       "--port-file=" + ports},
      ports,
      setup.cpus,
      setup.environment};
  command.arguments.insert(command.arguments.end(), setup.arguments.begin(), setup.arguments.end());
  HADRON_ASSIGN_OR_RETURN(server->process_, ChildProcess::Start(command));
  return server;
}

StatusOr<std::string> ServerUnderTest::Call(const std::string& method, const std::string& path,
                                            const std::string& body) {
  return CallBy(client_, method, path, body);
}

StatusOr<std::string> ServerUnderTest::CallBy(net::BlockingHttpClient& client,
                                              const std::string& method, const std::string& path,
                                              const std::string& body) const {
  net::HttpClientRequest request;
  request.method = method;
  request.url = fmt::format("http://127.0.0.1:{}{}", port(), path);
  request.body = base::IoBuf::FromString(body);
  request.timeout = kTimeout;
  HADRON_ASSIGN_OR_RETURN(auto answer, client.Send(request));
  if (answer.status == kOk) return std::move(answer.body);
  return base::Unavailable(fmt::format("{} {} answers {}: {}", method, path, answer.status,
                                       answer.body.substr(0, kShown)));
}

Status ServerUnderTest::Load(const std::string& model) {
  return Call("POST", LoadPath(model)).status();
}

Status ServerUnderTest::Unload(const std::string& model) {
  return Call("POST", fmt::format("/v2/repository/models/{}/unload", model)).status();
}

std::vector<Status> ServerUnderTest::LoadAll(const std::vector<std::string>& models,
                                             std::size_t parallel) {
  std::vector<Status> answers(models.size());
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < parallel; ++i) {
    threads.emplace_back([&] {
      net::BlockingHttpClient client;
      for (std::size_t at = next++; at < models.size(); at = next++) {
        answers[at] = CallBy(client, "POST", LoadPath(models[at]), "").status();
      }
    });
  }
  threads.clear();
  return answers;
}

Status ServerUnderTest::AwaitReady() {
  const auto deadline = Clock::now() + kPatience;
  while (true) {
    const auto answer = Call("GET", "/v2/health/ready");
    if (answer.ok()) return {};
    if (Clock::now() > deadline) return answer.CloneStatus();
    std::this_thread::sleep_for(kPoll);
  }
}

StatusOr<std::map<std::string, double>> ServerUnderTest::Metrics() {
  net::HttpClientRequest request;
  request.url = fmt::format("http://127.0.0.1:{}/metrics", process_->port("metrics"));
  HADRON_ASSIGN_OR_RETURN(const auto answer, metrics_client_.Send(request));
  if (answer.status != kOk) return base::Unavailable("no metrics");
  std::map<std::string, double> values;
  std::istringstream lines(answer.body);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = line.rfind(' ');
    if (line.starts_with("#") || space == std::string::npos) continue;
    values[line.substr(0, space)] = std::strtod(line.c_str() + space, nullptr);
  }
  return values;
}

StatusOr<double> ServerUnderTest::Metric(const std::string& name) {
  HADRON_ASSIGN_OR_RETURN(const auto values, Metrics());
  double sum = 0;
  for (const auto& [key, value] : values) {
    if (key == name || key.starts_with(name + "{")) sum += value;
  }
  return sum;
}

StatusOr<double> ServerUnderTest::AwaitMetric(const std::string& name, double value,
                                              std::chrono::seconds patience) {
  const auto deadline = Clock::now() + patience;
  while (true) {
    HADRON_ASSIGN_OR_RETURN(const double now, Metric(name));
    if (now == value || Clock::now() > deadline) return now;
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace hadron::bench
