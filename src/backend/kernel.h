#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "device/device.h"
#include "graph/graph.h"
#include "tensor/host_tensor.h"

namespace hadron::backend {

/// Order in which a tensor's elements lie. kChannelsLast is NHWC, NDHWC or NWC for tensors of rank
/// 3 to 5 whose logical shape stays [N, C, ...]; everything else is kPlain, row-major.
enum class Layout : std::uint8_t { kPlain, kChannelsLast };

/// True when both layouts put the elements of `shape` in the same order (one channel or one pixel).
bool SameOrder(Layout a, Layout b, const tensor::Shape& shape);

/// A tensor as a kernel meets it at compile time: fully known shape and layout. kInvalid = input
/// left out.
struct TensorSpec {
  tensor::DataType type = tensor::DataType::kInvalid;
  tensor::Shape shape;
  Layout layout = Layout::kPlain;

  std::uint64_t bytes() const { return shape.CheckedBytes(type).value_or(0); }
};

/// How a kernel wants one of its constant inputs. Equal keys mean equal bytes for equal constants,
/// so plans of different batch buckets share a segment. An empty key is the plain tensor.
struct Packing {
  std::string key;
  std::uint64_t bytes = 0;
  /// From the plain row-major tensor to the packed bytes; `to` has `bytes` bytes, 64-byte aligned.
  std::function<base::Status(const tensor::HostTensor& from, std::span<std::byte> to)> pack;
};

/// What is to be implemented: a node with known shapes. Inputs are the node's inputs followed by
/// one per post-op that has an operand. Lives for the call only.
struct KernelRequest {
  const graph::Node& node;
  std::span<const TensorSpec> inputs;
  std::span<const TensorSpec> outputs;
  /// By input: the constant behind it, or null.
  std::span<const graph::ConstantRef> constants;
  /// By input: key of the packing that an earlier plan of the model chose; "" = free choice. A
  /// kernel must take it, or two copies of the weights would be needed.
  std::span<const std::string> packing_hints;
  int threads = 1;
  /// Convolutions may use Winograd's method, which rounds differently.
  bool winograd = true;
};

/// Where a tensor lies when a kernel is bound: a range of a device buffer. `host` is its address
/// where the host reaches it; `strings` holds the elements of string tensors instead.
struct BufferView {
  device::DeviceBuffer* buffer = nullptr;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::byte* host = nullptr;
  std::vector<std::string>* strings = nullptr;
};

/// Views of a kernel's tensors, in the order of its KernelRequest. Inputs left out are empty.
struct KernelArgs {
  std::vector<BufferView> inputs;
  std::vector<BufferView> outputs;
  BufferView scratch;
};

/// A kernel bound to memory: everything that changes from call to call is set. Belongs to one
/// lane; not thread-safe; allocates nothing.
class Launch {
 public:
  virtual ~Launch() = default;
  /// Host kernels: computes on the calling thread and its team.
  virtual base::Status Run();
  /// Device kernels: enqueues.
  virtual base::Status Enqueue(device::Stream& stream);
  /// Of kernels that say so (Kernel::reads_anywhere): runs read input 0 from here from now on,
  /// null: from where it was bound.
  virtual void ReadFrom(const std::byte* /*input*/) {}
};

/// True for a product y = a * b whose right side is a stack [S, 1, ..., 1, K, N] that meets all of
/// the left side: S products with all rows of a, one behind the other in y.
bool MeetsAllMatrices(const tensor::Shape& a, const tensor::Shape& b, const tensor::Shape& y);

/// Implementation of one node for one set of shapes on one backend. Immutable, thread-safe; shared
/// by all lanes.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual bool on_device() const { return false; }
  virtual std::uint64_t scratch_bytes() const { return 0; }
  /// Inputs in whose memory output 0 may be written, each alone, if they have its size: element i
  /// of the input is read by whoever writes element i, before.
  virtual std::vector<std::size_t> in_place_inputs() const { return {}; }
  /// Input 0 may lie at another place in every run, aligned to its elements, see Launch::ReadFrom.
  virtual bool reads_anywhere() const { return false; }
  /// By input: how constants are wanted. Entries of computed inputs are ignored; missing entries
  /// mean plain.
  virtual std::vector<Packing> packings() const { return {}; }
  /// Name of the algorithm, for plans' listings and determinism facts: "native direct:avx512".
  virtual std::string description() const = 0;
  virtual base::StatusOr<std::unique_ptr<Launch>> Bind(const KernelArgs& args) const = 0;
};

/// Which layouts an operator's kernel takes.
enum class LayoutRule : std::uint8_t {
  kPlain,         ///< plain in, plain out
  kChannelsLast,  ///< input 0, post-op operands and output 0 channels-last (rank >= 3)
  kFollow,        ///< any layout, the same for all inputs of the output's shape and the outputs
};

enum class BackendId : std::uint8_t { kReference, kNative, kOpenCl };
std::string_view BackendName(BackendId id);

/// What a backend knows of one operator.
struct KernelEntry {
  std::string_view domain = {};  ///< "" = ai.onnx
  std::string_view op_type = {};
  LayoutRule layout = LayoutRule::kPlain;
  /// UNIMPLEMENTED when it cannot take this node (type, attribute, shape): the next backend is
  /// asked. Any other error fails the compilation.
  std::function<base::StatusOr<std::unique_ptr<Kernel>>(const KernelRequest&)> create = {};
  /// Nodes one behind the other as one kernel: each reads the one before as its first input, and
  /// nobody else does. The kernel's inputs are those of all of them, without what lies between.
  /// UNIMPLEMENTED when one by one is better. Null: always.
  std::function<base::StatusOr<std::unique_ptr<Kernel>>(std::span<const KernelRequest>)> chain = {};
  /// Cheap test before layouts are assigned; null = try create.
  bool (*supports)(const graph::Node&, std::span<const TensorSpec> inputs) = nullptr;
  /// Which post-ops the kernel can take, at any place of the list; null = none. A node whose list
  /// turns out too long in `create` (UNIMPLEMENTED) falls back like any other.
  bool (*fuses)(const graph::PostOp&) = nullptr;
};

/// All kernels of one device kind, best backend first. Built by wiring; immutable afterwards,
/// thread-safe.
class KernelRegistry {
 public:
  void Add(BackendId backend, KernelEntry entry);
  /// Null when the backend has none.
  const KernelEntry* Find(BackendId backend, std::string_view domain,
                          std::string_view op_type) const;

 private:
  struct Row {
    BackendId backend;
    KernelEntry entry;
  };
  std::vector<Row> rows_;
};

/// How one class of shapes did when it was tuned; tiles by name.
struct TunedShape {
  std::string shape = {};  ///< "gemm:64x576x4096": columns, depth, rows up to a power of two
  std::string built_in = {};
  std::string tile = {};  ///< the one chosen
  double built_in_us = 0;
  double tile_us = 0;
};

/// While it lives, kernels that its thread makes may be tried out before. Of that thread.
class Tuning {
 public:
  virtual ~Tuning() = default;
  /// What has been measured under it.
  virtual const std::vector<TunedShape>& shapes() const = 0;
};

/// The compiled programs behind a registry's device kernels. Thread-safe.
class DevicePrograms {
 public:
  struct Counts {
    std::uint64_t compiled = 0;  ///< from source
    std::uint64_t loaded = 0;    ///< from the cache
  };
  virtual ~DevicePrograms() = default;
  virtual Counts counts() const = 0;
  /// Writes to the cache what has been compiled since the last call. To be called when the new
  /// kernels have run once: drivers may compile them no sooner, and binaries should be complete.
  virtual void Keep() = 0;
  /// Lets this thread's new kernels be tuned, within a limit of time and as long as `idle` says
  /// that nothing else needs the device. Null: there is no tuning.
  virtual std::unique_ptr<Tuning> Tune(std::function<bool()> /*idle*/) { return nullptr; }
};

/// Wraps RunReference as a kernel: the fallback for what nothing faster implements.
base::StatusOr<std::unique_ptr<Kernel>> MakeReferenceKernel(const KernelRequest& request);

/// Fills in the kernels of the native CPU / of OpenCL devices.
void RegisterNativeKernels(KernelRegistry& registry);
#ifdef HADRON_HAVE_OPENCL
/// Which kernels an OpenCL device gets: work-items with wide vectors and groups of one, or groups
/// of 256 around tiles in local memory. kAuto: by device (CPUs only emulate local memory).
enum class OpenClFamily : std::uint8_t { kAuto, kCpu, kGpu };

/// Which device kernels are measured: none; those of a load that are not known yet, a few
/// candidates each, for seconds; every one with all candidates. Never changes the bytes of results.
enum class TuneMode : std::uint8_t { kOff, kFast, kFull };

struct OpenClOptions {
  std::string kernel_dir = {};     ///< read sources from here instead of the embedded ones
  std::string build_options = {};  ///< for the device's compiler, behind our own
  OpenClFamily family = OpenClFamily::kAuto;
  TuneMode tune = TuneMode::kOff;
  /// Compiled programs are kept in its folder "bin", measured choices in "tune"; empty: nowhere. A
  /// directory that cannot be used costs time, never a failure.
  std::string cache_dir = {};
  std::uint64_t cache_bytes = std::uint64_t{512} << 20U;  ///< the least recently used go beyond it
};

/// `device` outlives the registry; programs are built when a kernel first needs them.
std::shared_ptr<DevicePrograms> RegisterOpenClKernels(KernelRegistry& registry,
                                                      device::Device& device,
                                                      const OpenClOptions& options);
#endif

}  // namespace hadron::backend
