#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "net/http_transfers.h"
#include "storage/s3/errors.h"
#include "storage/s3/job.h"
#include "storage/s3/retry.h"
#include "storage/s3/signer.h"

namespace hadron::storage::s3 {

/// What the loops of one client share. Outlives them.
struct LoopContext {
  Signer& signer;
  const base::Clock& clock;
  RetryBudget& budget;
  int attempts = 3;
  std::chrono::milliseconds retry_base{100};
  const std::atomic<bool>* cancel = nullptr;
};

/// Runs jobs: starts attempts, looks at how they ended, starts them again. Lives on the stack of
/// the calling thread for one call.
class RunLoop {
 public:
  RunLoop(const LoopContext& context, JobSource& source, net::HttpTransfers& transfers,
          std::size_t parallel);
  ~RunLoop();
  RunLoop(const RunLoop&) = delete;
  RunLoop& operator=(const RunLoop&) = delete;

  base::Status Run();

 private:
  class Attempt;

  bool cancelled() const;
  base::Status StartDue();
  base::Status Start(Attempt& attempt);
  /// OK: the attempt has ended well, or will be made again.
  base::Status Settle(Attempt& attempt, net::HttpTransfers::Finished finished);
  base::Status SettleError(Attempt& attempt);
  /// What was wrong with the request has been put right, if it can be, and was not before.
  bool Correct(Attempt& attempt, Treatment treatment, const ServiceError& error);
  base::Status Again(Attempt& attempt, Treatment treatment, base::Status why, bool timed_out);
  std::chrono::milliseconds UntilNextStart() const;
  ErrorContext ContextOf(const Attempt& attempt) const;

  const LoopContext& context_;
  JobSource& source_;
  net::HttpTransfers& transfers_;
  std::size_t parallel_;
  Backoff backoff_;
  std::vector<std::unique_ptr<Attempt>> attempts_;  ///< running or waiting
};

}  // namespace hadron::storage::s3
