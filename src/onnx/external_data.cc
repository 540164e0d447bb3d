#include "onnx/external_data.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "onnx/files/file_descriptor.h"
#include "onnx/files/open_beneath.h"

namespace hadron::onnx {
namespace {

using base::InvalidArgument;
using base::Status;
using base::StatusOr;

bool HasDrive(std::string_view path) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return path.size() >= 2 && path[1] == ':' && letter(path[0]);
}

/// What the text alone shows; links and file kinds are seen when the file is opened.
Status CheckLocation(std::string_view location) {
  if (location.empty()) return InvalidArgument("the location is empty");
  if (location.find('\0') != std::string_view::npos) {
    return InvalidArgument("the location contains a NUL byte");
  }
  if (location.find('\\') != std::string_view::npos || HasDrive(location)) {
    return InvalidArgument("the location is a Windows path; write it with '/' and relative");
  }
  if (location.front() == '/') {
    return InvalidArgument("the location is an absolute path; it must be relative to the model");
  }
  const auto components = base::Split(location, '/');
  if (std::ranges::find(components, "..") != components.end()) {
    return InvalidArgument("the location contains '..'; it must stay below the model's directory");
  }
  return {};
}

/// "a/b" for "./a//b".
std::string Plain(std::string_view location) {
  std::vector<std::string> components = base::Split(location, '/');
  std::erase_if(components, [](const std::string& part) { return part.empty() || part == "."; });
  return base::Join(components, "/");
}

Status OpenFailure(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return base::NotFound("there is no such file beside the model");
    case ELOOP:
    case EXDEV:
      return InvalidArgument("a part of the location is a symbolic link");
    default:
      return base::Unavailable("cannot open the file: " + std::generic_category().message(error));
  }
}

Status CheckKind(const struct stat& info) {
  if (!S_ISREG(info.st_mode)) return InvalidArgument("the location is not a regular file");
  // A second name could lie outside the directory, where somebody else decides what it holds.
  if (info.st_nlink != 1) return InvalidArgument("the file has more than one hard link");
  return {};
}

}  // namespace

StatusOr<ExternalData> ExternalData::FromDirectory(const std::string& path) {
  auto directory = std::make_shared<const FileDescriptor>(
      ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (directory->get() < 0) {
    return base::NotFound(fmt::format("cannot open directory '{}': {}", base::EscapeControl(path),
                                      std::generic_category().message(errno)));
  }
  return ExternalData(std::move(directory), nullptr);
}

StatusOr<std::shared_ptr<const base::ByteSource>> ExternalData::Open(
    std::string_view location) const {
  HADRON_RETURN_IF_ERROR(CheckLocation(location));
  if (find_) {
    auto found = find_(Plain(location));
    if (found == nullptr) return OpenFailure(ENOENT);
    return found;
  }
  if (directory_ == nullptr) {
    return InvalidArgument("external data is not available where this model comes from");
  }
  const int fd = OpenBeneath(directory_->get(), std::string(location));
  if (fd < 0) return OpenFailure(-fd);
  struct stat info {};
  if (::fstat(fd, &info) != 0) {
    ::close(fd);
    return OpenFailure(EIO);
  }
  auto file = std::make_shared<const base::FileSource>(fd, info);
  HADRON_RETURN_IF_ERROR(CheckKind(info));
  return std::shared_ptr<const base::ByteSource>(std::move(file));
}

}  // namespace hadron::onnx
