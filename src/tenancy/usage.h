#pragma once

#include <array>
#include <atomic>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "tenancy/work_class.h"

namespace hadron::tenancy {

/// Where a model's bytes are: on disk, packed in host memory, on the device.
enum class Rung : std::uint8_t { kCached, kCompiled, kResident };
inline constexpr std::array<std::string_view, 3> kRungs = {"cached", "compiled", "resident"};

/// Why requests were refused, in the order of base::RefusalCause without kNone.
inline constexpr std::array<std::string_view, 5> kRefusals = {"queue", "deadline", "quota",
                                                              "memory", "draining"};

/// Whose account it is.
struct AccountKey {
  std::string tenant;
  std::string user;   ///< empty: not said
  std::string model;  ///< empty: none
  WorkClass work_class = WorkClass::kInteractive;

  auto operator<=>(const AccountKey&) const = default;
};

/// Sums of what was used. Monotonic in an account; differences of two are sums of the time between.
struct Usage {
  std::uint64_t requests = 0;  ///< answered with success
  std::uint64_t failures = 0;  ///< failed, refusals not counted
  std::uint64_t rows = 0;
  std::uint64_t device_ns = 0;
  std::uint64_t queue_ns = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t loads = 0;                                 ///< caused: nothing to something
  std::array<std::uint64_t, kRefusals.size()> refusals{};  ///< by cause
  std::array<double, kRungs.size()> byte_seconds{};        ///< of residency, by rung

  Usage& operator+=(const Usage& other);
  Usage operator-(const Usage& earlier) const;
  bool operator==(const Usage&) const = default;
};

/// The account of one key. Thread-safe; counting takes no lock.
class Account {
 public:
  explicit Account(AccountKey key) : key_(std::move(key)) {}
  const AccountKey& key() const { return key_; }

  void Add(const Usage& usage);
  void CountRefusal(base::RefusalCause cause);
  Usage Read() const;

 private:
  const AccountKey key_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<std::uint64_t> rows_{0};
  std::atomic<std::uint64_t> device_ns_{0};
  std::atomic<std::uint64_t> queue_ns_{0};
  std::atomic<std::uint64_t> bytes_in_{0};
  std::atomic<std::uint64_t> bytes_out_{0};
  std::atomic<std::uint64_t> loads_{0};
  std::array<std::atomic<std::uint64_t>, kRefusals.size()> refusals_{};
  std::array<std::atomic<double>, kRungs.size()> byte_seconds_{};
};
using AccountRef = std::shared_ptr<Account>;

/// Bytes that the server keeps for somebody in host memory now.
struct KeptBytes {
  AccountRef account;
  std::uint64_t bytes = 0;
};

/// What one key has used.
struct UsageRow {
  AccountKey key;
  Usage usage;
};

}  // namespace hadron::tenancy
