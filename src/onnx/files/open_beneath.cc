#include "onnx/files/open_beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "onnx/files/file_descriptor.h"

namespace hadron::onnx {
namespace {

constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

int OpenByKernel(int directory, const std::string& path) {
  open_how how{};
  how.flags = static_cast<decltype(how.flags)>(kOpenFlags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how));
  return fd < 0 ? -errno : static_cast<int>(fd);
}

bool IsLink(int directory, const char* name) {
  struct stat info {};
  return ::fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
}

int OpenComponent(int parent, const std::string& name, bool last) {
  if (IsLink(parent, name.c_str())) return -ELOOP;
  // O_NOFOLLOW still holds if a link takes the name now.
  const int fd = ::openat(parent, name.empty() ? "." : name.c_str(),
                          last ? kOpenFlags : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int OpenByComponents(int directory, const std::string& path) {
  const auto components = base::Split(path, '/');
  int at = ::fcntl(directory, F_DUPFD_CLOEXEC, 0);
  if (at < 0) return -errno;
  for (std::size_t i = 0; i < components.size() && at >= 0; ++i) {
    const FileDescriptor parent(at);
    at = OpenComponent(parent.get(), components[i], i + 1 == components.size());
  }
  return at;
}

}  // namespace

int OpenBeneath(int directory, const std::string& path, ResolveMethod method) {
  return method == ResolveMethod::kKernel ? OpenByKernel(directory, path)
                                          : OpenByComponents(directory, path);
}

int OpenBeneath(int directory, const std::string& path) {
  const int fd = OpenByKernel(directory, path);
  if (fd != -ENOSYS && fd != -EPERM && fd != -EINVAL) return fd;
  return OpenByComponents(directory, path);
}

}  // namespace hadron::onnx
