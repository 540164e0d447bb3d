#include "protocol/rest/router.h"

#include <algorithm>
#include <span>

namespace hadron::protocol {
namespace {

using Path = std::span<const std::string>;

bool Is(Path path, std::initializer_list<std::string_view> names) {
  return std::equal(path.begin(), path.end(), names.begin(), names.end());
}

bool IsVersion(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

struct Row {
  std::string_view name;
  Endpoint endpoint;
  Verbs verbs;
};

constexpr Row kModelRows[] = {
    {"ready", Endpoint::kModelReady, Verbs::kGet},
    {"config", Endpoint::kModelConfig, Verbs::kGet},
    {"stats", Endpoint::kStatistics, Verbs::kGet},
    {"infer", Endpoint::kInfer, Verbs::kPost},
    {"generate", Endpoint::kGenerate, Verbs::kPost},
    {"generate_stream", Endpoint::kGenerate, Verbs::kPost},
};

constexpr Row kHadronRows[] = {
    {"explain", Endpoint::kExplain, Verbs::kGet},
    {"pin", Endpoint::kPin, Verbs::kPost},
    {"unpin", Endpoint::kUnpin, Verbs::kPost},
    {"evict", Endpoint::kEvict, Verbs::kPost},
};

/// Behind /v2/models.
Route MatchModel(Path path) {
  if (Is(path, {"stats"})) return {Endpoint::kStatistics, Verbs::kGet, {}, {}};
  if (path.empty()) return {};
  Route route{Endpoint::kModelMetadata, Verbs::kGet, path[0], {}};
  path = path.subspan(1);
  if (Is(path, {"trace", "setting"})) {
    route.endpoint = Endpoint::kTrace;
    route.verbs = Verbs::kGetAndPost;
    return route;
  }
  if (path.size() >= 2 && path[0] == "versions") {
    if (!IsVersion(path[1])) return {};
    route.version = path[1];
    path = path.subspan(2);
  }
  if (path.empty()) return route;
  const auto* row = std::find_if(std::begin(kModelRows), std::end(kModelRows),
                                 [&](const Row& r) { return Is(path, {r.name}); });
  if (row == std::end(kModelRows)) return {};
  route.endpoint = row->endpoint;
  route.verbs = row->verbs;
  return route;
}

/// Behind /v2/repository.
Route MatchRepository(Path path) {
  if (Is(path, {"index"})) return {Endpoint::kIndex, Verbs::kPost, {}, {}};
  const bool named = path.size() == 2 ? path[1] == "index" : path.size() == 4;
  const Path rest = named && path.size() == 4 ? path.subspan(1) : path;
  if (named && path.size() == 2) return {Endpoint::kNamedRepository, Verbs::kPost, {}, {}};
  if (rest.size() != 3 || rest[0] != "models") return {};
  if (rest[2] != "load" && rest[2] != "unload") return {};
  if (named) return {Endpoint::kNamedRepository, Verbs::kPost, rest[1], {}};
  return {rest[2] == "load" ? Endpoint::kLoad : Endpoint::kUnload, Verbs::kPost, rest[1], {}};
}

/// Behind /v2/hadron.
Route MatchHadron(Path path) {
  if (Is(path, {"status"})) return {Endpoint::kServerStatus, Verbs::kGet, {}, {}};
  if (Is(path, {"plan"})) return {Endpoint::kPlan, Verbs::kPost, {}, {}};
  if (Is(path, {"account"})) return {Endpoint::kAccount, Verbs::kGet, {}, {}};
  if (path.size() != 3 || path[0] != "models") return {};
  const auto* row = std::find_if(std::begin(kHadronRows), std::end(kHadronRows),
                                 [&](const Row& r) { return r.name == path[2]; });
  if (row == std::end(kHadronRows)) return {};
  return {row->endpoint, row->verbs, path[1], {}};
}

/// Behind /v2/systemsharedmemory or /v2/cudasharedmemory: [region/<name>/]<verb>.
Route MatchMemory(Path path, Endpoint status, Endpoint change) {
  const bool region = path.size() == 3 && path[0] == "region";
  if (region) path = path.subspan(2);
  if (Is(path, {"status"})) return {status, Verbs::kGet, {}, {}};
  if (Is(path, {"unregister"})) return {change, Verbs::kPost, {}, {}};
  if (region && Is(path, {"register"})) return {change, Verbs::kPost, {}, {}};
  return {};
}

Route MatchHealth(Path path) {
  if (Is(path, {"live"})) return {Endpoint::kLive, Verbs::kGet, {}, {}};
  if (Is(path, {"ready"})) return {Endpoint::kReady, Verbs::kGet, {}, {}};
  return {};
}

Route MatchLogging(Path path) {
  return path.empty() ? Route{Endpoint::kLogging, Verbs::kGetAndPost, {}, {}} : Route();
}

Route MatchTrace(Path path) {
  return Is(path, {"setting"}) ? Route{Endpoint::kTrace, Verbs::kGetAndPost, {}, {}} : Route();
}

Route MatchSystemMemory(Path path) {
  return MatchMemory(path, Endpoint::kSystemMemoryStatus, Endpoint::kSystemMemoryChange);
}

Route MatchCudaMemory(Path path) {
  return MatchMemory(path, Endpoint::kCudaMemoryStatus, Endpoint::kCudaMemoryChange);
}

/// By what follows /v2.
struct Group {
  std::string_view name;
  Route (*match)(Path);
};
constexpr Group kGroups[] = {
    {"models", MatchModel},
    {"health", MatchHealth},
    {"repository", MatchRepository},
    {"hadron", MatchHadron},
    {"logging", MatchLogging},
    {"trace", MatchTrace},
    {"systemsharedmemory", MatchSystemMemory},
    {"cudasharedmemory", MatchCudaMemory},
};

}  // namespace

Route MatchRoute(const std::vector<std::string>& segments) {
  Path path(segments);
  if (path.empty() || path[0] != "v2") return {};
  if (path.size() == 1) return {Endpoint::kServerMetadata, Verbs::kGet, {}, {}};
  const std::string_view group = path[1];
  for (const Group& row : kGroups) {
    if (group == row.name) return row.match(path.subspan(2));
  }
  return {};
}

bool Allows(Verbs verbs, std::string_view method) {
  if (method == "GET" || method == "HEAD") return verbs != Verbs::kPost;
  return method == "POST" && verbs != Verbs::kGet;
}

std::string_view AllowedMethods(Verbs verbs) {
  switch (verbs) {
    case Verbs::kGet:
      return "GET, HEAD";
    case Verbs::kPost:
      return "POST";
    case Verbs::kGetAndPost:
      break;
  }
  return "GET, HEAD, POST";
}

}  // namespace hadron::protocol
