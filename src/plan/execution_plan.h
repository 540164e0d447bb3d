#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/kernel.h"
#include "plan/weight_image.h"
#include "tensor/host_tensor.h"

namespace hadron::plan {

/// Memory a plan's tensor lies in; lanes own one of each.
enum class Space : std::uint8_t {
  kIo,           ///< host region of the run's inputs and outputs
  kHostArena,    ///< intermediate tensors of host kernels
  kDeviceArena,  ///< intermediate tensors of device kernels
  kWeight,       ///< a WeightRef
  kConstant,     ///< bytes of the plan itself: what shape inference computed
  kStrings,      ///< a string slot
  kNone,         ///< input left out
};

/// One tensor of a plan.
struct PlanTensor {
  backend::TensorSpec spec;
  Space space = Space::kNone;
  std::uint64_t offset = 0;  ///< in its space; number of the slot for strings
  /// In Space::kIo, from one piece of the rows to the next: inputs and outputs hold all rows. 0 in
  /// memory that pieces use one after the other.
  std::uint64_t piece_bytes = 0;
  WeightRef weight;
};

/// One thing to do, in order.
struct PlanStep {
  enum class Kind : std::uint8_t {
    kKernel,    ///< run `kernel` where its backend says
    kUpload,    ///< inputs[0] (host) to outputs[0] (device)
    kDownload,  ///< inputs[0] (device) to outputs[0] (host)
    kCopy,      ///< inputs[0] to outputs[0], both on the host; strings too
  };
  Kind kind = Kind::kKernel;
  std::shared_ptr<const backend::Kernel> kernel;
  std::vector<std::uint32_t> inputs;  ///< indices into tensors
  std::vector<std::uint32_t> outputs;
  std::uint64_t scratch_offset = 0;  ///< in the arena of the kernel's side
  std::string label;                 ///< node and algorithm, for listings
  int node = -1;                     ///< index in the model's graph; -1: a copy or a reorder
  int nodes = 1;                     ///< that the kernel computes: `node` and those in front of it
  backend::BackendId backend = backend::BackendId::kReference;  ///< of `kernel`
};

/// Which of a plan's inputs nothing on the host reads, and which of its outputs are made on the
/// device and read by nothing else: these need no way through host memory.
struct DeviceEnds {
  std::vector<bool> inputs;
  std::vector<bool> outputs;
};

/// What to do for one signature (the shapes of all inputs, the batch bucket included): steps,
/// offsets, kernels. Weights are addressed by segment, memory by offset: any lane may run it.
/// Immutable, thread-safe.
struct ExecutionPlan {
  std::vector<tensor::Shape> input_shapes;
  std::int64_t rows = 1;  ///< batch bucket; 1 for models that do not batch
  /// The steps run once for each of so many equal pieces of the rows, one after the other in the
  /// same arena: tensors, steps and arena are those of one piece, inputs and outputs hold them all.
  std::int64_t pieces = 1;
  std::vector<PlanTensor> tensors;
  std::vector<PlanStep> steps;
  std::vector<std::uint32_t> inputs;   ///< by graph input: tensor
  std::vector<std::uint32_t> outputs;  ///< by graph output: tensor
  DeviceEnds ends;
  std::uint64_t io_bytes = 0;
  std::uint64_t host_arena_bytes = 0;
  std::uint64_t device_arena_bytes = 0;
  std::vector<std::byte> constants;  ///< Space::kConstant; entries aligned to 16
  std::uint32_t string_slots = 0;
  /// Slots that hold constant strings.
  std::vector<std::pair<std::uint32_t, std::vector<std::string>>> string_constants;

  /// One line a step, for `hadron-bench` and tests.
  std::string Listing() const;
};

}  // namespace hadron::plan
