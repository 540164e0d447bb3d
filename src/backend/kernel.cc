#include "backend/kernel.h"

namespace hadron::backend {

bool SameOrder(Layout a, Layout b, const tensor::Shape& shape) {
  if (a == b || shape.rank() < 3) return true;
  std::int64_t pixels = 1;
  for (std::size_t axis = 2; axis < shape.rank(); ++axis) pixels *= shape[axis];
  return shape[1] <= 1 || pixels <= 1;
}

base::Status Launch::Run() { return base::Internal("this kernel runs on a device, not the host"); }

base::Status Launch::Enqueue(device::Stream&) {
  return base::Internal("this kernel runs on the host, not a device");
}

std::string_view BackendName(BackendId id) {
  switch (id) {
    case BackendId::kReference:
      return "reference";
    case BackendId::kNative:
      return "native";
    case BackendId::kOpenCl:
      return "opencl";
  }
  return "unknown";
}

void KernelRegistry::Add(BackendId backend, KernelEntry entry) {
  rows_.push_back({backend, std::move(entry)});
}

const KernelEntry* KernelRegistry::Find(BackendId backend, std::string_view domain,
                                        std::string_view op_type) const {
  if (domain == "ai.onnx") domain = "";
  for (const Row& row : rows_) {
    if (row.backend == backend && row.entry.op_type == op_type && row.entry.domain == domain) {
      return &row.entry;
    }
  }
  return nullptr;
}

bool MeetsAllMatrices(const tensor::Shape& a, const tensor::Shape& b, const tensor::Shape& y) {
  if (b.rank() < 3 || a.rank() < 2 || y.rank() != b.rank()) return false;
  const std::int64_t n = b[b.rank() - 1];
  const std::int64_t k = b[b.rank() - 2];
  const bool stack = b.elements() > 0 && b.elements() == b[0] * k * n;
  const bool shared = a.rank() < b.rank() || a[0] == 1;
  return stack && shared && y.elements() == b[0] * (a.elements() / k) * n;
}

}  // namespace hadron::backend
