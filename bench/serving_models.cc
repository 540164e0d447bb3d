// Models of the serving cases.
#include <fmt/format.h>

#include <filesystem>

#include "bench/engine_load.h"
#include "bench/model_set.h"
#include "bench/serving_case.h"

namespace hadron::bench {

base::StatusOr<MadeModels> MadeModels::Make(const std::vector<std::string>& sets,
                                            const ServingOptions& options) {
  HADRON_ASSIGN_OR_RETURN(TempDir directory, TempDir::Make());
  MadeModels made(std::move(directory));
  for (const std::string& set : sets) {
    HADRON_ASSIGN_OR_RETURN(const auto specs,
                            ModelSet({set, options.seed, options.smoke() ? 16.0 : 1.0, 1}));
    HADRON_RETURN_IF_ERROR(WriteModelSet(specs, made.directory_.path(), false));
    const std::string& name = specs.front().name;
    made.models_.push_back({set, made.directory_.path() + "/" + name + "/1/model.onnx", {}, 64});
  }
  return made;
}

RigModel DigitsModel(const ServingOptions& options) {
  return {"digits", options.repository + "/digits/1/model.onnx", {}, 64};
}

RigModel GanModel(const ServingOptions& options) {
  return {"calo_gan", options.repository + "/calo_gan/1/model.onnx", {}, 16};
}

base::StatusOr<RigModel> TopologyModel(const ServingOptions& options, const std::string& name) {
  RigModel model{name, fmt::format("{}/{}/1/model.onnx", options.topologies, name), {}, 4};
  if (std::filesystem::exists(model.path)) return model;
  return base::NotFound(fmt::format(
      "there is no {}: the tests' fixtures make it (./test.sh), or name another place by "
      "--topologies",
      model.path));
}

double AloneSeconds(EngineRig& rig, std::size_t model, std::int64_t rows, int requests) {
  std::vector<double> times;
  for (int i = 0; i < requests; ++i) {
    LoadStream once;
    std::size_t sent = 0;
    once.make = [&](std::uint64_t number) { return rig.Request(model, rows, number); };
    base::StatusOr<double> took = base::Internal("not answered");
    const base::TimePoint begin = rig.clock().Now();
    std::atomic<bool> done{false};
    rig.engine().Infer(once.make(sent++), [&](serving::InferenceResponse) {
      took = std::chrono::duration<double>(rig.clock().Now() - begin).count();
      done.store(true);
      done.notify_one();
    });
    done.wait(false);
    times.push_back(*took);
  }
  return Median(times);
}

}  // namespace hadron::bench
