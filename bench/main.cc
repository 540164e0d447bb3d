#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "bench/churn_case.h"
#include "bench/cold_case.h"
#include "bench/compare.h"
#include "bench/density_case.h"
#include "bench/engine_case.h"
#include "bench/family_case.h"
#include "bench/faults_case.h"
#include "bench/floor.h"
#include "bench/front_case.h"
#include "bench/ingest_case.h"
#include "bench/isolate_case.h"
#include "bench/kernels_case.h"
#include "bench/model_set.h"
#include "bench/opencl_case.h"
#include "bench/report.h"
#include "bench/server_under_test.h"
#include "bench/steps_case.h"
#include "bench/switch_case.h"
#include "bench/tune_case.h"
#include "bench/zoo_case.h"

namespace hadron::bench {
namespace {

constexpr int kWrongAnswer = 1;
constexpr int kWorse = 1;
constexpr int kNotStarted = 2;

struct Arguments {
  std::vector<std::string> cases = {"engine", "front"};
  std::string profile = "quick";
  std::string out;
  EngineOptions engine;
  FrontOptions front;
  ServedOptions served;
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

std::string Names(const std::map<std::string, ServedCase>& cases) {
  std::string names;
  for (const auto& [name, run] : cases) names += (names.empty() ? "" : ", ") + name;
  return names;
}

CLI::App* AddRun(CLI::App& app, Arguments& arguments) {
  CLI::App* run = app.add_subcommand("run", "Run cases");
  run->add_option("case", arguments.cases,
                  "engine, front (both without one), kernels, opencl, steps; models that share a "
                  "server: " +
                      Names(ServedCases()));
  run->add_option("--profile", arguments.profile, "quick, full, or smoke: checks answers only")
      ->check(CLI::IsMember({"quick", "full", "smoke"}));
  run->add_option("--out", arguments.out, "Directory for the results as JSON");
  EngineOptions& engine = arguments.engine;
  run->add_option("--models", engine.models, "engine: models of the repository");
  run->add_option("--batch", engine.batches, "engine: batch sizes");
  run->add_option("--threads", engine.threads, "engine: threads of both arms");
  run->add_option("--python", engine.python, "engine: interpreter with onnxruntime");
  run->add_option("--repository", engine.repository, "engine: directory of models");
  run->add_option("--server", arguments.front.server, "The program hadron");
  run->add_option("--seed", arguments.served.seed, "Models and requests follow from it");
  run->add_option("--scale", arguments.served.scale,
                  "Divides the bytes of generated models; 0 = what the profile has");
  return run;
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

/// A case that fails does not keep the others from running; the worst decides the exit code.
int RunCases(const Arguments& arguments) {
  int code = 0;
  std::vector<CaseResult> results;
  for (const std::string& name : arguments.cases) {
    auto result = RunCase(name, arguments);
    if (!result.ok()) {
      fmt::print(stderr, "hadron-bench: {}: {}\n", name, result.message());
      const bool wrong = result.code() == base::StatusCode::kInternal;
      code = std::max(code, wrong ? kWrongAnswer : kNotStarted);
      continue;
    }
    if (!result->ratios.empty()) PrintCase(*result);
    results.push_back(std::move(result).value());
  }
  if (!arguments.out.empty()) {
    const RunFacts facts{arguments.profile, arguments.served.seed,
                         static_cast<double>(arguments.served.scale)};
    WriteJson(results, facts, arguments.out);
  }
  return code;
}

base::StatusOr<std::string> ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (file.good()) return text.str();
  return base::NotFound(fmt::format("{}: cannot be read", path));
}

/// 0: nothing is worse, 1: something is, 2: they cannot be compared.
int RunCompare(const std::vector<std::string>& paths) {
  const auto compared = [&]() -> base::StatusOr<Comparison> {
    HADRON_ASSIGN_OR_RETURN(const std::string a, ReadText(paths[0]));
    HADRON_ASSIGN_OR_RETURN(const std::string b, ReadText(paths[1]));
    return Compare(a, b);
  }();
  if (!compared.ok()) {
    fmt::print(stderr, "hadron-bench: compare: {}\n", compared.message());
    return kNotStarted;
  }
  fmt::print("{}{} worse, {} better\n", compared->text, compared->worse, compared->better);
  return compared->worse > 0 ? kWorse : 0;
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
  const CLI::App* compare =
      app.add_subcommand("compare", "Compare the ratios of two results.json, A and B");
  app.get_subcommand("compare")->add_option("FILES", files, "A B")->required()->expected(2);
  CLI11_PARSE(app, argc, argv);
  if (compare->parsed()) return RunCompare(files);
  if (run->parsed()) return RunCases(arguments);
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
