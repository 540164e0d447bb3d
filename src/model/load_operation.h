#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/executor.h"
#include "base/status.h"
#include "base/unique_function.h"
#include "model/load_override.h"
#include "model/loader.h"

namespace hadron::model {

/// One load of one model on its way through the load threads: find the files, then build versions
/// side by side. It decides nothing; both steps report to the control thread, whatever happens.
/// Control thread only, but for what it runs on the load threads.
class LoadOperation final : public std::enable_shared_from_this<LoadOperation> {
 public:
  struct Dependencies {
    const Loader* loader = nullptr;
    base::Executor* control = nullptr;
    base::Executor* load = nullptr;
    unsigned attempts = 1;  ///< of each version
  };
  /// What is to be loaded.
  struct Found {
    LoadSource source;
    std::shared_ptr<const LoadOverride> override_;  ///< null: what the repository holds
  };
  using Finder = base::UniqueFunction<base::StatusOr<Found>()>;
  using Results = std::map<std::int64_t, base::StatusOr<ModelHandle>>;

  explicit LoadOperation(Dependencies dependencies) : deps_(dependencies) {}

  /// Runs `find` on a load thread, `then` on the control thread.
  void Find(Finder find, base::UniqueFunction<void(base::StatusOr<Found>)> then);
  /// Loads the versions (at least one); `then` gets a result for each when all have ended.
  void Build(LoadSource found, const std::vector<std::int64_t>& versions,
             base::UniqueFunction<void(Results)> then);
  /// What has not begun does not begin, what runs ends at its next phase.
  void Cancel() { cancelled_.store(true); }
  bool cancelled() const { return cancelled_.load(); }

 private:
  base::StatusOr<ModelHandle> Load(const LoadSource& source, std::int64_t version) const;

  const Dependencies deps_;
  std::atomic<bool> cancelled_{false};
  Results results_;
  std::size_t outstanding_ = 0;
  base::UniqueFunction<void(Results)> built_;
};

}  // namespace hadron::model
