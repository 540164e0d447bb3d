#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>  // NOLINT: POSIX, for sigwait
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "server/options.h"
#include "server/server.h"
#include "server/version.h"

namespace hadron::server {
namespace {

int Fail(const base::Status& status) {
  base::FlushLog();
  std::fprintf(stderr, "hadron: %s\n", status.message().c_str());
  return 1;
}

base::Status SetUpLog(const Options& options) {
  base::LogOptions log;
  log.info = options.Bool("log-info");
  log.warning = options.Bool("log-warning");
  log.error = options.Bool("log-error");
  log.verbose_level = static_cast<unsigned>(options.Uint("log-verbose"));
  log.file = options.Text("log-file");
  const std::string format = base::ToLower(options.Text("log-format"));
  log.format = format == "json"      ? base::LogFormat::kJson
               : format == "iso8601" ? base::LogFormat::kIso8601
                                     : base::LogFormat::kDefault;
  std::string error;
  if (base::ConfigureLog(log, &error)) return {};
  return base::InvalidArgument(fmt::format("--log-file: {}", error));
}

/// Waits for SIGINT or SIGTERM; a second one ends the process at once.
class Signals {
 public:
  /// Before any thread is started, the log's included: one that does not block the signals would
  /// take them with their default action.
  static sigset_t Block() {
    sigset_t set{};
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    signal(SIGPIPE, SIG_IGN);  // a peer that hangs up is an error code
    return set;
  }

  explicit Signals(sigset_t set) : set_(set) {
    thread_ = std::jthread([this] { Watch(); });
  }
  ~Signals() {
    done_.store(true);
    pthread_kill(thread_.native_handle(), SIGTERM);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  const std::atomic<bool>& stop() const { return stop_; }
  void Wait() const { stop_.wait(false); }

 private:
  void Watch() {
    int signal = 0;
    sigwait(&set_, &signal);
    stop_.store(true);
    stop_.notify_all();
    if (done_.load()) return;
    base::LogInfo("stopping", {{"signal", signal}});
    sigwait(&set_, &signal);
    if (!done_.load()) _exit(1);
  }

  const sigset_t set_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> done_{false};
  std::jthread thread_;
};

int Serve(const Options& options, sigset_t blocked) {
  const Signals signals(blocked);
  auto server = Server::Create(options);
  if (!server.ok()) return Fail(std::move(server).status());
  (*server)->Start();
  const base::Status loaded = (*server)->WaitLoaded(signals.stop());
  const std::atomic<bool> now{true};
  const std::atomic<bool> patient{false};
  if (!loaded.ok() && options.Bool("exit-on-error")) {
    (*server)->Drain(now);
    return Fail(loaded);
  }
  if (base::Status written = (*server)->WritePortFile(); !written.ok()) {
    (*server)->Drain(now);
    return Fail(written);
  }
  signals.Wait();
  const bool clean = (*server)->Drain(patient);
  server->reset();
  base::LogInfo("stopped", {{"clean", clean}});
  base::FlushLog();
  return clean ? 0 : 1;
}

int Main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 1 && arguments[0] == "--options-markdown") {
    std::fputs(OptionsMarkdown().c_str(), stdout);
    return 0;
  }
  auto parsed = Options::Parse(arguments, argv[0]);
  if (!parsed.ok()) return Fail(std::move(parsed).status());
  if (parsed->action == Options::Action::kPrintAndExit) {
    std::fputs(parsed->print.c_str(), stdout);
    return 0;
  }
  const Options& options = parsed->options;
  if (const std::uint64_t seconds = options.Uint("sleep"); seconds > 0) {
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    return 0;
  }
  const sigset_t blocked = Signals::Block();
  if (base::Status status = SetUpLog(options); !status.ok()) return Fail(status);
  for (const std::string& name : options.IgnoredOptions()) {
    base::LogWarning("option has no effect in this server", {{"option", name}});
  }
  base::LogInfo("hadron starts", {{"version", kVersion}});
  return Serve(options, blocked);
}

}  // namespace
}  // namespace hadron::server

int main(int argc, char** argv) { return hadron::server::Main(argc, argv); }
