#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/sync.h"
#include "device/device.h"

namespace hadron::backend::opencl {

/// The programs of one device, each compiled once per set of options when a kernel first needs it.
/// Shared by the kernel entries of a registry. Thread-safe; the device outlives it.
///
///     HADRON_ASSIGN_OR_RETURN(auto program, library.Get("elementwise.cl", ""));
class ProgramLibrary {
 public:
  /// Sources are the embedded ones, or the files of `kernel_dir` when it is not empty.
  ProgramLibrary(device::Device& device, std::string kernel_dir)
      : device_(device), kernel_dir_(std::move(kernel_dir)) {}

  /// Compiles `file` after common.clh. Failures are not kept: the next call tries again.
  base::StatusOr<std::shared_ptr<device::Program>> Get(const std::string& file,
                                                       const std::string& options);
  const device::DeviceInfo& device_info() const { return device_.info(); }

 private:
  base::StatusOr<std::string> Source(const std::string& file) const;

  device::Device& device_;
  const std::string kernel_dir_;
  base::Mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<device::Program>> programs_
      HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::backend::opencl
