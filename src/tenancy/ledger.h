#pragma once

#include <array>
#include <atomic>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/sync.h"
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

/// Tenants that nobody can be: time of the device that nobody used, and that nobody is to pay for
/// (warm-up, checks of a load).
inline constexpr std::string_view kIdleTenant = "_idle";
inline constexpr std::string_view kOverheadTenant = "_overhead";

/// Who used the device, for what. Sums since the start in memory; with a directory a journal that
/// outlives the process: what was used is written every few seconds, so that a crash loses at most
/// the last of them and nothing before. Thread-safe.
///
///     auto account = ledger->Open({.tenant = "atlas", .model = "digits"});
///     account->Add({.requests = 1, .rows = 8, .device_ns = 120'000});
class Ledger {
 public:
  struct Options {
    std::string directory;  ///< empty: memory only
    std::size_t max_accounts = 100'000;
  };
  /// UNAVAILABLE, naming the directory, when the journal cannot be opened.
  static base::StatusOr<std::unique_ptr<Ledger>> Create(Options options, const base::Clock& clock);
  ~Ledger();

  /// The account of a key, made when it is first asked for. When there are too many the user, then
  /// the model, is "_others"; what is counted is never lost.
  AccountRef Open(const AccountKey& key);

  struct Row {
    AccountKey key;
    Usage usage;
  };
  /// Sums since the start.
  std::vector<Row> Totals() const;

  /// Writes what was used since the last time, and has it on disk when it returns. One caller at a
  /// time (the export thread). After a failure the next call writes the same again and more.
  base::Status Flush();

  struct Query {
    std::int64_t from_ms = 0;        ///< since the epoch
    std::int64_t to_ms = INT64_MAX;  ///< exclusive
    bool by_tenant = true;           ///< else summed over it, its name empty
    bool by_user = false;
    bool by_model = true;
    bool by_class = false;
  };
  /// Sums between two moments, from the journal (or, without one, since the start), what is not yet
  /// written included. Resolution: that of the flushes. Blocks on the disk.
  base::StatusOr<std::vector<Row>> Read(const Query& query) const;

 private:
  struct Impl;
  explicit Ledger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadron::tenancy
