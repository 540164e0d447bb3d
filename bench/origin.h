#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bench/model_set.h"
#include "bench/origin_server.h"
#include "bench/random.h"

namespace hadron::bench {

/// What an origin does to its clients.
struct OriginBehaviour {
  std::chrono::milliseconds delay{0};  ///< of every answer
  double connection_bytes_per_s = 0;   ///< 0 = no limit
  double total_bytes_per_s = 0;        ///< of all connections together
  double fault_rate = 0;               ///< share of requests that go wrong, see kFaults
  bool signed_only = true;             ///< refuses what is not signed with our keys
};

/// An object store in memory that speaks enough of S3 (list v2 with pages, HEAD, GET with ranges
/// and conditions, signatures) for the server to load models from it. One bucket, "models".
/// Every object names the SHA-256 of its bytes. Thread-safe.
class Origin {
 public:
  /// What goes wrong at the fault rate, by turns; the counts of each are in the order of kFaults.
  static constexpr std::size_t kFaults = 7;
  static const char* FaultName(std::size_t fault);

  explicit Origin(std::uint64_t seed);

  void Put(const std::string& key, std::string bytes);
  /// Model file and configuration, as in a directory.
  void PutModel(const MlpSpec& spec);
  void Behave(const OriginBehaviour& behaviour);

  std::uint16_t port() const { return server_->port(); }
  std::string url() const;
  /// The keys that sign, as variables of the environment.
  static std::vector<std::string> Environment();

  struct Counts {
    std::uint64_t requests = 0;
    std::uint64_t object_bytes = 0;  ///< that were answered
    std::vector<std::uint64_t> faults = std::vector<std::uint64_t>(kFaults);
  };
  Counts counts() const;
  struct Listed {
    std::string key;
    std::uint64_t bytes;
  };
  std::vector<Listed> objects() const;

 private:
  struct Object {
    std::shared_ptr<const std::string> bytes;
    std::string etag;
    std::string sha256;
  };

  OriginReply Answer(const OriginRequest& request);
  OriginReply Serve(const OriginRequest& request);
  OriginReply List(const OriginRequest& request) const;
  OriginReply Get(const OriginRequest& request, const Object& object) const;
  void Spoil(const OriginRequest& request, OriginReply& reply);

  mutable std::mutex mutex_;
  std::map<std::string, Object> objects_;
  OriginBehaviour behaviour_;
  Counts counts_;
  Random random_;
  std::size_t next_fault_ = 0;
  std::unique_ptr<OriginServer> server_;  ///< last: its threads use the rest
};

}  // namespace hadron::bench
