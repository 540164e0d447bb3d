#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/sync.h"
#include "net/http_transfers.h"
#include "storage/s3/job.h"
#include "storage/s3/location.h"
#include "storage/s3/retry.h"
#include "storage/s3/run_loop.h"
#include "storage/s3/settings.h"
#include "storage/s3/signer.h"

namespace hadron::storage::s3 {

/// An answer held in memory.
struct Answer {
  int status = 0;
  net::HttpHeaders headers;
  std::string body;
};

/// Signed requests to one bucket, with retries, correction of the clock and of the region. Calls
/// block and run their transfers on the calling thread; connections are kept from call to call.
/// Thread-safe.
class Client {
 public:
  struct Options {
    Location location;
    Settings settings;
    bool require_tls = false;
    std::chrono::milliseconds retry_base{100};
    const std::atomic<bool>* cancel = nullptr;
  };

  static base::StatusOr<std::unique_ptr<Client>> Create(Options options, const base::Clock& clock);

  const Location& location() const { return signer_.location(); }
  /// One request with a small answer.
  base::StatusOr<Answer> Call(const Operation& operation);
  /// Runs the jobs of `source`, so many at a time. The first that fails for good ends the run.
  base::Status Run(JobSource& source, std::size_t parallel);

 private:
  Client(Options options, const base::Clock& clock);
  base::Status Open();
  std::unique_ptr<net::HttpTransfers> TakeTransfers();

  const Options options_;
  Signer signer_;
  RetryBudget budget_;
  const LoopContext context_;
  base::Mutex mutex_;
  std::vector<std::unique_ptr<net::HttpTransfers>> idle_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::storage::s3
