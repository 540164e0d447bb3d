#pragma once

#include <string>

#include "base/status.h"
#include "protocol/access_rules.h"
#include "serving/inference_request.h"
#include "tenancy/tenants.h"

/// In whose name an inference comes, and how urgent it is: one rule for both protocols.
namespace hadron::protocol {

/// By which headers (gRPC metadata keys; lower case) a call says who it is; empty: not asked for.
struct CallerRules {
  tenancy::Tenants* tenants = nullptr;  ///< null: requests have no identity
  std::string tenant_header;
  std::string user_header;
};

/// Fills identity and class of the request. The class is the request's parameter `hadron.class`
/// (which is taken out), else the header `x-hadron-class`, else the tenant's own. INVALID_ARGUMENT
/// for a class there is not.
base::Status IdentifyCaller(const CallerRules& rules, const CallHeaders& headers,
                            serving::InferenceRequest& request);

}  // namespace hadron::protocol
