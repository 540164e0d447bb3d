// How much of the machine's memory a loaded model holds: its packed weights once, and its arena.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/strings.h"
#include "device/host/factory.h"
#include "onnx/loader.h"
#include "plan/single_plan.h"
#include "support/onnx_writer.h"

namespace hadron::plan {
namespace {

using tensor::DataType;
using test::OnnxTensor;
using test::OnnxWriter;

constexpr const char* kModelVariable = "HADRON_RESIDENT_MODEL";
constexpr std::uint64_t kHostBudget = std::uint64_t{4} << 30;
constexpr double kMostResident = 1.3;
constexpr int kLayers = 8;
constexpr std::int64_t kChannels = 512;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

OnnxTensor Random(tensor::Shape shape, std::mt19937& random) {
  std::uniform_real_distribution<float> weight(0.01F, 0.02F);
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  for (float& value : values) value = weight(random);
  return OnnxTensor::Floats(std::move(shape), values);
}

/// About 75 MiB of weights in convolutions with normalisations to fold.
std::string WriteModel() {
  std::mt19937 random(1);
  OnnxWriter w;
  w.Input("x", DataType::kFp32, {"batch", kChannels, 7, 7});
  w.Output("y", DataType::kFp32, {"batch", kChannels, 7, 7});
  std::string from = "x";
  for (int i = 0; i < kLayers; ++i) {
    const std::string n = std::to_string(i);
    w.Initializer("w" + n, Random({kChannels, kChannels, 3, 3}, random));
    for (const char* name : {"scale", "shift", "mean", "variance"}) {
      w.Initializer(name + n, Random({kChannels}, random));
    }
    w.Node({"Conv", {from, "w" + n}, {"c" + n}, {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}}});
    w.Node({"BatchNormalization",
            {"c" + n, "scale" + n, "shift" + n, "mean" + n, "variance" + n},
            {"b" + n}});
    from = i + 1 == kLayers ? "y" : "r" + n;
    w.Node({"Relu", {"b" + n}, {from}});
  }
  const std::string path =
      ::testing::TempDir() + "/resident_" + std::to_string(::getpid()) + ".onnx";
  std::ofstream(path, std::ios::binary) << w.Serialize();
  return path;
}

std::uint64_t ResidentBytes() {
  std::ifstream in("/proc/self/status");
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with("VmRSS:")) continue;
    const std::string number(base::Trim(line.substr(6, line.find("kB") - 6)));
    return base::ParseUint64(number).value_or(0) * 1024;
  }
  return 0;
}

/// Loads and runs the model in a process that has done nothing else, and prints "what it must
/// hold" and "what it holds".
void LoadInThisProcess(const std::string& path) {
  const auto host = device::MakeHostDevice(kHostBudget);
  backend::KernelRegistry kernels;
  backend::RegisterNativeKernels(kernels);
  base::ManualExecutor lane;
  const std::uint64_t before = ResidentBytes();
  auto loaded = onnx::LoadOnnxFile(path, {});
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  CompileOptions options;
  options.max_batch = 8;
  auto model = CompiledModel::Compile(std::move(loaded->graph), options, kernels, *host, *host);
  ASSERT_TRUE(model.ok()) << model.message();
  const std::vector<tensor::Shape> shapes = {{1, kChannels, 7, 7}};
  auto single = SinglePlan::Create({*host, *host, lane, "model"}, *model, shapes);
  ASSERT_TRUE(single.ok()) << single.message();
  const std::string zeros(kChannels * 49 * sizeof(float), '\0');
  base::Status status = base::Internal("the run did not end");
  (*single)->Start({{{base::IoBuf::FromString(zeros)}, {kChannels * 49}}},
                   [&status](base::Status result) { status = std::move(result); });
  lane.RunAll();
  ASSERT_TRUE(status.ok()) << status.message();
  const ExecutionPlan& plan = (*single)->plan();
  std::printf("\nresident %llu %llu\n",
              static_cast<unsigned long long>((*model)->weights()->total_bytes() + plan.io_bytes +
                                              plan.host_arena_bytes),
              static_cast<unsigned long long>(ResidentBytes() - before));
}

/// Output of this program with only the test below run, in a process of its own.
std::string RunInChild(const std::string& path) {
  const std::string command = std::string(kModelVariable) + "='" + path + "' '" +
                              std::filesystem::read_symlink("/proc/self/exe").string() +
                              "' --gtest_filter=ResidentMemory.HoldsWeightsOnce 2>&1";
  FILE* const pipe = ::popen(command.c_str(), "r");  // NOLINT(cert-env33-c): our own words
  HADRON_CHECK(pipe != nullptr);
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  EXPECT_EQ(::pclose(pipe), 0) << text;
  return text;
}

TEST(ResidentMemory, HoldsWeightsOnce) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer keeps what is freed";
  if (const char* const path = std::getenv(kModelVariable)) return LoadInThisProcess(path);
  const std::string path = WriteModel();
  const std::string text = RunInChild(path);
  std::filesystem::remove(path);
  unsigned long long wanted = 0;
  unsigned long long held = 0;
  const std::size_t at = text.find("\nresident ");
  ASSERT_NE(at, std::string::npos) << text;
  ASSERT_EQ(std::sscanf(text.c_str() + at, "\nresident %llu %llu", &wanted, &held), 2) << text;
  const double factor = static_cast<double>(held) / static_cast<double>(wanted);
  RecordProperty("resident_factor", std::to_string(factor));
  EXPECT_LE(factor, kMostResident) << held << " bytes held for " << wanted;
  EXPECT_GE(factor, 0.9) << "the measure is wrong: weights are not there";
}

}  // namespace
}  // namespace hadron::plan
