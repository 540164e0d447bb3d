#pragma once

#include <tuple>

#include "tenancy/tenants.h"
#include "tenancy/work_class.h"

namespace hadron::serving {

/// Requests that are treated alike when it is decided who goes next: those of one tenant and class.
/// The tenant is null for requests that nobody has asked in whose name they come (tests, tools).
struct Flow {
  const tenancy::Tenant* tenant = nullptr;
  tenancy::WorkClass work_class = tenancy::WorkClass::kInteractive;

  bool interactive() const { return work_class == tenancy::WorkClass::kInteractive; }
  bool operator==(const Flow&) const = default;
  bool operator<(const Flow& other) const {
    return std::tie(work_class, tenant) < std::tie(other.work_class, other.tenant);
  }
};

}  // namespace hadron::serving
