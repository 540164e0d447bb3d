#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/sync.h"
#include "config/model_config.h"

namespace hadron::serving {

/// Resources that instances of models hold while they execute (`rate_limiter` of an instance group;
/// --rate-limit=execution_count). Of a resource there is as much as the instance that needs most of
/// it, or as --rate-limit-resource says. A version that cannot get what it needs is passed over,
/// and whoever can goes first: nobody waits behind it.
///
/// Instances of one group are alike, so a group is counted and not its instances. Starts nothing,
/// reads no clock. Thread-safe: load threads ask Check, the rest is the scheduler's.
///
///     if (limiter.CanStart(version)) lease = limiter.Start(version);   // ... limiter.End(version,
///     lease)
class RateLimiter {
 public:
  /// Who executes: a loaded version, by its address.
  using Owner = const void*;
  /// One --rate-limit-resource.
  struct Limit {
    std::string name;  ///< in lower case
    std::uint64_t count = 0;
    std::optional<std::int64_t> device;  ///< none: wherever it is
  };

  /// INVALID_ARGUMENT naming the setting that is not <name>:<count>[:<device>].
  static base::StatusOr<std::vector<Limit>> ParseLimits(std::span<const std::string> settings);

  /// `device`: the number of the one that the process serves; limits of others do not count.
  RateLimiter(std::span<const Limit> limits, std::int64_t device);

  /// Whether a model may be loaded. INVALID_ARGUMENT when an instance needs more of a resource than
  /// there is, or calls one global that is per device elsewhere, or the other way round.
  base::Status Check(const config::ModelConfig& config) const;

  /// A version begins to execute; it ends after its last End.
  void Add(Owner owner, const config::ModelConfig& config);
  void Remove(Owner owner);

  /// Some instance of the version is idle and gets all it needs.
  bool CanStart(Owner owner) const;
  /// Takes the resources for one execution, on the group with the smallest Score. Needs CanStart.
  std::size_t Start(Owner owner);
  /// Gives them back; `lease` is what Start returned.
  void End(Owner owner, std::size_t lease);
  /// Executions up to now times priority, of the group that would be next: whoever has the smallest
  /// goes first.
  double Score(Owner owner) const;

 private:
  struct Need {
    std::string name;
    bool global = false;
    std::uint64_t count = 0;
  };
  struct Group {
    std::vector<Need> needs;  ///< every name once
    std::uint64_t priority = 1;
    std::uint64_t instances = 0;
    std::uint64_t running = 0;
    std::uint64_t executions = 0;

    double Score() const {
      return static_cast<double>(executions / instances) * static_cast<double>(priority);
    }
  };
  struct Resource {
    bool global = false;
    std::uint64_t most = 0;  ///< what an instance needs
    std::uint64_t used = 0;
  };
  using Groups = std::vector<Group>;

  static Groups GroupsOf(const config::ModelConfig& config);
  std::uint64_t Available(const std::string& name, const Resource& resource) const;
  bool Gets(const Group& group) const HADRON_REQUIRES(mutex_);
  /// The group that is next; null: none can start.
  const Group* Choose(const Groups& groups) const HADRON_REQUIRES(mutex_);
  void CountNeeds() HADRON_REQUIRES(mutex_);

  std::map<std::string, std::uint64_t> limits_;
  mutable base::Mutex mutex_;
  std::map<Owner, Groups> owners_ HADRON_GUARDED_BY(mutex_);
  std::map<std::string, Resource> resources_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::serving
