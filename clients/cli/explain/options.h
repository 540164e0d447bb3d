#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hadron::cli::explain {

/// What `hadron-cli explain --plan` was asked.
struct Options {
  std::string model;            ///< model.onnx, a version directory or a model's directory
  std::string device = "auto";  ///< as the server's --device
  std::string family = "auto";  ///< kernels of OpenCL devices: auto, cpu, gpu
  std::int64_t batch = 1;
  unsigned threads = 0;  ///< 0 = as the server chooses
  int runs = 21;
  std::vector<std::string> disabled_passes;
  std::vector<std::string> shapes;  ///< "input=DIMxDIM", for inputs of any size
  std::string svg;                  ///< file; empty = none
  bool json = false;
};

}  // namespace hadron::cli::explain
