#include "storage/s3/credentials.h"

#include <algorithm>
#include <ctime>

namespace hadron::storage::s3 {
namespace {

std::optional<std::int64_t> ToMs(const char* rest, std::tm& fields) {
  if (rest == nullptr) return std::nullopt;
  const std::time_t seconds = timegm(&fields);
  return seconds < 0 ? std::nullopt : std::optional<std::int64_t>(std::int64_t{seconds} * 1000);
}

}  // namespace

std::optional<std::int64_t> ParseIsoTime(std::string_view text) {
  std::tm fields{};
  return ToMs(strptime(std::string(text).c_str(), "%Y-%m-%dT%H:%M:%S", &fields), fields);
}

std::optional<std::int64_t> ParseHttpTime(const std::string& text) {
  std::tm fields{};
  return ToMs(strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S", &fields), fields);
}

std::string Credentials::Hint() const {
  if (access_key.empty()) return "none";
  return "..." + access_key.substr(access_key.size() - std::min<std::size_t>(4, access_key.size()));
}

}  // namespace hadron::storage::s3
