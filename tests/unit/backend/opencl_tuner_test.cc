#include "backend/opencl/tuner.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "backend/opencl/tile.h"
#include "device/opencl/factory.h"
#include "unit/backend/opencl_rig.h"

namespace hadron::backend::opencl {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Time passes only while trials run.
class TrialClock final : public base::Clock {
 public:
  base::TimePoint Now() const override { return now; }
  std::int64_t WallMs() const override { return 0; }
  base::TimePoint now{};
};

/// What the fake device does with a tile of so many rows.
struct Behaviour {
  base::Duration time = milliseconds(1);
  std::string result = "right";
  bool fails = false;
};

class FakeTrial final : public TileTrial {
 public:
  FakeTrial(TrialClock& clock, const std::map<std::int64_t, Behaviour>& behaviours)
      : clock_(clock), behaviours_(behaviours) {}
  base::StatusOr<std::vector<std::byte>> Result(const Tile& tile) override {
    current_ = behaviours_.at(tile.rows);
    clock_.now += current_.time;
    if (current_.fails) return base::Internal("the driver refuses");
    const auto bytes = std::as_bytes(std::span(current_.result));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  }
  base::StatusOr<base::Duration> Time() override {
    clock_.now += current_.time;
    return current_.time;
  }

 private:
  TrialClock& clock_;
  const std::map<std::int64_t, Behaviour>& behaviours_;
  Behaviour current_;
};

std::vector<Tile> Tiles(std::initializer_list<std::int64_t> rows) {
  std::vector<Tile> tiles;
  for (const std::int64_t r : rows) {
    Tile& tile = tiles.emplace_back();
    tile.rows = r;
  }
  return tiles;
}

class TunerTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ =
        fs::temp_directory_path() / ("hadron_tuner_" + std::to_string(std::random_device{}()));
    fs::create_directories(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string File() const { return (directory_ / "device.json").string(); }
  Tuner::Options Fast(const std::string& path = "") {
    return {.mode = TuneMode::kFast, .path = path, .clock = &clock_};
  }
  std::int64_t Choose(Tuner& tuner, const std::string& shape = "gemm:1x1x1") {
    const auto tiles = Tiles({8, 6, 4});
    return tuner
        .Choose(shape, tiles,
                [this]() -> base::StatusOr<std::unique_ptr<TileTrial>> {
                  return std::make_unique<FakeTrial>(clock_, behaviours_);
                })
        .rows;
  }
  static bool Always() { return true; }

  fs::path directory_;
  TrialClock clock_;
  std::map<std::int64_t, Behaviour> behaviours_ = {
      {8, {milliseconds(3)}}, {6, {milliseconds(2)}}, {4, {milliseconds(1)}}};
};

TEST_F(TunerTest, TheFastestIsChosenAndRemembered) {
  Tuner tuner(Fast());
  EXPECT_EQ(Choose(tuner), 8) << "nobody allowed trials";
  {
    const auto tuning = tuner.Begin(Always);
    EXPECT_EQ(Choose(tuner), 4);
    ASSERT_EQ(tuning->shapes().size(), 1U);
    EXPECT_EQ(tuning->shapes()[0].built_in, "8x32");
    EXPECT_EQ(tuning->shapes()[0].tile, "4x32");
    EXPECT_DOUBLE_EQ(tuning->shapes()[0].built_in_us, 3000);
    EXPECT_DOUBLE_EQ(tuning->shapes()[0].tile_us, 1000);
  }
  const auto runs = tuner.trial_runs();
  EXPECT_EQ(runs, (3U + 1U) * (1 + 3)) << "the built-in one is timed twice";
  EXPECT_EQ(Choose(tuner), 4);
  EXPECT_EQ(Choose(tuner, "gemm:other"), 8);
  EXPECT_EQ(tuner.trial_runs(), runs);
}

TEST_F(TunerTest, OffMeasuresNothing) {
  Tuner tuner({.mode = TuneMode::kOff, .path = File(), .clock = &clock_});
  EXPECT_EQ(tuner.Begin(Always), nullptr);
  EXPECT_EQ(Choose(tuner), 8);
  EXPECT_EQ(tuner.trial_runs(), 0U);
  EXPECT_FALSE(fs::exists(File()));
}

TEST_F(TunerTest, WrongBytesAreNeverChosen) {
  behaviours_[4].result = "wrong";
  Tuner tuner(Fast());
  const auto tuning = tuner.Begin(Always);
  EXPECT_EQ(Choose(tuner), 6);
}

TEST_F(TunerTest, CandidatesThatFailAreLeftOut) {
  behaviours_[4].fails = true;
  behaviours_[6].fails = true;
  Tuner tuner(Fast());
  const auto tuning = tuner.Begin(Always);
  EXPECT_EQ(Choose(tuner), 8);
  EXPECT_EQ(tuning->shapes().size(), 1U);
  behaviours_[8].fails = true;  // then there is nothing to compare with
  EXPECT_EQ(Choose(tuner, "gemm:other"), 8);
  EXPECT_EQ(tuning->shapes().size(), 1U);
}

TEST_F(TunerTest, ALoserIsTimedOnce) {
  behaviours_[6].time = milliseconds(4);  // 3 ms * 1.3 = 3.9 ms
  behaviours_[4].time = milliseconds(4);
  Tuner tuner(Fast());
  const auto tuning = tuner.Begin(Always);
  EXPECT_EQ(Choose(tuner), 8);
  EXPECT_EQ(tuner.trial_runs(), 4U + 2U + 2U);
}

TEST_F(TunerTest, SmallGainsAreNoise) {
  behaviours_[6].time = behaviours_[4].time = std::chrono::microseconds(2950);
  Tuner tuner(Fast());
  const auto tuning = tuner.Begin(Always);
  EXPECT_EQ(Choose(tuner), 8);
}

TEST_F(TunerTest, KeepsTheDeadline) {
  for (auto& [rows, behaviour] : behaviours_) behaviour.time = milliseconds(700);
  Tuner tuner(Fast());
  const auto began = clock_.now;
  const auto tuning = tuner.Begin(Always);
  for (int i = 0; i < 10; ++i) Choose(tuner, "gemm:" + std::to_string(i));
  EXPECT_GE(clock_.now - began, seconds(5));
  EXPECT_LE(clock_.now - began, seconds(5) + milliseconds(700)) << "the run that was under way";
  EXPECT_TRUE(tuning->shapes().empty()) << "half a comparison was believed";
}

TEST_F(TunerTest, StopsWhenTheDeviceIsNeeded) {
  Tuner tuner(Fast());
  int asked = 0;
  const auto tuning = tuner.Begin([&asked] { return ++asked < 4; });
  EXPECT_EQ(Choose(tuner), 8);
  EXPECT_TRUE(tuning->shapes().empty());
  EXPECT_LE(tuner.trial_runs(), 3U);
}

TEST_F(TunerTest, FileSavesTheTrials) {
  {
    Tuner tuner(Fast(File()));
    const auto tuning = tuner.Begin(Always);
    Choose(tuner);
  }
  {
    Tuner other(Fast(File()));
    const auto tuning = other.Begin(Always);
    EXPECT_EQ(Choose(other), 4);
    EXPECT_EQ(other.trial_runs(), 0U);
    EXPECT_EQ(Choose(other, "gemm:2x2x2"), 4);
  }
  Tuner third(Fast(File()));
  EXPECT_EQ(Choose(third), 4);
  EXPECT_EQ(Choose(third, "gemm:2x2x2"), 4) << "an addition lost the rest, or was lost";
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 1);
}

TEST_F(TunerTest, DamagedFilesAreReplaced) {
  const std::string deep(100'000, '[');
  const std::vector<std::string> texts = {
      "",
      "{",
      "[]",
      "null",
      "\xff\xfe",
      deep,
      R"({"format": 2, "shapes": {}})",
      R"({"format": 1, "shapes": 3})",
      R"({"format": "1", "shapes": {"gemm:1x1x1": {}}})",
      R"({"format": 1, "shapes": {"gemm:1x1x1": {"tile": 4}}})",
      R"({"format":1,"shapes":{"gemm:1x1x1":{"built_in":"8x32","tile":"99x9","us":1,"built_in_us":1}}})"};
  for (const std::string& text : texts) {
    std::ofstream(File(), std::ios::binary) << text;
    {
      Tuner tuner(Fast(File()));
      const auto tuning = tuner.Begin(Always);
      EXPECT_EQ(Choose(tuner), 4) << text.substr(0, 80);
      EXPECT_GT(tuner.trial_runs(), 0U) << text.substr(0, 80);
    }
    Tuner again(Fast(File()));
    EXPECT_EQ(Choose(again), 4) << text.substr(0, 80);
  }
}

TEST_F(TunerTest, AFileThatCannotBeWrittenCostsTimeOnly) {
  Tuner tuner(Fast((directory_ / "no" / "such" / "folder.json").string()));
  {
    const auto tuning = tuner.Begin(Always);
    EXPECT_EQ(Choose(tuner), 4);
  }
  EXPECT_EQ(Choose(tuner), 4);
}

TEST_F(TunerTest, FullMeasuresAgainWithoutHurry) {
  const auto tune = [this](Tuner& tuner) {
    const auto tuning = tuner.Begin(Always);
    const auto rows = Choose(tuner);
    EXPECT_EQ(Choose(tuner), rows);
    EXPECT_EQ(tuning->shapes().size(), 1U);
    return rows;
  };
  for (auto& [rows, behaviour] : behaviours_) behaviour.time *= 1000;
  Tuner tuner({.mode = TuneMode::kFull, .path = File(), .clock = &clock_});
  EXPECT_EQ(tune(tuner), 4);
  behaviours_[6].time = milliseconds(1);
  EXPECT_EQ(tune(tuner), 6);
}

/// Results of real kernels, tuned and not.
class TunedKernels : public OpenClOperators {};

NodeCase Product(std::int64_t rows, std::int64_t columns, std::int64_t depth) {
  std::mt19937 random(5);
  NodeCase c = Case("MatMul");
  c.AddInput(RandomTensor(random, tensor::Shape({rows, depth})));
  c.AddInput(RandomTensor(random, tensor::Shape({depth, columns})), true);
  c.outputs = {{"", tensor::DataType::kFp32, tensor::Shape({rows, columns})}};
  return c;
}

NodeCase Convolution(std::int64_t channels, std::int64_t out, std::int64_t groups) {
  std::mt19937 random(6);
  NodeCase c = Case("Conv");
  c.AddInput(RandomTensor(random, tensor::Shape({2, channels, 31, 30})));
  c.AddInput(RandomTensor(random, tensor::Shape({out, channels / groups, 3, 3})), true);
  c.node.attributes.Set("group", groups);
  c.node.attributes.Set("pads", std::vector<std::int64_t>{1, 1, 1, 1});
  c.outputs = {{"", tensor::DataType::kFp32, tensor::Shape({2, out, 31, 30})}};
  return c;
}

TEST_P(TunedKernels, GiveTheBytesOfTheBuiltInChoice) {
  const OpenClFamily family = GetParam() == "cpu" ? OpenClFamily::kCpu : OpenClFamily::kGpu;
  OpenClRig tuned({.family = family, .tune = TuneMode::kFull});
  for (const NodeCase& c : {Product(130, 150, 70), Product(150, 5, 1600),
                            Convolution(160, 160, 160), Convolution(24, 144, 2)}) {
    const auto expected = rig().Run(c);
    const auto tuning = tuned.Tune();
    const auto found = tuned.Run(c);
    ASSERT_EQ(expected.size(), 1U);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].bytes.ToString(), expected[0].bytes.ToString());
    EXPECT_EQ(tuning->shapes().size(), 1U) << c.node.op_type;
  }
}

/// A copy of the kernels in which `text` stands in front of gemm.cl.
fs::path KernelsWith(const std::string& text, const fs::path& directory) {
  for (const auto& file : fs::directory_iterator(HADRON_SOURCE_DIR "/kernels")) {
    fs::copy(file, directory);
  }
  std::ifstream in(directory / "gemm.cl");
  const std::string body((std::istreambuf_iterator<char>(in)), {});
  std::ofstream(directory / "gemm.cl") << text << body;
  return directory;
}

TEST_F(TunerTest, KernelsThatFailOrAreWrongAreNotUsed) {
  const fs::path kernels = KernelsWith(
      "#if ROWS == 2\n"
      "#error refused\n"
      "#elif ROWS == 4\n"
      "#define fma(a, b, c) ((a) * (b) - (c))\n"
      "#endif\n",
      directory_);
  OpenClRig plain(OpenClFamily::kCpu);
  OpenClRig tuned(
      {.kernel_dir = kernels.string(), .family = OpenClFamily::kCpu, .tune = TuneMode::kFast});
  const NodeCase c = Product(130, 150, 70);
  const auto tuning = tuned.Tune();
  const auto found = tuned.Run(c);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].bytes.ToString(), plain.Run(c).at(0).bytes.ToString());
}

TEST_F(TunerTest, WithoutMemoryForTrialsTheBuiltInChoiceServes) {
  const auto device = device::MakeOpenClDevice(0, 4096).value();
  KernelRegistry registry;
  const auto programs = RegisterOpenClKernels(
      registry, *device, {.family = OpenClFamily::kCpu, .tune = TuneMode::kFast});
  const auto tuning = programs->Tune(Always);
  const std::array specs = {
      TensorSpec{tensor::DataType::kFp32, tensor::Shape({130, 70}), Layout::kPlain},
      TensorSpec{tensor::DataType::kFp32, tensor::Shape({70, 150}), Layout::kPlain},
      TensorSpec{tensor::DataType::kFp32, tensor::Shape({130, 150}), Layout::kPlain}};
  const std::vector<graph::ConstantRef> constants(2);
  const std::vector<std::string> hints(2);
  const NodeCase c = Product(130, 150, 70);
  const auto kernel = registry.Find(BackendId::kOpenCl, "", "MatMul")
                          ->create({c.node, std::span(specs).first(2), std::span(specs).last(1),
                                    constants, hints, 1});
  EXPECT_TRUE(kernel.ok()) << kernel.message();
  EXPECT_TRUE(tuning->shapes().empty());
  EXPECT_EQ(device->memory().reserved(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Families, TunedKernels, testing::Values("cpu", "gpu"));

}  // namespace
}  // namespace hadron::backend::opencl
