// hadron-push: what `hadron-cli push` runs. A program of its own: it reads models with the server's
// code, whose description of the configuration cannot live in one process with the client
// library's.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <unistd.h>

#include <csignal>
#include <iostream>

#include "base/log.h"
#include "base/strings.h"
#include "cli/exit_code.h"
#include "cli/printable.h"
#include "cli/push/push.h"

namespace {

using hadron::base::Status;
using hadron::base::StatusCode;
using hadron::cli::ExitCode;
using hadron::cli::Printable;
using hadron::cli::push::Options;

constexpr const char* kFooter = R"(
MODEL_DIR is the directory of one model with its versions; everything in it is checked as the server
would check it before the first byte is sent. DESTINATION is a repository: a directory, or
s3://bucket/prefix with the credentials and endpoints that the server takes.

No server ever sees half a model, and what is there with an equal SHA-256 is not sent again: run an
interrupted push once more and it goes on. A version that is there with another content is not
touched; give the new one another number.

Exit codes: 0 done, 1 the destination fails or the push was interrupted, 2 wrong usage, a model that
no server would load, or a version that is there with another content.

Examples:
  hadron-cli push models/digits s3://models/production
  hadron-cli push models/digits /srv/models --as-version next)";

std::atomic<bool> g_interrupted{false};

void Interrupt(int) { g_interrupted.store(true); }

void AddOptions(CLI::App& app, Options& options) {
  app.add_option("MODEL_DIR", options.model, "Directory of one model")->required();
  app.add_option("DESTINATION", options.destination, "Directory or s3:// URL of the repository")
      ->required();
  app.add_option("--as-version", options.as_version,
                 "Number of the model's one version there; next: one more than the highest");
  app.add_option("--s3-addressing", options.s3_addressing, "auto, path or virtual")
      ->capture_default_str();
  app.add_flag("--s3-require-tls", options.s3_require_tls, "Refuse plain HTTP");
  app.add_flag("--s3-anonymous", options.s3_anonymous, "Send unsigned requests");
  app.add_flag("--s3-instance-credentials", options.s3_instance_credentials,
               "Ask the machine's metadata service for credentials");
  app.add_flag("--json", options.json, "Print JSON instead of text");
}

int Complain(const std::string& message, ExitCode code) {
  std::cerr << fmt::format("hadron-cli: {}\n", Printable(message));
  return static_cast<int>(code);
}

int Complain(const Status& status) {
  switch (status.code()) {
    case StatusCode::kInvalidArgument:
    case StatusCode::kNotFound:
    case StatusCode::kAlreadyExists:
    case StatusCode::kUnimplemented:
      return Complain(status.message(), ExitCode::kUsage);
    case StatusCode::kCancelled:
      return Complain(status.message() + "; run it again and it goes on", ExitCode::kServer);
    default:
      return Complain(status.message(), ExitCode::kServer);
  }
}

void Print(const Options& options, const std::string& model,
           const hadron::cli::push::Outcome& done) {
  const std::string versions = fmt::format("{}", fmt::join(done.versions, ", "));
  if (options.json) {
    std::cout << fmt::format(
        R"({{"model":{},"destination":{},"versions":[{}],"sent":{},"sent_bytes":{},"kept":{}}})"
        "\n",
        hadron::base::JsonQuote(model), hadron::base::JsonQuote(options.destination), versions,
        done.sent, done.sent_bytes, done.kept);
    return;
  }
  std::cout << fmt::format("{}: version{} {} in {}; {} files sent ({}), {} were there\n",
                           Printable(model), done.versions.size() == 1 ? "" : "s", versions,
                           Printable(options.destination), done.sent,
                           hadron::base::HumanBytes(done.sent_bytes), done.kept);
}

int Run(Options& options) {
  options.interrupted = &g_interrupted;
  const hadron::base::SystemClock clock;
  auto source = hadron::cli::push::ReadSource(options.model);
  if (!source.ok()) return Complain(source.CloneStatus());
  for (const std::string& note : source->notes) {
    std::cerr << fmt::format("hadron-cli: note: {}\n", Printable(note));
  }
  auto place = hadron::cli::push::OpenDestination(options, clock);
  if (!place.ok()) return Complain(place.CloneStatus());
  hadron::cli::push::Progress progress(std::cerr, ::isatty(STDERR_FILENO) == 1, clock);
  const auto done =
      hadron::cli::push::Push(*source, options.as_version, *place, progress, options.interrupted);
  if (!done.ok()) return Complain(done.CloneStatus());
  Print(options, source->name, *done);
  std::cout << std::flush;
  return std::cout.good() ? 0 : Complain("standard output cannot be written", ExitCode::kServer);
}

int Main(int argc, char** argv) {
  CLI::App app("Brings a model to a repository, checked and whole.", "hadron-cli push");
  app.footer(kFooter);
  Options options;
  AddOptions(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  std::signal(SIGINT, Interrupt);
  std::signal(SIGTERM, Interrupt);
  std::string unused;  // the console is always there
  hadron::base::LogOptions log;
  log.info = false;
  hadron::base::ConfigureLog(log, &unused);
  const int code = Run(options);
  hadron::base::FlushLog();
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Main(argc, argv);
  } catch (const std::exception& error) {
    return Complain(error.what(), ExitCode::kServer);
  }
}
