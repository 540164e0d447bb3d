#include "bench/tune_case.h"

#include <fmt/format.h>

namespace hadron::bench {
namespace {

using base::Status;

void PrintTable(const std::vector<backend::TunedShape>& shapes) {
  fmt::print("{:<32} {:>9} {:>10} {:>9} {:>10} {:>7}\n", "columns x depth x rows", "built-in", "us",
             "chosen", "us", "ratio");
  double before = 0;
  double after = 0;
  for (const backend::TunedShape& s : shapes) {
    before += s.built_in_us;
    after += s.tile_us;
    fmt::print("{:<32} {:>9} {:>10.1f} {:>9} {:>10.1f} {:>7.2f}\n", s.shape, s.built_in,
               s.built_in_us, s.tile, s.tile_us, s.tile_us / s.built_in_us);
  }
  if (shapes.empty()) return;
  fmt::print("{:<32} {:>9} {:>10.1f} {:>9} {:>10.1f} {:>7.2f}\n", "sum", "", before, "", after,
             after / before);
}

}  // namespace

Status RunTune(const TuneOptions& options) {
  DeviceOptions device_options = options.device;
  device_options.tune = true;
  HADRON_ASSIGN_OR_RETURN(const auto device, BenchDevice::Open(device_options));
  fmt::print("{} ({}), {} threads\n", device->info().name, device->info().driver,
             device_options.threads);
  const auto tuning = device->Tune();
  for (const std::string& model : options.models) {
    const std::string path = options.repository + "/" + model + "/1/model.onnx";
    for (const int batch : options.batches) {
      Status status =
          DeviceRunner::Load(*device, path, batch, device_options.threads).CloneStatus();
      if (!status.ok()) return std::move(status).With(fmt::format("{} batch {}", model, batch));
    }
  }
  PrintTable(tuning->shapes());
  device->Keep();
  return {};
}

}  // namespace hadron::bench
