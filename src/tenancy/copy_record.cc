#include "tenancy/copy_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace hadron::tenancy {

base::StatusOr<CopyRecord> CopyRecord::Read(const std::string& file) {
  CopyRecord record;
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return record;
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  const auto json = nlohmann::json::parse(text.str(), nullptr, false);
  const auto damaged = [&file] {
    return base::InvalidArgument(fmt::format(
        "{} is damaged: remove it, and the copy begins anew without what is missing", file));
  };
  if (!json.is_object() || !json.contains("since_ms") || !json.contains("instances")) {
    return damaged();
  }
  const auto& names = json["instances"];
  if (!json["since_ms"].is_number_integer() || !names.is_array()) return damaged();
  record.since_ms = json["since_ms"].get<std::int64_t>();
  for (const auto& name : names) {
    if (!name.is_string()) return damaged();
    record.Add(name.get<std::string>());
  }
  return record;
}

base::Status CopyRecord::Write(const std::string& file) const {
  const nlohmann::json json = {{"since_ms", since_ms}, {"instances", instances}};
  const std::string part = file + ".part";
  {
    std::ofstream out(part, std::ios::binary | std::ios::trunc);
    out << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    out.close();
    if (!out) return base::Unavailable(fmt::format("{} cannot be written", part));
  }
  if (std::rename(part.c_str(), file.c_str()) == 0) return {};
  return base::Unavailable(fmt::format("{} cannot be renamed to {}", part, file));
}

bool CopyRecord::Add(const std::string& instance) {
  if (std::ranges::count(instances, instance) > 0) return false;
  instances.push_back(instance);
  if (instances.size() > kMostInstances) instances.erase(instances.begin());
  return true;
}

}  // namespace hadron::tenancy
