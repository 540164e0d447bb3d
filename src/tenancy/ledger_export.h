#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/status.h"
#include "tenancy/ledger.h"

namespace hadron::tenancy {

/// Brings what the ledger has written to a PostgreSQL database, on a thread of its own. The journal
/// is the truth; this is a copy that others can ask: a database that is down, slow or hangs costs
/// nothing but the intervals that do not fit into the queue meanwhile, which are counted. Every row
/// has a key, so that sending it again is harmless. The tables are made, and changed when there is
/// more to tell, by whoever connects first.
///
/// Owner: the server's wiring. Take and dropped: any thread.
///
///     HADRON_ASSIGN_OR_RETURN(auto copy, LedgerExport::Create({.conninfo = "host=db"}));
///     copy->Take(interval);
///     copy->Stop(std::chrono::seconds(2));
class LedgerExport {
 public:
  struct Options {
    std::string conninfo;           ///< of libpq, without a password
    std::string instance = {};      ///< who writes; no two at a time have the same
    std::size_t most_queued = 720;  ///< steps
    std::chrono::milliseconds step = std::chrono::seconds(5);  ///< intervals are put together to it
    base::Duration patience = std::chrono::seconds(10);        ///< for each answer
    base::Duration first_pause = std::chrono::seconds(1);  ///< after a failure; doubles with each
  };
  /// INVALID_ARGUMENT for a connection string that cannot be one, or has a password in it. Whether
  /// the database is there is seen later.
  static base::StatusOr<std::unique_ptr<LedgerExport>> Create(Options options);
  ~LedgerExport();

  /// Never blocks.
  void Take(const Ledger::Interval& interval);
  /// Sends what there is, for so long at most, and ends. Idempotent.
  void Stop(base::Duration patience);
  /// Steps that the database will never get.
  std::uint64_t dropped() const;

 private:
  class Sender;
  explicit LedgerExport(std::shared_ptr<Sender> sender);

  std::shared_ptr<Sender> sender_;  ///< the thread's, too: it may be stuck in a look-up of a name
  std::thread thread_;
  std::future<void> ended_;
};

}  // namespace hadron::tenancy
