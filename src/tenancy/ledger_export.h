#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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
/// nothing. What does not fit into the queue meanwhile, and what an earlier process has not sent,
/// is read from the journal again, an hour at a time; without a journal it is lost, and counted.
/// Rows are sent in order, those of a step all or none, so that the database knows how far it is;
/// every row has a key, so that sending it again is harmless. The tables are made, and changed when
/// there is more to tell, by whoever connects first.
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
    /// Of what lies between two moments the first part, as Ledger::Replay; null: nobody knows.
    std::function<base::StatusOr<Ledger::Interval>(std::int64_t from_ms, std::int64_t until_ms)>
        replay = {};
    std::string record = {};  ///< the file of the CopyRecord; only with `replay`
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
