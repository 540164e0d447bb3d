#include "backend/opencl/program_cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/bytes.h"
#include "base/sha256.h"

namespace hadron::backend::opencl {
namespace {

namespace fs = std::filesystem;

constexpr std::array<char, 8> kMagic = {'H', 'A', 'D', 'R', 'O', 'N', 'C', 'L'};
constexpr std::uint64_t kVersion = 1;
/// No program comes near; a damaged length must not become an allocation.
constexpr std::uint64_t kMostBytes = std::uint64_t{256} << 20;

struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint64_t version = kVersion;
  std::uint64_t length = 0;
  base::Sha256Digest checksum{};
};

bool WriteAll(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

struct CachedFile {
  fs::path path;
  std::uint64_t bytes;
  fs::file_time_type used;
};

std::vector<CachedFile> FilesIn(const std::string& folder) {
  std::vector<CachedFile> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;  // another process may have removed it
    CachedFile file{at->path(), at->file_size(gone), {}};
    if (!gone) file.used = at->last_write_time(gone);
    if (!gone) files.push_back(std::move(file));
  }
  return files;
}

}  // namespace

void WriteAtomically(const std::string& path,
                     std::initializer_list<std::span<const std::byte>> parts) {
  std::string temporary = path + ".XXXXXX";
  const int file = mkostemp(temporary.data(), O_CLOEXEC);
  if (file < 0) return;
  bool written = true;
  for (const auto part : parts) written = written && WriteAll(file, part);
  written = written && fsync(file) == 0;
  close(file);
  if (!written || std::rename(temporary.c_str(), path.c_str()) != 0) unlink(temporary.c_str());
}

ProgramCache::ProgramCache(const std::string& directory, std::uint64_t limit_bytes)
    : limit_bytes_(limit_bytes) {
  if (directory.empty()) return;
  folder_ = directory + "/bin";
  std::error_code unusable;  // shows as misses
  fs::create_directories(folder_, unusable);
}

std::string ProgramCache::Key(const device::DeviceInfo& device, std::string_view source,
                              std::string_view options) {
  base::Sha256 hash;
  const std::initializer_list<std::string_view> parts = {
      device.device_class, device.name, device.vendor, device.driver, options, source};
  for (const std::string_view part : parts) {
    const std::uint64_t size = part.size();
    hash.Update(std::as_bytes(std::span(&size, 1)));
    hash.Update(base::AsBytes(part));
  }
  return base::ToHex(hash.Finish());
}

std::optional<std::vector<std::byte>> ProgramCache::Load(const std::string& key) const {
  if (!enabled()) return std::nullopt;
  const std::string path = PathOf(key);
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::array<char, sizeof(Header)> start{};
  in.read(start.data(), start.size());
  const auto header = base::LoadLe<Header>(base::AsBytes(static_cast<const void*>(start.data())));
  const bool known =
      in && header.magic == kMagic && header.version == kVersion && header.length <= kMostBytes;
  std::error_code error;
  if (known && fs::file_size(path, error) == sizeof(Header) + header.length && !error) {
    std::string content(header.length, '\0');
    in.read(content.data(), static_cast<std::streamsize>(content.size()));
    const auto bytes = base::AsBytes(content);
    if (in && base::Sha256::Of(bytes) == header.checksum) {
      fs::last_write_time(path, fs::file_time_type::clock::now(), error);
      return std::vector<std::byte>(bytes.begin(), bytes.end());
    }
  }
  Drop(key);
  return std::nullopt;
}

void ProgramCache::Store(const std::string& key, std::span<const std::byte> binary) const {
  if (!enabled() || binary.size() > std::min(kMostBytes, limit_bytes_)) return;
  Header header;
  header.length = binary.size();
  header.checksum = base::Sha256::Of(binary);
  WriteAtomically(PathOf(key), {std::as_bytes(std::span(&header, 1)), binary});
  Trim();
}

void ProgramCache::Drop(const std::string& key) const {
  std::error_code error;
  fs::remove(PathOf(key), error);
}

void ProgramCache::Trim() const {
  std::vector<CachedFile> files = FilesIn(folder_);
  std::uint64_t sum = 0;
  for (const CachedFile& file : files) sum += file.bytes;
  std::ranges::sort(files, {}, &CachedFile::used);
  for (const CachedFile& file : files) {
    if (sum <= limit_bytes_) return;
    std::error_code error;
    if (fs::remove(file.path, error)) sum -= file.bytes;
  }
}

}  // namespace hadron::backend::opencl
