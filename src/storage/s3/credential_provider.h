#pragma once

#include <memory>

#include "base/clock.h"
#include "base/status.h"
#include "base/sync.h"
#include "storage/s3/credentials.h"
#include "storage/s3/settings.h"

namespace hadron::storage::s3 {

/// Hands out credentials and renews those that expire: from five minutes before, and those still
/// valid go on being used if that fails. One renewal at a time. Thread-safe; blocks while it asks
/// a service.
class CredentialProvider {
 public:
  CredentialProvider(CredentialSource source, const base::Clock& clock)
      : source_(std::move(source)), clock_(clock) {}

  /// Failures name where the credentials should have come from, never what they are.
  base::StatusOr<std::shared_ptr<const Credentials>> Get();
  /// The server has refused these as expired.
  void Drop(const std::shared_ptr<const Credentials>& stale);

 private:
  base::StatusOr<Credentials> Obtain() const;

  const CredentialSource source_;
  const base::Clock& clock_;
  base::Mutex mutex_;
  std::shared_ptr<const Credentials> current_ HADRON_GUARDED_BY(mutex_);
  std::int64_t not_again_before_ms_ HADRON_GUARDED_BY(mutex_) = 0;
};

}  // namespace hadron::storage::s3
