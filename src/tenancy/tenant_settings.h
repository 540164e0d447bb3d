#pragma once

#include <cstdint>

#include "base/clock.h"
#include "tenancy/work_class.h"

namespace hadron::tenancy {

/// What the configuration says of a tenant. 0 means "no limit" everywhere.
struct TenantSettings {
  double weight = 1;  ///< of its share of the device's time, relative to the others'
  WorkClass default_class = WorkClass::kInteractive;  ///< of requests that do not say
  std::uint64_t max_outstanding = 0;                  ///< requests accepted and not yet answered
  std::uint64_t max_queued_bytes = 0;                 ///< of the inputs of these
  double max_requests_per_second = 0;                 ///< with a burst of one second's requests
  double max_device_seconds = 0;                      ///< in each window
  base::Duration window{0};                           ///< of max_device_seconds
  std::uint64_t max_resident_bytes = 0;               ///< of models on the device
  double pledge = 0;  ///< device-seconds a day it was promised; for the accounts, not for the order
};

}  // namespace hadron::tenancy
