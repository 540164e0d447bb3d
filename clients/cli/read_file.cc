#include "cli/read_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace hadron::cli {
namespace {

constexpr std::uintmax_t kMaxBytes = std::uintmax_t{1} << 30;

}  // namespace

base::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    const std::string why = error ? error.message() : "it is no regular file";
    return base::NotFound(fmt::format("cannot read '{}': {}", path, why));
  }
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error || size > kMaxBytes) {
    return base::InvalidArgument(fmt::format("cannot read '{}': larger than 1 GiB", path));
  }
  std::string content(size, '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(content.data(), static_cast<std::streamsize>(size));
  if (!in || static_cast<std::uintmax_t>(in.gcount()) != size) {
    return base::InvalidArgument(fmt::format("cannot read '{}'", path));
  }
  return content;
}

}  // namespace hadron::cli
