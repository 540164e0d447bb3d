#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "tensor/host_tensor.h"

namespace hadron::bench {

/// Arm `ort`: ONNX Runtime from its PyPI wheel, in a Python child process that times its own runs
/// (bench/ort_arm.py), so that no interpreter time is counted but the call itself.
class OrtArm {
 public:
  /// `python` has onnxruntime installed (./setup.sh venv).
  static base::StatusOr<std::unique_ptr<OrtArm>> Start(const std::string& python);
  ~OrtArm();

  const std::string& version() const { return version_; }
  /// Opens a model with `threads` intra-op threads and fixed inputs (one binary string an input).
  base::Status Open(const std::string& path, int threads,
                    const std::vector<tensor::TensorDesc>& inputs,
                    const std::vector<std::string>& bytes);
  /// Mean nanoseconds of one of `count` runs.
  base::StatusOr<double> Time(int count);
  /// Output bytes of one run, for the check of correctness.
  base::StatusOr<std::vector<std::string>> Outputs();

 private:
  OrtArm(std::FILE* to, std::FILE* from, int pid) : to_(to), from_(from), pid_(pid) {}
  base::StatusOr<std::string> ReadLine();
  base::Status Send(const std::string& line);

  std::FILE* to_;
  std::FILE* from_;
  int pid_;
  std::string version_;
};

}  // namespace hadron::bench
