#include "storage/s3/profile.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "base/strings.h"

namespace hadron::storage::s3 {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;

}  // namespace

ProfileFile ParseProfileFile(std::string_view text) {
  ProfileFile file;
  ProfileSection* section = nullptr;
  std::string outer;
  for (const std::string& line : base::Split(text, '\n')) {
    const std::string_view content = base::Trim(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') continue;
    if (content.front() == '[') {
      section = &file[std::string(base::Trim(content.substr(1, content.find(']') - 1)))];
      outer.clear();
      continue;
    }
    const std::size_t equals = content.find('=');
    if (section == nullptr || equals == std::string_view::npos) continue;
    const std::string name = base::ToLower(base::Trim(content.substr(0, equals)));
    const std::string_view value = base::Trim(content.substr(equals + 1));
    const bool nested = line.front() == ' ' || line.front() == '\t';
    if (!nested) outer = value.empty() ? name : "";
    (*section)[nested && !outer.empty() ? outer + "." + name : name] = value;
  }
  return file;
}

base::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) {
    return base::NotFound(
        fmt::format("cannot open '{}': {}", path, std::generic_category().message(errno)));
  }
  std::string text(kMaxFileBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) {
    return base::NotFound(
        fmt::format("cannot read '{}': {}", path, std::generic_category().message(errno)));
  }
  if (text.size() > kMaxFileBytes) {
    return base::InvalidArgument(fmt::format("'{}' has more than {} bytes", path, kMaxFileBytes));
  }
  return text;
}

}  // namespace hadron::storage::s3
