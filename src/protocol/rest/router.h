#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hadron::protocol {

/// What a path means.
enum class Endpoint : std::uint8_t {
  kNone,  ///< no such path
  kLive,
  kReady,
  kServerMetadata,
  kModelMetadata,
  kModelReady,
  kModelConfig,
  kStatistics,  ///< of all models when Route::model is empty
  kInfer,
  kGenerate,
  kIndex,
  kLoad,
  kUnload,
  kNamedRepository,  ///< index, load or unload with a repository's name
  kLogging,
  kTrace,
  kSystemMemoryStatus,
  kSystemMemoryChange,
  kCudaMemoryStatus,
  kCudaMemoryChange,
  kServerStatus,
  kExplain,
  kPlan,
  kAccount,
  kPin,
  kUnpin,
  kEvict,
};

/// The verbs an endpoint takes.
enum class Verbs : std::uint8_t { kGet, kPost, kGetAndPost };

struct Route {
  Endpoint endpoint = Endpoint::kNone;
  Verbs verbs = Verbs::kGet;
  std::string_view model;    ///< points into the segments
  std::string_view version;  ///< decimal digits; empty = the newest
};

/// Finds the endpoint of a decoded path. Case matters; `stats` is matched before model names.
Route MatchRoute(const std::vector<std::string>& segments);

/// True when the endpoint takes the method (HEAD counts as GET).
bool Allows(Verbs verbs, std::string_view method);
/// Value of the Allow field: "GET, POST".
std::string_view AllowedMethods(Verbs verbs);

}  // namespace hadron::protocol
