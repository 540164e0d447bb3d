#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "base/sync.h"
#include "device/opencl/factory.h"
#include "device/opencl/opencl_objects.h"
#include "device/opencl/opencl_stream.h"
#include "device/opencl/platforms.h"

namespace hadron::device {
namespace opencl {
namespace {

/// No relaxed mathematics: results are IEEE, NaN and infinities propagate.
constexpr std::string_view kBuildOptions = "-cl-std=CL1.2";
/// Drivers align to less (128 bytes) or more (512); kernels count on at least this.
constexpr std::uint32_t kLeastAlignment = 256;
/// A compiler may fill megabytes with one mistake in a header.
constexpr std::size_t kMaxLogBytes = 8192;

DeviceInfo Describe(const FoundDevice& found) {
  const cl_device_id id = found.id;
  const std::string driver = DeviceText(id, CL_DRIVER_VERSION);
  const auto align_bits = DeviceNumber<cl_uint>(id, CL_DEVICE_MEM_BASE_ADDR_ALIGN);
  return {
      .id = fmt::format("opencl:{}", found.ref.index),
      .name = found.ref.name,
      .vendor = DeviceText(id, CL_DEVICE_VENDOR),
      .driver = fmt::format("{} {}", found.ref.platform, driver),
      .device_class = fmt::format("opencl {} {} {} {}", OpenClTypeName(found.ref.type),
                                  found.ref.platform, found.ref.name, driver),
      .kind = DeviceKind::kOpenCl,
      .host_unified = DeviceNumber<cl_bool>(id, CL_DEVICE_HOST_UNIFIED_MEMORY) == CL_TRUE,
      .memory_bytes = DeviceNumber<cl_ulong>(id, CL_DEVICE_GLOBAL_MEM_SIZE),
      .max_allocation = DeviceNumber<cl_ulong>(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE),
      .base_align = std::max(kLeastAlignment, align_bits / 8),
      .compute_units = std::max<cl_uint>(1, DeviceNumber<cl_uint>(id, CL_DEVICE_MAX_COMPUTE_UNITS)),
      .vector_floats = DeviceNumber<cl_uint>(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT),
      .local_memory_emulated =
          found.ref.type == OpenClType::kCpu ||
          DeviceNumber<cl_device_local_mem_type>(id, CL_DEVICE_LOCAL_MEM_TYPE) != CL_LOCAL};
}

std::string BuildLog(cl_program program, cl_device_id device) {
  std::size_t size = 0;
  if (clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &size) !=
      CL_SUCCESS) {
    return "(the driver gives no log)";
  }
  std::string log(size, '\0');
  clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, size, log.data(), nullptr);
  log.resize(std::min(std::min(log.find('\0'), size), kMaxLogBytes));
  return std::string(base::Trim(log));
}

class OpenClDevice final : public Device {
 public:
  OpenClDevice(const FoundDevice& found, ClContext context, ClQueue setup_queue,
               std::uint64_t budget_bytes)
      : info_(Describe(found)),
        memory_(budget_bytes),
        id_(found.id),
        context_(std::move(context)),
        setup_queue_(std::move(setup_queue)) {}

  const DeviceInfo& info() const override { return info_; }
  MemoryPool& memory() override { return memory_; }

  base::StatusOr<std::unique_ptr<DeviceBuffer>> Allocate(Reservation reservation,
                                                         std::uint64_t bytes) override {
    HADRON_CHECK(reservation.bytes() >= bytes);
    if (bytes > info_.max_allocation) {
      return base::ResourceExhausted(
          fmt::format("device {} ({}) allocates at most {} in one piece, {} are wanted", info_.id,
                      info_.name, base::HumanBytes(info_.max_allocation), base::HumanBytes(bytes)));
    }
    cl_int error = CL_SUCCESS;
    ClMemory memory(clCreateBuffer(context_.get(), CL_MEM_READ_WRITE,
                                   std::max<std::uint64_t>(bytes, 1), nullptr, &error));
    HADRON_RETURN_IF_ERROR(CheckCl(error, "clCreateBuffer").With(Want(bytes)));
    HADRON_RETURN_IF_ERROR(Commit(memory.get()).With(Want(bytes)));
    return std::unique_ptr<DeviceBuffer>(
        std::make_unique<OpenClBuffer>(std::move(reservation), bytes, std::move(memory)));
  }

  base::StatusOr<std::unique_ptr<Stream>> CreateStream(base::Executor& host_lane) override {
    return MakeStream({context_.get(), id_, info_.id}, host_lane);
  }

  base::StatusOr<std::unique_ptr<Program>> BuildProgram(std::string_view name,
                                                        std::string_view source,
                                                        const std::string& options) override {
    const std::string label = fmt::format("program '{}' on {}", name, info_.id);
    const char* text = source.data();
    const std::size_t length = source.size();
    cl_int error = CL_SUCCESS;
    ClProgram program(clCreateProgramWithSource(context_.get(), 1, &text, &length, &error));
    HADRON_RETURN_IF_ERROR(CheckCl(error, "clCreateProgramWithSource").With(label));
    HADRON_RETURN_IF_ERROR(Build(program.get(), options).With(label));
    return std::unique_ptr<Program>(
        std::make_unique<OpenClProgram>(std::string(name), info_.id, std::move(program)));
  }

  base::StatusOr<std::unique_ptr<Program>> LoadProgram(std::string_view name,
                                                       std::span<const std::byte> binary,
                                                       const std::string& options) override {
    const std::string label = fmt::format("binary of program '{}' on {}", name, info_.id);
    const std::size_t size = binary.size();
    const auto* data = reinterpret_cast<const unsigned char*>(binary.data());
    cl_int taken = CL_SUCCESS;
    cl_int error = CL_SUCCESS;
    ClProgram program(
        clCreateProgramWithBinary(context_.get(), 1, &id_, &size, &data, &taken, &error));
    HADRON_RETURN_IF_ERROR(CheckCl(error, "clCreateProgramWithBinary").With(label));
    HADRON_RETURN_IF_ERROR(CheckCl(taken, "clCreateProgramWithBinary").With(label));
    HADRON_RETURN_IF_ERROR(Build(program.get(), options).With(label));
    return std::unique_ptr<Program>(
        std::make_unique<OpenClProgram>(std::string(name), info_.id, std::move(program)));
  }

 private:
  std::string Want(std::uint64_t bytes) const {
    return fmt::format("{} on {} ({})", base::HumanBytes(bytes), info_.id, info_.name);
  }

  /// Makes the driver take the memory now: many wait for the first use, which would then fail in
  /// the middle of a request.
  base::Status Commit(cl_mem memory) {
    HADRON_RETURN_IF_ERROR(CheckCl(
        clEnqueueMigrateMemObjects(setup_queue_.get(), 1, &memory,
                                   CL_MIGRATE_MEM_OBJECT_CONTENT_UNDEFINED, 0, nullptr, nullptr),
        "clEnqueueMigrateMemObjects"));
    return CheckCl(clFinish(setup_queue_.get()), "clFinish");
  }

  base::Status Build(cl_program program, const std::string& options) {
    const std::string all = fmt::format("{} {}", kBuildOptions, options);
    // Drivers' compilers are not all thread-safe, whatever the standard says.
    base::MutexLock lock(build_mutex_);
    const cl_int error = clBuildProgram(program, 1, &id_, all.c_str(), nullptr, nullptr);
    if (error == CL_SUCCESS) return {};
    return base::Internal(fmt::format("clBuildProgram: {}, options '{}', log:\n{}",
                                      ErrorText(error), all, BuildLog(program, id_)));
  }

  const DeviceInfo info_;
  MemoryPool memory_;
  const cl_device_id id_;
  const ClContext context_;
  const ClQueue setup_queue_;  ///< for allocations; may be waited for
  base::Mutex build_mutex_;
};

std::string Choices(const std::vector<FoundDevice>& all) {
  std::string text;
  for (const FoundDevice& found : all) {
    text += fmt::format("{}opencl:{} = {} ({})", text.empty() ? "" : ", ", found.ref.index,
                        found.ref.name, found.ref.platform);
  }
  return text.empty() ? "there is no OpenCL device; is a driver (an ICD) installed?" : text;
}

}  // namespace
}  // namespace opencl

base::StatusOr<std::unique_ptr<Device>> MakeOpenClDevice(unsigned index,
                                                         std::uint64_t budget_bytes) {
  const std::vector<opencl::FoundDevice> all = opencl::FindDevices();
  if (index >= all.size()) {
    return base::NotFound(fmt::format("device opencl:{}: {}", index, opencl::Choices(all)));
  }
  const opencl::FoundDevice& found = all[index];
  cl_int error = CL_SUCCESS;
  opencl::ClContext context(clCreateContext(nullptr, 1, &found.id, nullptr, nullptr, &error));
  HADRON_RETURN_IF_ERROR(opencl::CheckCl(error, "clCreateContext").With(found.ref.name));
  opencl::ClQueue queue(clCreateCommandQueue(context.get(), found.id, 0, &error));
  HADRON_RETURN_IF_ERROR(opencl::CheckCl(error, "clCreateCommandQueue").With(found.ref.name));
  return std::unique_ptr<Device>(std::make_unique<opencl::OpenClDevice>(
      found, std::move(context), std::move(queue), budget_bytes));
}

}  // namespace hadron::device
