#include "cli/explain/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <thread>

#include "base/executor.h"
#include "base/strings.h"
#include "base/system_limits.h"
#include "cli/explain/model_files.h"
#include "cli/explain/wiring.h"
#include "config/complete.h"
#include "onnx/loader.h"
#include "plan/single_plan.h"

namespace hadron::cli::explain {
namespace {

using base::InvalidArgument;
using base::Status;
using base::StatusOr;
using tensor::Shape;

constexpr int kWarmUps = 2;
constexpr std::uint64_t kMaxInputBytes = std::uint64_t{1} << 31U;

/// The lane: host steps compute on its thread. Ends with the object.
class LaneThread {
 public:
  LaneThread() : thread_([this] { lane_.Run(); }) {}
  ~LaneThread() { lane_.Stop(); }
  LaneThread(const LaneThread&) = delete;
  LaneThread& operator=(const LaneThread&) = delete;
  base::Executor& executor() { return lane_; }

 private:
  base::TaskQueue lane_;
  std::jthread thread_;
};

/// "name=DIMxDIM" of an input, or nothing when none is of that name.
StatusOr<std::optional<Shape>> GivenShape(const Options& options, const std::string& input) {
  for (const std::string& given : options.shapes) {
    const std::size_t equals = given.rfind('=');
    if (equals == std::string::npos) {
      return InvalidArgument(fmt::format("--shape={}: expected INPUT=DIMxDIM", given));
    }
    if (given.substr(0, equals) != input) continue;
    std::vector<std::int64_t> dims;
    for (const std::string& dim : base::Split(given.substr(equals + 1), 'x')) {
      dims.push_back(base::ParseInt64(dim).value_or(-1));
      if (dims.back() < 0) {
        return InvalidArgument(fmt::format("--shape={}: '{}' is no dimension", given, dim));
      }
    }
    return std::optional<Shape>(Shape(std::move(dims)));
  }
  return std::optional<Shape>();
}

/// What the model gets: the file's dimensions, or what --shape says where they are free.
StatusOr<Shape> InputShape(const Options& options, const graph::Value& value, bool batched,
                           std::int64_t rows) {
  Shape shape = graph::ToShape(value.shape);
  if (batched) shape[0] = rows;
  HADRON_ASSIGN_OR_RETURN(auto given, GivenShape(options, value.name));
  if (given) return batched ? given->WithFirst(rows) : *given;
  if (shape.fully_known()) return shape;
  return InvalidArgument(fmt::format(
      "input '{}' has the shape {}: say which to explain, --shape {}=DIMxDIM{}", value.name,
      shape.ToString(), value.name, batched ? ", without the batch dimension" : ""));
}

/// Small positive numbers in floating-point inputs, "0" in strings (some are parsed), zeros in all
/// others (indices must be valid).
StatusOr<plan::RunInput> MakeInput(const std::string& name, tensor::DataType type,
                                   const Shape& shape) {
  static constexpr std::string_view kString(
      "\1\0\0\0"
      "0",
      5);  // length, text
  const std::int64_t elements = shape.CheckedElements().value_or(-1);
  const bool strings = type == tensor::DataType::kString;
  const std::uint64_t size = strings ? kString.size() : tensor::ElementSize(type);
  if (elements < 0 || static_cast<std::uint64_t>(elements) > kMaxInputBytes / size) {
    return InvalidArgument(fmt::format(
        "input '{}' of shape {} is larger than 2 GiB: give a smaller --batch or --shape", name,
        shape.ToString()));
  }
  std::string bytes(static_cast<std::size_t>(elements) * size, '\0');
  for (std::size_t i = 0; i < static_cast<std::size_t>(elements); ++i) {
    const float value = 0.5F + static_cast<float>(i % 97) / 97.0F;
    std::span<char> at = std::span(bytes).subspan(i * size, size);
    if (strings) std::ranges::copy(kString, at.begin());
    if (type == tensor::DataType::kFp32) std::memcpy(at.data(), &value, sizeof(value));
  }
  return plan::RunInput{{base::IoBuf::FromString(std::move(bytes))}, {elements}};
}

/// A loaded model and what its configuration makes of it.
struct Model {
  onnx::LoadedModel loaded;
  std::shared_ptr<const config::ModelConfig> config;
};

StatusOr<Model> LoadModel(const ModelFiles& files, const Options& options, bool accelerated) {
  Model model;
  HADRON_ASSIGN_OR_RETURN(model.loaded, onnx::LoadOnnxFile(files.onnx, {}));
  config::CompletionOptions completion;
  completion.default_max_batch_size = std::max(completion.default_max_batch_size, options.batch);
  completion.gpu_count = accelerated ? 1 : 0;
  completion.allow_cpu_fallback = true;
  graph::Graph& graph = model.loaded.graph;
  HADRON_ASSIGN_OR_RETURN(model.config, config::Complete(files.config, &graph, completion));
  HADRON_RETURN_IF_ERROR(config::CheckAgainstGraph(*model.config, graph));
  if (model.config->ragged()) {
    return base::Unimplemented(
        "explain knows no ragged batches (allow_ragged_batch, batch_input, batch_output): their "
        "plans depend on the requests' shapes; give it the model file alone");
  }
  std::erase_if(graph.outputs(), [&](const graph::GraphOutput& output) {
    return model.config->FindOutput(output.name) == nullptr;
  });
  return model;
}

Status CheckBatch(const Options& options, const config::ModelConfig& config) {
  const std::int64_t largest = std::max<std::int64_t>(config.max_batch_size(), 1);
  if (options.batch >= 1 && options.batch <= largest) return {};
  return InvalidArgument(
      fmt::format("--batch={}: the model takes 1 to {} rows{}", options.batch, largest,
                  config.batched() ? " (max_batch_size)"
                                   : ", it has no batch dimension (max_batch_size is 0)"));
}

StatusOr<std::shared_ptr<const plan::CompiledModel>> Compile(Model& model, const Options& options,
                                                             unsigned threads,
                                                             const Devices& devices) {
  plan::CompileOptions compile;
  compile.max_batch = model.config->max_batch_size();
  if (model.config->dynamic_batching()) {
    compile.preferred_batches = model.config->dynamic_batching()->preferred_batch_sizes;
  }
  compile.disabled_passes = options.disabled_passes;
  compile.threads = static_cast<int>(threads);
  return plan::CompiledModel::Compile(std::move(model.loaded.graph), std::move(compile),
                                      devices.kernels, devices.device(), *devices.host);
}

Status Run(plan::SinglePlan& single, const std::vector<plan::RunInput>& inputs,
           plan::StepProfile* profile) {
  std::promise<Status> finished;
  const auto done = [&finished](Status status) { finished.set_value(std::move(status)); };
  if (profile == nullptr) {
    single.Start(inputs, done);
  } else {
    single.StartProfiled(inputs, *profile, done);
  }
  return finished.get_future().get();
}

/// Runs whole and step by step in turns, so that both meet the same machine.
StatusOr<std::vector<plan::StepTime>> Measure(plan::SinglePlan& single, const Options& options,
                                              const std::vector<plan::RunInput>& inputs,
                                              plan::StepTime& whole) {
  plan::StepProfile profile(single.plan().steps.size());
  std::vector<double> runs;
  for (int i = 0; i < kWarmUps; ++i) {
    HADRON_RETURN_IF_ERROR(Run(single, inputs, nullptr));
  }
  for (int i = 0; i < options.runs; ++i) {
    HADRON_RETURN_IF_ERROR(Run(single, inputs, nullptr));
    runs.push_back(single.last_run_us());
    HADRON_RETURN_IF_ERROR(Run(single, inputs, &profile));
  }
  std::ranges::sort(runs);
  whole = {runs.front(), runs[runs.size() / 2]};
  return profile.Times();
}

StatusOr<PlanReport> ExplainModel(const Options& options, const ModelFiles& files,
                                  const Devices& devices) {
  const unsigned cpus = base::ReadSystemLimits().cpus;
  const unsigned threads = options.threads > 0 ? options.threads : (cpus > 2 ? cpus - 1 : cpus);
  HADRON_ASSIGN_OR_RETURN(Model model, LoadModel(files, options, devices.accelerator != nullptr));
  HADRON_RETURN_IF_ERROR(CheckBatch(options, *model.config));
  PlanReport report;
  report.file_ops = CountOps(model.loaded.graph);
  HADRON_ASSIGN_OR_RETURN(const auto compiled, Compile(model, options, threads, devices));
  const bool batched = model.config->batched();
  report.batch = batched ? compiled->BucketFor(options.batch) : 1;
  std::vector<Shape> shapes;
  std::vector<plan::RunInput> inputs;
  for (const graph::ValueId id : compiled->graph().inputs()) {
    const graph::Value& value = compiled->graph().value(id);
    HADRON_ASSIGN_OR_RETURN(shapes.emplace_back(),
                            InputShape(options, value, batched, report.batch));
    HADRON_ASSIGN_OR_RETURN(inputs.emplace_back(),
                            MakeInput(value.name, value.type, shapes.back()));
  }
  LaneThread lane;
  HADRON_ASSIGN_OR_RETURN(
      const auto single,
      plan::SinglePlan::Create({devices.device(), *devices.host, lane.executor(), files.name},
                               compiled, shapes));
  HADRON_ASSIGN_OR_RETURN(const auto times, Measure(*single, options, inputs, report.run));
  const device::DeviceInfo& info = devices.device().info();
  report.model = files.name;
  report.file = files.onnx;
  report.device = fmt::format("{} ({}, {})", info.id, info.name, info.device_class);
  report.threads = static_cast<int>(threads);
  report.runs = options.runs;
  report.disabled_passes = options.disabled_passes;
  DescribePlan(*compiled, single->plan(), times, report);
  return report;
}

}  // namespace

StatusOr<PlanReport> Explain(const Options& options) {
  HADRON_ASSIGN_OR_RETURN(const ModelFiles files, FindModel(options.model));
  HADRON_ASSIGN_OR_RETURN(const auto devices, OpenDevices(options.device, options.family));
  auto report = ExplainModel(options, files, *devices);
  if (!report.ok()) return std::move(report).status().With(files.onnx);
  return report;
}

}  // namespace hadron::cli::explain
