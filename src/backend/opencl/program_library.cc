#include "backend/opencl/program_library.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string_view>
#include <system_error>

namespace hadron::embedded {

// Declared alike in the generated source.
struct EmbeddedFile {
  std::string_view name;
  std::string_view content;
};
extern const EmbeddedFile KernelSources[];
extern const std::size_t KernelSources_size;

}  // namespace hadron::embedded

namespace hadron::backend::opencl {
namespace {

/// No kernel source comes near; a wrong directory may hold anything.
constexpr std::size_t kMaxSourceBytes = std::size_t{4} << 20;

base::StatusOr<std::string> ReadKernelFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return base::NotFound(
        fmt::format("kernel source '{}' cannot be opened; is the kernel directory right?", path));
  }
  std::string text(kMaxSourceBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  const auto length = static_cast<std::size_t>(in.gcount());
  if (length > kMaxSourceBytes) {
    return base::InvalidArgument(
        fmt::format("kernel source '{}' has more than {} bytes", path, kMaxSourceBytes));
  }
  text.resize(length);
  return text;
}

base::StatusOr<std::string> EmbeddedKernel(const std::string& file) {
  for (const auto& source : std::span(embedded::KernelSources, embedded::KernelSources_size)) {
    if (source.name == file) return std::string(source.content);
  }
  return base::Internal(fmt::format("kernel source '{}' is not part of this program", file));
}

}  // namespace

bool ProgramLibrary::cpu_family() const {
  if (options_.family != OpenClFamily::kAuto) return options_.family == OpenClFamily::kCpu;
  return device_info().local_memory_emulated;
}

base::StatusOr<std::shared_ptr<device::Program>> ProgramLibrary::Get(const std::string& file,
                                                                     const std::string& options,
                                                                     const std::string& prefix) {
  // Held while compiling: whoever wants the same program has to wait for it anyway.
  base::MutexLock lock(mutex_);
  auto& program = programs_[{file, options, prefix}];
  if (program == nullptr) {
    std::set<std::string> seen;
    HADRON_ASSIGN_OR_RETURN(const std::string common, Expand("common.clh", seen));
    HADRON_ASSIGN_OR_RETURN(const std::string body, Expand(file, seen));
    const std::string text = fmt::format("{}\n{}\n{}", common, prefix, body);
    const std::string all_options = fmt::format("{} {}", options, options_.build_options);
    HADRON_ASSIGN_OR_RETURN(program, Make(file, text, all_options));
  }
  return program;
}

base::StatusOr<std::shared_ptr<device::Program>> ProgramLibrary::Make(const std::string& file,
                                                                      const std::string& text,
                                                                      const std::string& options) {
  const std::string key = ProgramCache::Key(device_.info(), text, options);
  if (const auto binary = cache_.Load(key)) {
    auto loaded = device_.LoadProgram(file, *binary, options);
    if (loaded.ok()) {
      ++loaded_;
      return std::shared_ptr<device::Program>(std::move(loaded).value());
    }
    cache_.Drop(key);
  }
  HADRON_ASSIGN_OR_RETURN(auto built, device_.BuildProgram(file, text, options));
  ++compiled_;
  std::shared_ptr<device::Program> program(std::move(built));
  if (cache_.enabled()) fresh_[key] = program;
  return program;
}

void ProgramLibrary::Keep() {
  std::map<std::string, std::shared_ptr<device::Program>> fresh;
  {
    base::MutexLock lock(mutex_);
    fresh.swap(fresh_);
  }
  // Not under the lock: to give a binary some drivers compile what has not run yet.
  for (const auto& [key, program] : fresh) {
    const auto binary = program->Binary();
    if (binary.ok()) cache_.Store(key, *binary);
  }
}

std::string ProgramLibrary::TuningFile() const {
  if (options_.tune == TuneMode::kOff || options_.cache_dir.empty()) return {};
  std::string sources;
  for (const char* file : {"conv.cl", "depthwise.cl", "gemm.cl"}) {
    std::set<std::string> seen;
    const auto source = Expand(file, seen);
    if (!source.ok()) return {};  // whoever needs the file will say so
    sources += *source;
  }
  const std::string folder = options_.cache_dir + "/tune";
  std::error_code unusable;  // shows as an absent file
  std::filesystem::create_directories(folder, unusable);
  const std::string options =
      fmt::format("{} {}", cpu_family() ? "cpu" : "gpu", options_.build_options);
  return fmt::format("{}/{}.json", folder, ProgramCache::Key(device_.info(), sources, options));
}

base::StatusOr<std::string> ProgramLibrary::Expand(const std::string& file,
                                                   std::set<std::string>& seen) const {
  constexpr std::string_view kInclude = "#include \"";
  if (!seen.insert(file).second) return std::string();
  HADRON_ASSIGN_OR_RETURN(const std::string source, Source(file));
  std::string text = fmt::format("#line 1 \"{}\"\n", file);
  std::size_t number = 0;
  for (std::size_t at = 0; at < source.size();) {
    const std::size_t end = std::min(source.find('\n', at), source.size());
    const std::string_view line = std::string_view(source).substr(at, end - at);
    at = end + 1;
    ++number;
    if (line.starts_with(kInclude)) {
      const std::string_view name = line.substr(kInclude.size());
      HADRON_ASSIGN_OR_RETURN(const std::string included,
                              Expand(std::string(name.substr(0, name.find('"'))), seen));
      text += fmt::format("{}\n#line {} \"{}\"\n", included, number + 1, file);
    } else {
      text.append(line).push_back('\n');
    }
  }
  return text;
}

base::StatusOr<std::string> ProgramLibrary::Source(const std::string& file) const {
  if (options_.kernel_dir.empty()) return EmbeddedKernel(file);
  return ReadKernelFile(options_.kernel_dir + "/" + file);
}

}  // namespace hadron::backend::opencl
