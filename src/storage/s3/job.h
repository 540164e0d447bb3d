#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/io_buf.h"
#include "base/status.h"
#include "net/http_message.h"
#include "storage/s3/sigv4.h"

namespace hadron::storage::s3 {

/// What is asked of the service. A value.
struct Operation {
  std::string method = "GET";
  std::string key{};  ///< whole key in the bucket; "" = the bucket
  Pairs query{};
  Pairs headers{};  ///< signed, all of them
  base::IoBuf body{};
};

/// A request that is repeated until it has succeeded or failed for good. One thread at a time.
class Job {
 public:
  virtual ~Job() = default;
  /// Called before each attempt: the second may ask for the rest only.
  virtual Operation Request() = 0;
  /// Answers that OnHead takes; the others are errors that the client reads.
  virtual bool Accepts(int status) const { return status >= 200 && status < 300; }
  /// A failure ends the attempt: UNAVAILABLE is worth another one, all else ends the job.
  virtual base::Status OnHead(int status, const net::HttpHeaders& headers) = 0;
  virtual base::Status OnBody(std::span<const std::byte> bytes) = 0;
  /// Everything that was wanted has come.
  virtual bool Complete() const = 0;
  /// Bytes of use that have come in all attempts; attempts are counted anew after each MiB.
  virtual std::uint64_t received() const { return 0; }
};

/// Where the client gets its jobs from, one after the other.
class JobSource {
 public:
  virtual ~JobSource() = default;
  /// Null: none now. The run ends when there is none and all have ended. Jobs live until then.
  virtual Job* Next() = 0;
  /// One that does not wait for others to end; null: none.
  virtual Job* Urgent() { return nullptr; }
  /// Called between transfers; a failure ends the run.
  virtual base::Status Pump() = 0;
};

}  // namespace hadron::storage::s3
