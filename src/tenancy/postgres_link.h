#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace hadron::tenancy {

/// A connection to PostgreSQL on which nothing takes longer than it may, whatever the database or
/// the network does; only the look-up of its host's name is the system's. One thread.
class PostgresLink {
 public:
  struct Options {
    std::string conninfo;            ///< of libpq
    base::Duration patience;         ///< for each step
    const std::atomic<bool>* hurry;  ///< once true, the time is `end` at the latest
    const std::atomic<base::TimePoint>* end;
  };
  using Rows = std::vector<std::vector<std::string>>;

  /// INVALID_ARGUMENT for text that is no connection string, or holds a password: command lines are
  /// seen by everybody. Says nothing of the text.
  static base::Status Check(const std::string& conninfo);
  /// UNAVAILABLE with what libpq says.
  static base::StatusOr<std::unique_ptr<PostgresLink>> Connect(const Options& options);
  ~PostgresLink();
  PostgresLink(const PostgresLink&) = delete;
  PostgresLink& operator=(const PostgresLink&) = delete;

  /// Runs one statement; the rows of its answer. INVALID_ARGUMENT when the database does not take
  /// the values, however often they come; UNAVAILABLE for everything else: the connection is to be
  /// given up.
  base::StatusOr<Rows> Run(const std::string& sql, const std::vector<std::string>& values = {});

 private:
  struct Parts;
  explicit PostgresLink(std::unique_ptr<Parts> parts);
  base::Status Establish();
  base::Status Send(const std::string& sql, const std::vector<std::string>& values);
  base::Status WaitForSocket(bool to_write, base::TimePoint until);
  base::TimePoint Limit() const;

  std::unique_ptr<Parts> parts_;
};

}  // namespace hadron::tenancy
