#pragma once

#include <string>

namespace hadron::onnx {

/// How a path is resolved: by the kernel in one call, or by us component by component where the
/// kernel (before Linux 5.6) or a sandbox does not offer that. Both refuse every symbolic link.
enum class ResolveMethod { kKernel, kComponents };

/// Opens `path`, relative and without "..", for reading beneath the directory. The descriptor, or
/// the negative errno (-ELOOP: a component is a symbolic link). Never waits (FIFOs).
int OpenBeneath(int directory, const std::string& path, ResolveMethod method);

/// With the kernel's method, and the other one when the kernel does not know it.
int OpenBeneath(int directory, const std::string& path);

}  // namespace hadron::onnx
