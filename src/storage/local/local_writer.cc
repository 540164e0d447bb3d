#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include "storage/artifact_files.h"
#include "storage/atomic_file.h"
#include "storage/local/factory.h"
#include "storage/local/open_beneath.h"
#include "storage/object_name.h"

namespace hadron::storage {
namespace {

constexpr std::size_t kChunk = std::size_t{4} << 20;

/// ObjectWriter over a directory. Thread-safe: holds no state but the path.
class LocalWriter final : public ObjectWriter {
 public:
  explicit LocalWriter(std::string root) : root_(std::move(root)) {}

  const std::string& url() const override { return root_; }

  base::Status Put(std::string_view name, const base::IoBuf& bytes) override {
    HADRON_ASSIGN_OR_RETURN(AtomicFile file, Create(name));
    for (const auto& slice : bytes.slices()) HADRON_RETURN_IF_ERROR(file.Append(slice.bytes));
    return file.Commit();
  }

  base::Status PutFile(std::string_view name, const std::string& path,
                       const PutOptions& options) override {
    const local::Fd source(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    std::error_code error(errno, std::generic_category());
    const std::uint64_t size = source.ok() ? std::filesystem::file_size(path, error) : 0;
    if (!source.ok() || error) {
      return base::NotFound(fmt::format("cannot open '{}': {}", path, error.message()));
    }
    HADRON_ASSIGN_OR_RETURN(AtomicFile file, Create(name));
    std::vector<std::byte> chunk(kChunk);
    std::uint64_t done = 0;
    while (const ssize_t got = read(source.get(), chunk.data(), chunk.size())) {
      if (got < 0) return base::Internal(fmt::format("'{}' cannot be read to its end", path));
      const auto count = static_cast<std::size_t>(got);
      HADRON_RETURN_IF_ERROR(file.Append(std::span(chunk).first(count)));
      done += count;
      if (options.progress && !options.progress(done, size)) {
        return base::Cancelled(fmt::format("the copy of '{}' was cancelled", name));
      }
    }
    if (options.before_visible) HADRON_RETURN_IF_ERROR(options.before_visible());
    return file.Commit();
  }

  base::StatusOr<std::optional<std::string>> Sha256Of(std::string_view name) override {
    HADRON_RETURN_IF_ERROR(CheckObjectName(name));
    const std::string path = fmt::format("{}/{}", root_, name);
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) return std::optional<std::string>();
    HADRON_ASSIGN_OR_RETURN(std::string sum, HashFile(path));
    return std::optional<std::string>(std::move(sum));
  }

  base::Status Remove(std::string_view name) override {
    HADRON_RETURN_IF_ERROR(CheckObjectName(name));
    if (unlink(fmt::format("{}/{}", root_, name).c_str()) == 0 || errno == ENOENT) return {};
    return base::PermissionDenied(
        fmt::format("removing '{}/{}': {}", root_, name, std::generic_category().message(errno)));
  }

 private:
  base::StatusOr<AtomicFile> Create(std::string_view name) const {
    HADRON_RETURN_IF_ERROR(CheckObjectName(name));
    if (name.empty()) return base::InvalidArgument(fmt::format("'{}' is not a file", root_));
    const std::filesystem::path path = std::filesystem::path(root_) / name;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    return AtomicFile::Create(path.string());
  }

  const std::string root_;
};

}  // namespace

base::StatusOr<std::unique_ptr<ObjectWriter>> OpenLocalWriter(std::string root) {
  while (root.size() > 1 && root.ends_with('/')) root.pop_back();
  if (!std::filesystem::is_directory(root)) {
    return base::NotFound(fmt::format("'{}' is not a directory", root));
  }
  return std::unique_ptr<ObjectWriter>(std::make_unique<LocalWriter>(std::move(root)));
}

}  // namespace hadron::storage
