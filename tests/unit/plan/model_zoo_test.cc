// The models of model_repo/ through plans: against recorded ONNX Runtime outputs, with passes on
// and off, at several batch sizes; and every row bit-identical whatever batch it rode in.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>

#include "backend/kernel.h"
#include "backend/reference_executor.h"
#include "base/bytes.h"
#include "device/host/factory.h"
#include "graph/passes.h"
#include "onnx/loader.h"
#include "plan/bound_plan.h"
#include "plan/compiled_model.h"
#include "support/npy.h"

namespace hadron::plan {
namespace {

using tensor::HostTensor;

constexpr std::uint64_t kBudget = std::uint64_t{2} << 30;
constexpr std::int64_t kMaxBatch = 8;

/// Tensors of one recorded model by name, and what is needed to run it.
struct Recorded {
  std::string model;
  std::vector<std::pair<std::string, HostTensor>> tensors;

  const HostTensor& Get(const std::string& prefix, const std::string& name) const {
    for (const auto& [key, tensor] : tensors) {
      if (key == prefix + "." + name) return tensor;
    }
    ADD_FAILURE() << "no recorded " << prefix << " " << name;
    std::abort();
  }
};

Recorded ReadRecorded(const std::string& model) {
  Recorded recorded{model, {}};
  const std::string folder = std::string(HADRON_SOURCE_DIR) + "/tests/data/recorded/" + model;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".npy") continue;
    recorded.tensors.emplace_back(file.path().stem().string(),
                                  testing::ReadNpy(file.path().string()));
  }
  return recorded;
}

graph::Graph LoadGraph(const std::string& model) {
  const std::string path =
      std::string(HADRON_SOURCE_DIR) + "/model_repo/" + model + "/1/model.onnx";
  auto loaded = onnx::LoadOnnxFile(path, {});
  EXPECT_TRUE(loaded.ok()) << loaded.message();
  return std::move(loaded)->graph.Clone();
}

HostTensor Rows(const HostTensor& whole, std::int64_t first, std::int64_t rows) {
  HostTensor part = whole;
  const auto bytes = whole.bytes.size() / static_cast<std::size_t>(whole.desc.shape[0]);
  part.desc.shape[0] = rows;
  part.bytes = whole.bytes.Sub(static_cast<std::size_t>(first) * bytes,
                               static_cast<std::size_t>(rows) * bytes);
  return part;
}

double RelativeL2(const HostTensor& got, const HostTensor& want) {
  const base::IoBuf flat = got.bytes.Flatten();
  const base::IoBuf flat_want = want.bytes.Flatten();
  const auto a = base::AsArray<float>(flat.bytes());
  const auto b = base::AsArray<float>(flat_want.bytes());
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    norm += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / std::max(norm, 1e-300));
}

void ExpectClose(const HostTensor& got, const HostTensor& want, double bound) {
  ASSERT_EQ(got.desc.shape, want.desc.shape);
  ASSERT_EQ(got.desc.type, want.desc.type);
  ASSERT_EQ(got.bytes.size(), want.bytes.size());
  if (want.desc.type == tensor::DataType::kFp32) {
    EXPECT_LE(RelativeL2(got, want), bound);
  } else {
    EXPECT_EQ(got.bytes.ToString(), want.bytes.ToString());
  }
}

/// A compiled model with memory of its own to run in, on the calling thread.
class Runner {
 public:
  Runner(graph::Graph graph, std::vector<std::string> disabled_passes, bool reference_only)
      : host_(device::MakeHostDevice(kBudget)) {
    backend::RegisterOneDnnKernels(kernels_);
    CompileOptions options;
    options.max_batch = kMaxBatch;
    options.disabled_passes = std::move(disabled_passes);
    options.reference_only = reference_only;
    options.threads = 2;
    auto model = CompiledModel::Compile(std::move(graph), options, kernels_, *host_, *host_);
    EXPECT_TRUE(model.ok()) << model.message();
    model_ = *model;
    base::ManualExecutor lane;
    auto weights = WeightBinding::Create(model_->weights(), *host_, lane, "test");
    EXPECT_TRUE(weights.ok()) << weights.message();
    weights_ = *weights;
  }

  /// Inputs by graph order, all with the same number of rows.
  std::vector<HostTensor> Run(const std::vector<HostTensor>& inputs) {
    const std::int64_t rows = inputs[0].desc.shape[0];
    std::vector<tensor::Shape> shapes;
    std::vector<RunInput> run_inputs;
    for (const HostTensor& input : inputs) {
      shapes.push_back(input.desc.shape);
      shapes.back()[0] = model_->BucketFor(rows);
      run_inputs.push_back({{input.bytes}, {input.desc.shape.elements()}});
    }
    auto plan = model_->Specialise(shapes);
    EXPECT_TRUE(plan.ok()) << plan.message();
    auto io = Allocate((*plan)->io_bytes);
    auto arena = Allocate((*plan)->host_arena_bytes);
    // Poison: a tensor that is read before it is written shows as NaN.
    std::memset(arena->host(), 0xFF, arena->bytes());
    auto bound = BoundPlan::Bind(*plan, weights_, {io.get(), arena.get(), nullptr});
    EXPECT_TRUE(bound.ok()) << bound.message();
    EXPECT_TRUE((*bound)->Gather(run_inputs).ok());
    base::ManualExecutor lane;
    auto stream = host_->CreateStream(lane);
    (*bound)->Enqueue(**stream);
    base::Status status;
    (*stream)->Record([&status](base::Status s) { status = std::move(s); });
    (*stream)->Flush();
    lane.RunAll();
    EXPECT_TRUE(status.ok()) << status.message();
    auto outputs = (*bound)->Collect(rows);
    EXPECT_TRUE(outputs.ok()) << outputs.message();
    return *outputs;
  }

  const CompiledModel& model() const { return *model_; }

 private:
  std::unique_ptr<device::DeviceBuffer> Allocate(std::uint64_t bytes) {
    auto reservation = host_->memory().Reserve("test", bytes);
    EXPECT_TRUE(reservation.ok()) << reservation.message();
    auto buffer = host_->Allocate(std::move(reservation).value(), bytes);
    EXPECT_TRUE(buffer.ok()) << buffer.message();
    return std::move(buffer).value();
  }

  std::unique_ptr<device::Device> host_;
  backend::KernelRegistry kernels_;
  std::shared_ptr<const CompiledModel> model_;
  std::shared_ptr<const WeightBinding> weights_;
};

std::vector<std::string> AllPassNames() {
  std::vector<std::string> names;
  for (const graph::Pass& pass : graph::AllPasses()) names.emplace_back(pass.name);
  return names;
}

std::vector<HostTensor> InputRows(const graph::Graph& graph, const Recorded& recorded,
                                  std::int64_t first, std::int64_t rows) {
  std::vector<HostTensor> inputs;
  for (const graph::ValueId id : graph.inputs()) {
    inputs.push_back(Rows(recorded.Get("input", graph.value(id).name), first, rows));
  }
  return inputs;
}

class ModelZoo : public ::testing::TestWithParam<const char*> {};

TEST_P(ModelZoo, AgreesWithRecordedOutputs) {
  const Recorded recorded = ReadRecorded(GetParam());
  for (const bool passes : {true, false}) {
    Runner runner(LoadGraph(GetParam()), passes ? std::vector<std::string>() : AllPassNames(),
                  false);
    const graph::Graph& graph = runner.model().graph();
    for (const std::int64_t rows : {1, 3, 8}) {
      SCOPED_TRACE(::testing::Message() << GetParam() << " passes " << passes << " rows " << rows);
      const auto outputs = runner.Run(InputRows(graph, recorded, 0, rows));
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        const HostTensor& want = recorded.Get("output", graph.outputs()[i].name);
        ExpectClose(outputs[i], Rows(want, 0, rows), 5e-6);
      }
    }
  }
}

TEST_P(ModelZoo, ReferenceAgreesWithRecordedOutputs) {
  const Recorded recorded = ReadRecorded(GetParam());
  const graph::Graph graph = LoadGraph(GetParam());
  auto outputs = backend::ExecuteReference(graph, InputRows(graph, recorded, 0, 2));
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  for (std::size_t i = 0; i < outputs->size(); ++i) {
    const HostTensor& want = recorded.Get("output", graph.outputs()[i].name);
    ExpectClose((*outputs)[i], Rows(want, 0, 2), 5e-6);
  }
}

TEST_P(ModelZoo, RowsDoNotDependOnTheirBatch) {
  const Recorded recorded = ReadRecorded(GetParam());
  Runner runner(LoadGraph(GetParam()), {}, false);
  const graph::Graph& graph = runner.model().graph();
  const std::int64_t available = recorded.tensors[0].second.desc.shape[0];
  std::vector<std::vector<HostTensor>> alone;
  for (std::int64_t row = 0; row < available; ++row) {
    alone.push_back(runner.Run(InputRows(graph, recorded, row, 1)));
  }
  std::mt19937 random(3);
  for (int checked = 0; checked < 200;) {
    const auto rows = static_cast<std::int64_t>(1 + random() % kMaxBatch);
    const auto first = static_cast<std::int64_t>(random()) % (available - rows + 1);
    const auto together = runner.Run(InputRows(graph, recorded, first, rows));
    for (std::int64_t row = 0; row < rows; ++row, ++checked) {
      for (std::size_t i = 0; i < together.size(); ++i) {
        ASSERT_EQ(Rows(together[i], row, 1).bytes.ToString(),
                  alone[static_cast<std::size_t>(first + row)][i].bytes.ToString())
            << GetParam() << " row " << row << " of " << rows;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ModelZoo,
                         ::testing::Values("digits", "calo_gan", "jet_bdt", "simple",
                                           "identity_fp32"),
                         [](const auto& name) { return std::string(name.param); });

TEST(Plan, FusesTheDigitsNetwork) {
  Runner runner(LoadGraph("digits"), {}, false);
  // 5 convolutions with everything behind them, pool, global pool, gemm, softmax, and the scaling
  // of the pixels in front.
  for (const graph::Node& node : runner.model().graph().nodes()) {
    EXPECT_NE(node.op_type, "BatchNormalization") << node.name;
    EXPECT_NE(node.op_type, "Relu") << node.name;
    EXPECT_NE(node.op_type, "Add") << node.name;
  }
  EXPECT_LE(runner.model().graph().nodes().size(), 11U);
}

TEST(Plan, GivesAllMemoryBack) {
  auto host = device::MakeHostDevice(kBudget);
  backend::KernelRegistry kernels;
  backend::RegisterOneDnnKernels(kernels);
  {
    CompileOptions options;
    options.max_batch = 8;
    auto model = CompiledModel::Compile(LoadGraph("digits"), options, kernels, *host, *host);
    ASSERT_TRUE(model.ok()) << model.message();
    EXPECT_GT(host->memory().reserved(), 0U);
  }
  EXPECT_EQ(host->memory().reserved(), 0U);
}

TEST(Plan, RefusesAModelThatDoesNotFitTheBudget) {
  auto host = device::MakeHostDevice(1024);
  backend::KernelRegistry kernels;
  backend::RegisterOneDnnKernels(kernels);
  CompileOptions options;
  options.max_batch = 8;
  options.owner = "model 'digits'";
  auto model = CompiledModel::Compile(LoadGraph("digits"), options, kernels, *host, *host);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.code(), base::StatusCode::kResourceExhausted);
  EXPECT_NE(model.message().find("model 'digits'"), std::string::npos);
}

TEST(Plan, NamesAnUnknownPass) {
  auto host = device::MakeHostDevice(kBudget);
  const backend::KernelRegistry kernels;
  CompileOptions options;
  options.disabled_passes = {"no_such_pass"};
  auto model = CompiledModel::Compile(LoadGraph("simple"), options, kernels, *host, *host);
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.message().find("no_such_pass"), std::string::npos);
}

}  // namespace
}  // namespace hadron::plan
