// Which implementations the server is made of: stores by URL scheme, devices by --device.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/log.h"
#include "base/strings.h"
#include "base/system_limits.h"
#include "device/host/factory.h"
#ifdef HADRON_HAVE_OPENCL
#include "device/opencl/factory.h"
#endif
#include "server/server.h"
#include "storage/local/factory.h"
#include "storage/s3/factory.h"

namespace hadron::server {
namespace {

using base::InvalidArgument;
using base::Status;
using base::StatusOr;

constexpr double kSharedMemoryFraction = 0.5;

storage::S3Options ObjectStoreOptions(const Options& options, const std::atomic<bool>& stopping) {
  storage::S3Options s3;
  s3.addressing = options.Text("s3-addressing");
  s3.anonymous = options.Bool("s3-anonymous");
  s3.instance_credentials = options.Bool("s3-instance-credentials");
  s3.require_tls = options.Bool("s3-require-tls");
  s3.verify_etag = options.Bool("s3-verify-etag");
  s3.cancel = &stopping;
  return s3;
}

/// Bytes the device may use: the smaller of fraction and --device-memory-budget.
std::uint64_t Budget(const Options& options, std::uint64_t total, bool shares_host_memory) {
  double fraction = options.Double("gpu-memory-fraction");
  if (shares_host_memory) fraction = std::min(fraction, kSharedMemoryFraction);
  auto budget = static_cast<std::uint64_t>(static_cast<double>(total) * fraction);
  const std::uint64_t limit = options.Uint("device-memory-budget");
  return limit == 0 ? budget : std::min(budget, limit);
}

/// Device number of "opencl" or "opencl:<n>"; nothing for the CPU.
StatusOr<std::optional<unsigned>> OpenClIndex(const std::string& device) {
  if (device == "auto" || device == "cpu") return std::optional<unsigned>();
  if (device == "opencl") return std::optional<unsigned>(0);
  if (device.starts_with("opencl:")) {
    const auto index = base::ParseUint64(device.substr(7));
    if (index && *index < 1024) return std::optional<unsigned>(static_cast<unsigned>(*index));
  }
  return InvalidArgument(
      fmt::format("--device={}: expected auto, cpu, opencl or opencl:<n>", device));
}

#ifdef HADRON_HAVE_OPENCL
StatusOr<std::unique_ptr<device::Device>> OpenClDevice(const Options& options, unsigned index) {
  const auto devices = device::ListOpenClDevices();
  if (index >= devices.size()) {
    return InvalidArgument(fmt::format(
        "--device: there is no OpenCL device {}, the drivers offer {}; install the driver's OpenCL "
        "package (ICD) or use --device=cpu",
        index, devices.size()));
  }
  HADRON_ASSIGN_OR_RETURN(auto probe, device::MakeOpenClDevice(index, UINT64_MAX));
  const device::DeviceInfo& info = probe->info();
  return device::MakeOpenClDevice(index, Budget(options, info.memory_bytes, info.host_unified));
}

StatusOr<backend::OpenClFamily> Family(const std::string& name) {
  if (name == "auto") return backend::OpenClFamily::kAuto;
  if (name == "cpu") return backend::OpenClFamily::kCpu;
  if (name == "gpu") return backend::OpenClFamily::kGpu;
  return InvalidArgument(fmt::format("--opencl-family={}: expected auto, cpu or gpu", name));
}

StatusOr<backend::TuneMode> Tuning(const std::string& name) {
  if (name == "off") return backend::TuneMode::kOff;
  if (name == "fast") return backend::TuneMode::kFast;
  return InvalidArgument(fmt::format("--tune={}: expected off or fast", name));
}
#endif

}  // namespace

StatusOr<std::unique_ptr<storage::ObjectStore>> Server::OpenDirectory(std::string path) {
  return storage::OpenLocalStore(std::move(path));
}

Status Server::OpenRepositories() {
  const std::vector<std::string> urls = options_.Repositories();
  if (urls.empty()) {
    return InvalidArgument("--model-repository is missing: name the directory of the models");
  }
  for (const std::string& url : urls) {
    auto store = OpenStore(url);
    if (!store.ok()) return std::move(store).status().With("--model-repository");
    stores_.push_back(std::move(store).value());
  }
  const bool remote = std::ranges::any_of(
      urls, [](const std::string& url) { return url.find("://") != std::string::npos; });
  if (remote) MakeArtifactCache();
  return {};
}

StatusOr<std::unique_ptr<storage::ObjectStore>> Server::OpenStore(const std::string& url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return storage::OpenLocalStore(url);
  if (url.starts_with("s3://")) {
    return storage::OpenS3Store(url, ObjectStoreOptions(options_, stopping_), clock_);
  }
  return base::Unimplemented(
      fmt::format("'{}': '{}' repositories are not supported; local directories and s3:// are", url,
                  url.substr(0, scheme)));
}

void Server::MakeArtifactCache() {
  const CacheDirectory& cache = Cache();
  storage::ArtifactCache::Options options;
  if (!cache.path.empty()) options.directory = cache.path + "/artifacts";
  options.budget = cache.bytes;
  options.budget_beside_held = options_.Uint("cache-budget") == 0;
  artifacts_ = std::make_unique<storage::ArtifactCache>(std::move(options), clock_, &fetch_);
  const auto held = artifacts_->counts();
  base::LogInfo("copies of remote models", {{"directory", cache.path},
                                            {"budget_bytes", cache.bytes},
                                            {"held_bytes", held.bytes},
                                            {"held", held.entries}});
}

const CacheDirectory& Server::Cache() {
  if (!cache_) {
    cache_ = FindCacheDirectory(options_.Text("cache-dir"), options_.Uint("cache-budget"));
  }
  return *cache_;
}

/// A card played by the CPU, whose copies take as long as this many bytes a second make them: for
/// tests and benches of residency where there is no card.
StatusOr<std::optional<std::uint64_t>> PlayedCopyRate() {
  const char* hooks = std::getenv("HADRON_TEST_HOOKS");     // NOLINT(concurrency-mt-unsafe)
  const char* rate = std::getenv("HADRON_TEST_COPY_RATE");  // NOLINT(concurrency-mt-unsafe)
  if (hooks == nullptr || std::string_view(hooks) != "1" || rate == nullptr) {
    return std::optional<std::uint64_t>();
  }
  const auto bytes = base::ParseUint64(rate);
  if (bytes && *bytes > 0) return bytes;
  return InvalidArgument(fmt::format("HADRON_TEST_COPY_RATE={}: expected bytes a second", rate));
}

/// Bytes of the host's memory for models: all of them where models run on the CPU, else the packed
/// weights of models that are on no device, and what loads need.
std::uint64_t HostBudget(const Options& options, std::uint64_t total, bool beside_a_device) {
  if (!beside_a_device) return Budget(options, total, true);
  const std::uint64_t limit = options.Uint("host-cache-budget");
  return limit > 0 ? limit
                   : static_cast<std::uint64_t>(static_cast<double>(total) * kSharedMemoryFraction);
}

Status Server::MakeDevices() {
  const std::uint64_t memory = base::ReadSystemLimits().memory_bytes;
  HADRON_ASSIGN_OR_RETURN(const auto index, OpenClIndex(options_.Text("device")));
  HADRON_ASSIGN_OR_RETURN(const auto copy_rate, PlayedCopyRate());
  if (index) {
    HADRON_RETURN_IF_ERROR(MakeOpenCl(*index));
  } else if (copy_rate) {
    accelerator_ = device::MakeHostDevice(
        {.budget_bytes = Budget(options_, memory, true), .copy_bytes_per_second = *copy_rate});
  }
  host_ = device::MakeHostDevice(HostBudget(options_, memory, accelerator_ != nullptr));
  backend::RegisterNativeKernels(kernels_);
  device::Device& device = accelerator_ ? *accelerator_ : *host_;
  base::LogInfo("device", {{"id", device.info().id},
                           {"name", device.info().name},
                           {"class", device.info().device_class},
                           {"budget_bytes", device.memory().budget()},
                           {"host_budget_bytes", host_->memory().budget()}});
  return {};
}

#ifdef HADRON_HAVE_OPENCL
Status Server::MakeOpenCl(unsigned index) {
  HADRON_ASSIGN_OR_RETURN(accelerator_, OpenClDevice(options_, index));
  backend::OpenClOptions kernels;
  kernels.kernel_dir = options_.Text("kernel-dir");
  HADRON_ASSIGN_OR_RETURN(kernels.family, Family(options_.Text("opencl-family")));
  HADRON_ASSIGN_OR_RETURN(kernels.tune, Tuning(options_.Text("tune")));
  const CacheDirectory& cache = Cache();
  kernels.cache_dir = cache.path;
  kernels.cache_bytes = cache.bytes;
  programs_ = backend::RegisterOpenClKernels(kernels_, *accelerator_, kernels);
  return {};
}
#else
Status Server::MakeOpenCl(unsigned) {
  return base::Unimplemented("--device: this build has no OpenCL (HADRON_OPENCL=OFF)");
}
#endif

}  // namespace hadron::server
