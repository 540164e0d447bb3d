#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/status.h"
#include "base/unique_function.h"
#include "model/load_operation.h"
#include "model/load_override.h"
#include "model/loader.h"
#include "model/repository.h"

namespace hadron::model {

/// The repositories as the control thread sees them: lists them, and finds what a load needs, on
/// the load threads. Immutable; thread-safe.
class RepositoryWatch {
 public:
  struct Dependencies {
    std::vector<storage::ObjectStore*> stores;
    const Loader* loader = nullptr;
    base::Executor* control = nullptr;
    base::Executor* load = nullptr;
    LoadOverride::OpenDirectory open_directory;  ///< for override files
  };
  using Identified = std::map<std::string, base::StatusOr<LoadSource>>;
  struct Listing {
    std::shared_ptr<const ScanResult> scan;
    Identified identified;  ///< every model, where that was asked for
  };

  RepositoryWatch(Dependencies dependencies, ScanOptions options)
      : deps_(std::move(dependencies)), options_(std::move(options)) {}

  /// Lists everything; `then` runs on the control thread. Configurations that have not changed
  /// since `previous` (may be null) are not read again.
  void List(std::shared_ptr<const ScanResult> previous, bool identify,
            base::UniqueFunction<void(base::StatusOr<Listing>)> then) const;
  /// Reads the configurations of these models; `then` runs on the control thread.
  void Identify(std::vector<std::shared_ptr<const ScannedModel>> models,
                base::UniqueFunction<void(Identified)> then) const;

  /// A load from a listing that is known.
  LoadOperation::Finder FindListed(std::shared_ptr<const ScannedModel> listing) const;
  /// A load by call: looks at the repositories anew, or takes what the call brings. NOT_FOUND for a
  /// model that no repository has. Configurations of object stores that have not changed since
  /// `previous` (may be null) are not read again.
  LoadOperation::Finder FindRequested(LoadRequest request,
                                      std::shared_ptr<const ScanResult> previous = nullptr) const;

 private:
  base::StatusOr<LoadOperation::Found> Find(const ScannedModel& listing,
                                            std::shared_ptr<const LoadOverride> override_) const;

  const Dependencies deps_;
  const ScanOptions options_;
};

}  // namespace hadron::model
