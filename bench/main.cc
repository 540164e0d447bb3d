#include <fmt/chrono.h>
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <map>
#include <optional>

#include "bench/churn_case.h"
#include "bench/cold_case.h"
#include "bench/density_case.h"
#include "bench/engine_case.h"
#include "bench/family_case.h"
#include "bench/faults_case.h"
#include "bench/floor.h"
#include "bench/front_case.h"
#include "bench/goals.h"
#include "bench/ingest_case.h"
#include "bench/isolate_case.h"
#include "bench/kernels_case.h"
#include "bench/machine.h"
#include "bench/model_set.h"
#include "bench/opencl_case.h"
#include "bench/report.h"
#include "bench/results.h"
#include "bench/results_command.h"
#include "bench/revision.h"
#include "bench/server_under_test.h"
#include "bench/serving_case.h"
#include "bench/steps_case.h"
#include "bench/switch_case.h"
#include "bench/tune_case.h"
#include "bench/zoo_case.h"

namespace hadron::bench {
namespace {

constexpr int kNotStarted = 2;

struct Arguments {
  std::vector<std::string> cases = {"engine", "front"};
  std::string profile = "quick";
  std::string out;
  std::string goals;
  ReportOptions report;
  EngineOptions engine;
  FrontOptions front;
  ServedOptions served;
  ServingOptions serving;
  TuneOptions tune;
  SetRequest set;
  std::string floor;
  std::string port_file;
};

void SetDefaults(Arguments& arguments) {
  EngineOptions& engine = arguments.engine;
  engine.repository = std::string(HADRON_SOURCE_DIR) + "/model_repo";
  engine.models = {"digits", "calo_gan"};
  arguments.tune.repository = engine.repository;
  arguments.serving.topologies = std::string(HADRON_SOURCE_DIR) + "/build/fixtures/topologies";
  arguments.tune.models = engine.models;
  engine.python = std::string(HADRON_SOURCE_DIR) + "/build/venv/bin/python";
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  arguments.front.server = (self.parent_path() / "hadron").string();
}

using ServedCase = base::StatusOr<CaseResult> (*)(const ServedOptions&);

/// Cases that start the server and share it among many models.
const std::map<std::string, ServedCase>& ServedCases() {
  static const std::map<std::string, ServedCase> cases = {
      {"churn", RunChurnCase},     {"cold", RunColdCase},     {"density", RunDensityCase},
      {"family", RunFamilyCase},   {"faults", RunFaultsCase}, {"ingest", RunIngestCase},
      {"isolate", RunIsolateCase}, {"switch", RunSwitchCase}, {"zoo", RunZooCase},
  };
  return cases;
}

using ServingCase = base::StatusOr<CaseResult> (*)(const ServingOptions&);

/// Cases of the engine in process, without protocols.
const std::map<std::string, ServingCase>& ServingCases() {
  static const std::map<std::string, ServingCase> cases = {
      {"account", RunAccountCase}, {"batch", RunBatchCase}, {"burst", RunBurstCase},
      {"exact", RunExactCase},     {"mixed", RunMixedCase}, {"neighbour", RunNeighbourCase},
      {"queue", RunQueueCase},     {"quota", RunQuotaCase}, {"share", RunShareCase},
  };
  return cases;
}

template <typename Cases>
std::string Names(const Cases& cases) {
  std::string names;
  for (const auto& [name, run] : cases) names += (names.empty() ? "" : ", ") + name;
  return names;
}

CLI::App* AddRun(CLI::App& app, Arguments& arguments) {
  CLI::App* run = app.add_subcommand("run", "Run cases");
  run->add_option("case", arguments.cases,
                  "engine, front (both without one), kernels, opencl, steps; models that share a "
                  "server: " +
                      Names(ServedCases()) +
                      "; batching and sharing in process: " + Names(ServingCases()));
  run->add_option("--profile", arguments.profile, "quick, full, or smoke: checks answers only")
      ->check(CLI::IsMember({"quick", "full", "smoke"}));
  run->add_option("--out", arguments.out,
                  "Directory for the results as JSON, the table and a picture a case");
  run->add_option("--goals", arguments.goals, "What the ratios are to be: bench/goals.json");
  EngineOptions& engine = arguments.engine;
  run->add_option("--models", engine.models, "engine: models of the repository");
  run->add_option("--batch", engine.batches, "engine: batch sizes");
  run->add_option("--threads", engine.threads, "engine: threads of both arms");
  run->add_option("--python", engine.python, "engine: interpreter with onnxruntime");
  run->add_option("--repository", engine.repository, "Directory of models");
  run->add_option("--topologies", arguments.serving.topologies,
                  "neighbour, mixed: directory of the networks that the tests' fixtures make");
  run->add_option("--server", arguments.front.server, "The program hadron");
  run->add_option("--seed", arguments.served.seed, "Models and requests follow from it");
  run->add_option("--scale", arguments.served.scale,
                  "Divides the bytes of generated models; 0 = what the profile has");
  return run;
}

CLI::App* AddReport(CLI::App& app, ReportOptions& options) {
  CLI::App* report =
      app.add_subcommand("report", "Print tables and draw pictures of stored results again");
  report->add_option("FILES", options.files, "results.json of runs")->required();
  report->add_option("--out", options.out, "Directory for the pictures; none: beside each file");
  report->add_option("--goals", options.goals, "Judge by this file instead");
  return report;
}

CLI::App* AddGenModels(CLI::App& app, Arguments& arguments) {
  CLI::App* gen = app.add_subcommand("gen-models", "Write a set of models that follow from a seed");
  gen->add_option("--set", arguments.set.set,
                  "mlp-1, -8, -32, -128, -512, zoo100, zoo100eq, family100, tiny1000")
      ->required();
  gen->add_option("--out", arguments.out, "Directory of models, made if it is not there")
      ->required();
  gen->add_option("--seed", arguments.set.seed, "The models follow from it");
  gen->add_option("--scale", arguments.set.scale, "Divides the models' bytes")
      ->check(CLI::PositiveNumber);
  gen->add_option("--count", arguments.set.count, "Only the first of the set; 0 = all");
  return gen;
}

base::Status GenerateModels(const Arguments& arguments) {
  HADRON_ASSIGN_OR_RETURN(const auto set, ModelSet(arguments.set));
  return WriteModelSet(set, arguments.out, true);
}

CLI::App* AddTune(CLI::App& app, TuneOptions& options) {
  CLI::App* tune = app.add_subcommand("tune", "Tune the first OpenCL device for models");
  tune->add_option("--repository", options.repository, "Directory of models");
  tune->add_option("--models", options.models, "Models of the repository");
  tune->add_option("--batch", options.batches, "Batch sizes");
  tune->add_option("--threads", options.device.threads, "Threads of PoCL");
  tune->add_option("--opencl-family", options.device.family, "Kernels: auto, cpu or gpu")
      ->check(CLI::IsMember({"auto", "cpu", "gpu"}));
  tune->add_option("--cache-dir", options.device.cache_dir,
                   "The server's --cache-dir, where results are kept; none: they are only shown");
  return tune;
}

CLI::App* AddFloor(CLI::App& app, Arguments& arguments) {
  CLI::App* floor = app.add_subcommand("floor", "Be a floor server")->group("");
  floor->add_option("name", arguments.floor, "http, grpc or grpc_msg")->required();
  floor->add_option("--port-file", arguments.port_file, "Where to write the port")->required();
  return floor;
}

int RoundsOf(const std::string& profile) {
  if (profile == "full") return 9;
  return profile == "quick" ? 5 : 1;
}

/// Not a comparison, so not among the results.
base::Status ShowSteps(const EngineOptions& engine) {
  return RunStepsCase({engine.repository, engine.models, engine.batches, engine.threads});
}

base::StatusOr<CaseResult> RunEngine(const Arguments& arguments) {
  EngineOptions engine = arguments.engine;
  engine.rounds = RoundsOf(arguments.profile);
  HADRON_ASSIGN_OR_RETURN(auto ratios, RunEngineCase(engine));
  return CaseResult{std::move(ratios), {}};
}

base::StatusOr<CaseResult> RunCase(const std::string& name, const Arguments& arguments) {
  const EngineOptions& engine = arguments.engine;
  if (const auto served = ServedCases().find(name); served != ServedCases().end()) {
    ServedOptions options = arguments.served;
    options.server = arguments.front.server;
    options.profile = arguments.profile;
    return served->second(options);
  }
  if (const auto serving = ServingCases().find(name); serving != ServingCases().end()) {
    ServingOptions options = arguments.serving;
    options.profile = arguments.profile;
    options.repository = engine.repository;
    options.server = arguments.front.server;
    options.seed = arguments.served.seed;
    options.threads = engine.threads;
    return serving->second(options);
  }
  if (name == "front") {
    FrontOptions front = arguments.front;
    front.profile = arguments.profile;
    return RunFrontCase(front);
  }
  if (name == "kernels") return RunKernelsCase({engine.threads, RoundsOf(arguments.profile)});
  if (name == "opencl") {
    return RunOpenClCase(
        {engine.repository, engine.models, engine.threads, RoundsOf(arguments.profile)});
  }
  if (name == "steps") {
    HADRON_RETURN_IF_ERROR(ShowSteps(engine));
    return CaseResult{};
  }
  if (name == "engine") return RunEngine(arguments);
  return base::InvalidArgument("there is no such case");
}

RunFacts FactsOf(const Arguments& arguments) {
  RunFacts facts;
  facts.utc = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  facts.commit = kCommit;
  facts.dirty = kDirty;
  facts.version = HADRON_VERSION;
  facts.build = HADRON_BUILD;
  facts.profile = arguments.profile;
  facts.seed = arguments.served.seed;
  facts.scale = arguments.served.scale;
  return facts;
}

CaseReport RunAndJudge(const std::string& name, const Arguments& arguments,
                       const std::vector<Goal>& goals, const Quietness& machine) {
  fmt::print(stderr, "hadron-bench: {} ...\n", name);
  auto result = RunCase(name, arguments);
  CaseReport report{name, {}, {}, "", false};
  if (result.ok()) {
    report.result = std::move(result).value();
    report.checks = Judge(goals, name, report.result.ratios, machine);
    return report;
  }
  report.error = result.message();
  report.wrong_answer = result.code() == base::StatusCode::kInternal;
  fmt::print(stderr, "hadron-bench: {}: {}\n", name, report.error);
  return report;
}

/// A case that fails does not keep the others from running. Results are kept after each: what ends
/// a long run early takes no more than one case with it.
base::StatusOr<int> RunCases(const Arguments& arguments) {
  HADRON_ASSIGN_OR_RETURN(const std::vector<Goal> goals, ReadGoals(arguments.goals));
  RunReport report{FactsOf(arguments), ThisMachine(), {}};
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string& name : arguments.cases) {
    report.cases.push_back(RunAndJudge(name, arguments, goals, report.quietness()));
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    report.facts.duration_s = elapsed.count();
    report.machine.load_after = LoadOfTheMinute();
    if (arguments.out.empty()) continue;
    HADRON_RETURN_IF_ERROR(WriteResults(report, arguments.out));
    HADRON_RETURN_IF_ERROR(WriteReport(report, {arguments.out, ""}));
  }
  fmt::print("{}", ReportTable(report));
  return ExitCode(report);
}

/// Exit code 2 for wrong usage, whatever the library would say.
template <typename Parse>
std::optional<int> Usage(const CLI::App& app, const Parse& parse) {
  try {
    parse();
    return std::nullopt;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kNotStarted;
  }
}

int Main(int argc, char** argv) {
  Arguments arguments;
  SetDefaults(arguments);
  CLI::App app("Measures Hadron against its peers; prints ratios of medians.", "hadron-bench");
  app.require_subcommand(1);
  const CLI::App* run = AddRun(app, arguments);
  const CLI::App* gen = AddGenModels(app, arguments);
  const CLI::App* tune = AddTune(app, arguments.tune);
  AddFloor(app, arguments);
  std::vector<std::string> files;
  CLI::App* compare =
      app.add_subcommand("compare", "Compare the ratios of two results.json, A and B");
  compare->add_option("FILES", files, "A B")->required()->expected(2);
  const CLI::App* again = AddReport(app, arguments.report);
  if (const auto code = Usage(app, [&] { app.parse(argc, argv); })) return *code;
  if (compare->parsed()) return RunCompareCommand(files);
  if (again->parsed()) return RunReportCommand(arguments.report);
  if (run->parsed()) {
    const auto code = RunCases(arguments);
    if (!code.ok()) fmt::print(stderr, "hadron-bench: {}\n", code.message());
    return code.ok() ? *code : kNotStarted;
  }
  const base::Status status = gen->parsed()    ? GenerateModels(arguments)
                              : tune->parsed() ? RunTune(arguments.tune)
                                               : RunFloor(arguments.floor, arguments.port_file);
  if (status.ok()) return 0;
  fmt::print(stderr, "hadron-bench: {}\n", status.message());
  return kNotStarted;
}

}  // namespace
}  // namespace hadron::bench

int main(int argc, char** argv) { return hadron::bench::Main(argc, argv); }
