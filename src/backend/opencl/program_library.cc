#include "backend/opencl/program_library.h"

#include <fmt/format.h>

#include <cstddef>
#include <fstream>
#include <span>
#include <string_view>

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

base::StatusOr<std::shared_ptr<device::Program>> ProgramLibrary::Get(const std::string& file,
                                                                     const std::string& options) {
  // Held while compiling: whoever wants the same program has to wait for it anyway.
  base::MutexLock lock(mutex_);
  auto& program = programs_[{file, options}];
  if (program == nullptr) {
    HADRON_ASSIGN_OR_RETURN(const std::string common, Source("common.clh"));
    HADRON_ASSIGN_OR_RETURN(const std::string body, Source(file));
    const std::string text = fmt::format("{}\n#line 1 \"{}\"\n{}", common, file, body);
    HADRON_ASSIGN_OR_RETURN(program, device_.BuildProgram(file, text, options));
  }
  return program;
}

base::StatusOr<std::string> ProgramLibrary::Source(const std::string& file) const {
  if (kernel_dir_.empty()) return EmbeddedKernel(file);
  return ReadKernelFile(kernel_dir_ + "/" + file);
}

}  // namespace hadron::backend::opencl
