#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "base/sync.h"
#include "net/http_message.h"
#include "net/http_transfers.h"
#include "storage/s3/credential_provider.h"
#include "storage/s3/job.h"
#include "storage/s3/location.h"
#include "storage/s3/settings.h"

namespace hadron::storage::s3 {

/// Makes signed requests of operations, with the time and the region that the server wants.
/// Thread-safe; blocks where credentials must be renewed.
class Signer {
 public:
  Signer(Location location, const Settings& settings, const base::Clock& clock);

  /// Where the bucket is. INVALID_ARGUMENT for a bad endpoint. Before anything else.
  base::Status Open();
  Address address() const;
  const Location& location() const { return location_; }
  base::StatusOr<std::shared_ptr<const Credentials>> GetCredentials() { return credentials_.Get(); }
  /// For this moment: a request is signed anew for each attempt.
  base::StatusOr<net::HttpTransfers::Request> Sign(const Operation& operation,
                                                   const Credentials& credentials) const;

  /// The answer's Date differs from our clock by more than a server accepts.
  bool IsSkewed(const net::HttpHeaders& headers) const;
  /// False where the answer has no Date.
  bool CorrectClock(const net::HttpHeaders& headers);
  base::Status CorrectRegion(const std::string& region);
  void DropCredentials(const std::shared_ptr<const Credentials>& stale) {
    credentials_.Drop(stale);
  }

 private:
  base::Status CheckTransport(const Address& at, const Credentials& credentials) const;

  const Location location_;
  const std::string endpoint_;
  const Addressing addressing_;
  const base::Clock& clock_;
  CredentialProvider credentials_;
  std::atomic<std::int64_t> clock_offset_ms_{0};
  mutable base::Mutex mutex_;
  std::string region_ HADRON_GUARDED_BY(mutex_);
  std::unique_ptr<const Address> address_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::storage::s3
