#include "bench/steps_case.h"

#include <fmt/format.h>

#include "bench/model_runner.h"

namespace hadron::bench {
namespace {

using base::Status;

Status PrintSteps(const StepsOptions& options, const std::string& model, int batch) {
  const std::string path = options.repository + "/" + model + "/1/model.onnx";
  HADRON_ASSIGN_OR_RETURN(auto runner, ModelRunner::Load(path, batch, options.threads));
  std::vector<std::string> zeros;
  for (const auto& desc : runner->inputs()) {
    zeros.emplace_back(desc.shape.CheckedBytes(desc.type).value_or(0), '\0');
  }
  HADRON_RETURN_IF_ERROR(runner->SetInputs(zeros));
  HADRON_ASSIGN_OR_RETURN(const auto times, runner->Profile(options.runs));
  double total = 0;
  for (const plan::StepTime& time : times) total += time.least;
  fmt::print("{} batch {}: {} steps, {:.0f} us\n", model, batch, times.size(), total);
  for (std::size_t i = 0; i < times.size(); ++i) {
    fmt::print("{:>10.1f} us {:>5.1f} %  {}\n", times[i].least, 100 * times[i].least / total,
               runner->steps()[i].label);
  }
  return {};
}

}  // namespace

Status RunStepsCase(const StepsOptions& options) {
  for (const std::string& model : options.models) {
    for (const int batch : options.batches) {
      Status status = PrintSteps(options, model, batch);
      if (!status.ok()) return std::move(status).With(model);
    }
  }
  return {};
}

}  // namespace hadron::bench
