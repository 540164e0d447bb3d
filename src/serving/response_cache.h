#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/sha256.h"
#include "base/sync.h"
#include "model/model_version.h"
#include "serving/batch.h"

namespace hadron::serving {

/// Answers to requests that may come again, for models with `response_cache { enable: true }`. Two
/// requests are equal when they are to the same load of a version and bring the same inputs (name,
/// type, shape, bytes), custom parameters and requested outputs, and, for ensembles, the loads of
/// the models behind them have not changed: `generation` says so. Bounded by bytes, the least
/// recently used go first; what is larger than all of it is not kept. Only successes are kept.
///
/// Holds copies: an answer as it was made is part of a buffer that runs need back. Thread-safe. A
/// version is named by its address, so Forget has to be called before it dies.
///
///     if (auto hit = cache.Look(pending)) return CompleteHit(std::move(pending), std::move(*hit));
class ResponseCache {
 public:
  struct Key {
    const model::ModelVersion* version = nullptr;  ///< one load of it
    base::Sha256Digest digest{};
    std::uint64_t input_bytes = 0;
    auto operator<=>(const Key&) const = default;
  };
  /// An answer that was kept.
  struct Hit {
    std::vector<tensor::HostTensor> outputs;
    BorrowedLabels labels;
    base::Duration took{0};
  };
  struct Counts {
    std::uint64_t bytes = 0;
    std::size_t entries = 0;
  };

  /// `bytes`: how much the answers may take, with what it takes to find them again.
  ResponseCache(std::uint64_t bytes, const base::Clock& clock) : budget_(bytes), clock_(clock) {}

  static Key KeyOf(const InferenceRequest& request, std::uint64_t generation = 0);
  static bool Serves(const model::ModelVersion& version) {
    return version.config().response_cache();
  }

  /// The answer to a request of a model that wants its answers kept; nothing: there is none yet,
  /// and `pending` is from now on one whose success is kept and counted as a miss.
  std::optional<Hit> Look(Pending& pending, std::uint64_t generation = 0);

  std::optional<Hit> Find(const Key& key);
  void Insert(const Key& key, const std::vector<tensor::HostTensor>& outputs,
              BorrowedLabels labels = {});
  /// The version is unloaded, or another has taken its place.
  void Forget(const model::ModelVersion& version);
  Counts counts() const;

 private:
  struct Entry {
    Key key;
    std::vector<tensor::HostTensor> outputs;
    BorrowedLabels labels;  ///< their models', who have them in any case
    std::uint64_t bytes = 0;
  };
  using Entries = std::list<Entry>;

  static std::uint64_t BytesOf(const std::vector<tensor::HostTensor>& outputs);
  void Drop(Entries::iterator entry) HADRON_REQUIRES(mutex_);

  const std::uint64_t budget_;
  const base::Clock& clock_;
  mutable base::Mutex mutex_;
  Entries entries_ HADRON_GUARDED_BY(mutex_);  ///< the most recently used first
  std::map<Key, Entries::iterator> index_ HADRON_GUARDED_BY(mutex_);
  std::uint64_t bytes_ HADRON_GUARDED_BY(mutex_) = 0;
};

}  // namespace hadron::serving
