// hadron-explain: what `hadron-cli explain` runs. A program of its own, because it computes: it
// links the backends and the device drivers, which a client on somebody's desk must not need.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <fstream>
#include <iostream>

#include "base/log.h"
#include "cli/exit_code.h"
#include "cli/explain/explain.h"
#include "cli/explain/render_plan.h"
#include "cli/printable.h"

namespace {

using hadron::base::Status;
using hadron::base::StatusCode;
using hadron::cli::ExitCode;
using hadron::cli::explain::Options;

constexpr const char* kFooter = R"(
MODEL is a model file, a version directory or the directory of one model in a repository; its
config.pbtxt counts. The plan is the one that the server makes of it; inputs are made up.

Exit codes: 0 done, 1 the device fails, 2 wrong usage, or a model that is refused or too large.

Examples:
  hadron-cli explain --plan model_repo/digits
  hadron-cli explain --plan model_repo/digits --batch 8 --svg digits.svg
  hadron-cli explain --plan resnet50.onnx --device opencl --json)";

void AddOptions(CLI::App& app, Options& options, bool& plan) {
  app.add_option("MODEL", options.model, "Model file, version directory or model directory");
  app.add_flag("--plan", plan, "Explain the execution plan");
  app.add_option("--device", options.device, "auto, cpu, opencl or opencl:<n>")
      ->capture_default_str();
  app.add_option("--opencl-family", options.family, "Kernels of OpenCL devices: auto, cpu or gpu")
      ->capture_default_str();
  app.add_option("--batch", options.batch, "Rows of the run")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Threads of the CPU; 0: as the server")
      ->check(CLI::Range(0U, 1024U))
      ->capture_default_str();
  app.add_option("--runs", options.runs, "Runs measured")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--disable-pass", options.disabled_passes, "Leave this pass out; repeatable")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--shape", options.shapes,
                 "INPUT=DIMxDIM without the batch, for inputs of any size; repeatable")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--svg", options.svg, "Draw the plan as a graph into this file");
  app.add_flag("--json", options.json, "Print JSON instead of the table");
}

int Complain(const std::string& message, ExitCode code) {
  std::cerr << fmt::format("hadron-cli: {}\n", hadron::cli::Printable(message));
  return static_cast<int>(code);
}

ExitCode CodeOf(const Status& status) {
  switch (status.code()) {
    case StatusCode::kInvalidArgument:
    case StatusCode::kNotFound:
    case StatusCode::kResourceExhausted:
    case StatusCode::kUnimplemented:
      return ExitCode::kUsage;
    default:
      return ExitCode::kServer;
  }
}

bool Write(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  return !out.fail();
}

int Run(const Options& options) {
  const auto report = hadron::cli::explain::Explain(options);
  if (!report.ok()) {
    const Status status = report.CloneStatus();
    return Complain(status.message(), CodeOf(status));
  }
  if (!options.svg.empty() && !Write(options.svg, PlanPicture(*report))) {
    return Complain(fmt::format("--svg: '{}' cannot be written", options.svg), ExitCode::kUsage);
  }
  std::cout << (options.json ? PlanJson(*report) : PlanTable(*report)) << std::flush;
  return std::cout.good() ? 0 : Complain("standard output cannot be written", ExitCode::kServer);
}

int Main(int argc, char** argv) {
  CLI::App app("Shows how Hadron runs a model: every step, where, how fast.", "hadron-cli explain");
  app.footer(kFooter);
  Options options;
  bool plan = false;
  AddOptions(app, options, plan);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  if (!plan || options.model.empty()) {
    return Complain("say what to explain: hadron-cli explain --plan MODEL", ExitCode::kUsage);
  }
  std::string unused;  // the console is always there
  hadron::base::LogOptions log;
  log.info = false;
  log.warning = false;
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
