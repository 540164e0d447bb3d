#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "bench/engine_case.h"

namespace hadron::bench {
namespace {

constexpr double kNoisy = 0.25;

void Print(const std::vector<Ratio>& ratios) {
  fmt::print("{:<24} {:<22} {:>8} {:>8} {:>8} {:>12} {:>12}\n", "case", "peer", "ratio", "min",
             "max", "ours us", "peer us");
  for (const Ratio& r : ratios) {
    const auto [low, high] = std::ranges::minmax(r.ratios);
    fmt::print("{:<24} {:<22} {:>8.3f} {:>8.3f} {:>8.3f} {:>12.1f} {:>12.1f}{}\n", r.what, r.peer,
               Median(r.ratios), low, high, Median(r.ours_us), Median(r.peer_us),
               Spread(r.ratios) > kNoisy ? "  noisy" : "");
  }
}

nlohmann::json ToJson(const std::vector<Ratio>& ratios) {
  nlohmann::json all = nlohmann::json::array();
  for (const Ratio& r : ratios) {
    all.push_back({{"case", r.what},
                   {"peer", r.peer},
                   {"ratio", Median(r.ratios)},
                   {"rounds", r.ratios},
                   {"ours_us", r.ours_us},
                   {"peer_us", r.peer_us}});
  }
  return {{"version", 1}, {"results", all}};
}

/// The executor runs as in the server: OpenMP workers do not spin (server/main.cc says why), which
/// must be set before libgomp starts. It is also what keeps them off the peer's cores.
void SetUpOpenMp(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") != nullptr) return;  // NOLINT(concurrency-mt-unsafe)
  setenv("GOMP_SPINCOUNT", "0", 1);                      // NOLINT(concurrency-mt-unsafe)
  execv("/proc/self/exe", argv);
}

int Main(int argc, char** argv) {
  SetUpOpenMp(argv);
  CLI::App app("Measures Hadron against its peers; prints ratios of medians.", "hadron-bench");
  app.require_subcommand(1);
  CLI::App* run = app.add_subcommand("run", "Run cases");
  std::vector<std::string> cases = {"engine"};
  std::string profile = "quick";
  std::string out;
  EngineOptions engine;
  engine.repository = std::string(HADRON_SOURCE_DIR) + "/model_repo";
  engine.models = {"digits", "calo_gan"};
  engine.python = std::string(HADRON_SOURCE_DIR) + "/build/venv/bin/python";
  run->add_option("case", cases, "engine");
  run->add_option("--profile", profile, "quick or full")->check(CLI::IsMember({"quick", "full"}));
  run->add_option("--out", out, "Directory for the results as JSON");
  run->add_option("--models", engine.models, "Models of the repository");
  run->add_option("--batch", engine.batches, "Batch sizes");
  run->add_option("--threads", engine.threads, "Threads of both arms");
  run->add_option("--python", engine.python, "Interpreter with onnxruntime");
  run->add_option("--repository", engine.repository, "Directory of models");
  CLI11_PARSE(app, argc, argv);

  engine.rounds = profile == "quick" ? 5 : 9;
  std::vector<Ratio> all;
  for (const std::string& name : cases) {
    if (name != "engine") {
      fmt::print(stderr, "hadron-bench: there is no case '{}'\n", name);
      return 2;
    }
    auto ratios = RunEngineCase(engine);
    if (!ratios.ok()) {
      fmt::print(stderr, "hadron-bench: {}: {}\n", name, ratios.message());
      return 2;
    }
    Print(*ratios);
    std::ranges::move(*ratios, std::back_inserter(all));
  }
  if (!out.empty()) {
    std::filesystem::create_directories(out);
    std::ofstream(out + "/results.json") << ToJson(all).dump(2) << "\n";
  }
  return 0;
}

}  // namespace
}  // namespace hadron::bench

int main(int argc, char** argv) { return hadron::bench::Main(argc, argv); }
