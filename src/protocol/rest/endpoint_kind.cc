#include "protocol/rest/endpoint_kind.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "base/check.h"

namespace hadron::protocol {
namespace {

enum class Guard : std::uint8_t { kNever, kPost, kAlways };

struct Row {
  Endpoint endpoint;
  ApiGroup group;
  Guard guard;
};

constexpr Row kRows[] = {
    {Endpoint::kNone, ApiGroup::kMetadata, Guard::kNever},
    {Endpoint::kLive, ApiGroup::kHealth, Guard::kNever},
    {Endpoint::kReady, ApiGroup::kHealth, Guard::kNever},
    {Endpoint::kModelReady, ApiGroup::kHealth, Guard::kNever},
    {Endpoint::kServerMetadata, ApiGroup::kMetadata, Guard::kNever},
    {Endpoint::kModelMetadata, ApiGroup::kMetadata, Guard::kNever},
    {Endpoint::kModelConfig, ApiGroup::kModelConfig, Guard::kNever},
    {Endpoint::kStatistics, ApiGroup::kStatistics, Guard::kNever},
    {Endpoint::kInfer, ApiGroup::kInference, Guard::kNever},
    {Endpoint::kGenerate, ApiGroup::kInference, Guard::kNever},
    {Endpoint::kIndex, ApiGroup::kModelRepository, Guard::kNever},
    {Endpoint::kLoad, ApiGroup::kModelRepository, Guard::kAlways},
    {Endpoint::kUnload, ApiGroup::kModelRepository, Guard::kAlways},
    {Endpoint::kNamedRepository, ApiGroup::kModelRepository, Guard::kNever},  // 501 in any case
    {Endpoint::kLogging, ApiGroup::kLogging, Guard::kPost},
    {Endpoint::kTrace, ApiGroup::kTrace, Guard::kPost},
    {Endpoint::kSystemMemoryStatus, ApiGroup::kSharedMemory, Guard::kNever},
    {Endpoint::kSystemMemoryChange, ApiGroup::kSharedMemory, Guard::kAlways},
    {Endpoint::kCudaMemoryStatus, ApiGroup::kSharedMemory, Guard::kNever},
    {Endpoint::kCudaMemoryChange, ApiGroup::kSharedMemory, Guard::kAlways},
    // What restricts the statistics and the repository restricts our views of the same.
    {Endpoint::kServerStatus, ApiGroup::kStatistics, Guard::kNever},
    {Endpoint::kExplain, ApiGroup::kModelRepository, Guard::kAlways},
    {Endpoint::kPlan, ApiGroup::kModelRepository, Guard::kAlways},
    {Endpoint::kAccount, ApiGroup::kStatistics, Guard::kAlways},
    {Endpoint::kPin, ApiGroup::kModelRepository, Guard::kAlways},
    {Endpoint::kUnpin, ApiGroup::kModelRepository, Guard::kAlways},
    {Endpoint::kEvict, ApiGroup::kModelRepository, Guard::kAlways},
};

}  // namespace

CallKind KindOf(Endpoint endpoint, std::string_view method) {
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows),
                                 [endpoint](const Row& r) { return r.endpoint == endpoint; });
  HADRON_CHECK(row != std::end(kRows));
  const bool guarded =
      row->guard == Guard::kAlways || (row->guard == Guard::kPost && method == "POST");
  return {row->group, guarded};
}

}  // namespace hadron::protocol
