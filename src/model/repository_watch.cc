#include "model/repository_watch.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/strings.h"

namespace hadron::model {

using base::Status;
using base::StatusOr;
using Found = LoadOperation::Found;

void RepositoryWatch::List(std::shared_ptr<const ScanResult> previous, bool identify,
                           base::UniqueFunction<void(StatusOr<Listing>)> then) const {
  deps_.load->Post(
      [this, previous = std::move(previous), identify, then = std::move(then)]() mutable {
        ScanOptions options = options_;
        options.previous = previous.get();
        auto scan = Scan(deps_.stores, options);
        Status failed = scan.CloneStatus();
        Listing listing;
        if (scan.ok()) listing.scan = std::make_shared<const ScanResult>(std::move(*scan));
        if (scan.ok() && identify) {
          for (const auto& [name, model] : listing.scan->models) {
            listing.identified.emplace(name, deps_.loader->Identify(model));
          }
        }
        auto result = failed.ok() ? StatusOr<Listing>(std::move(listing))
                                  : StatusOr<Listing>(std::move(failed));
        deps_.control->Post([then = std::move(then), result = std::move(result)]() mutable {
          then(std::move(result));
        });
      });
}

void RepositoryWatch::Identify(std::vector<std::shared_ptr<const ScannedModel>> models,
                               base::UniqueFunction<void(Identified)> then) const {
  deps_.load->Post([this, models = std::move(models), then = std::move(then)]() mutable {
    Identified identified;
    for (const auto& model : models) {
      identified.emplace(model->name, deps_.loader->Identify(*model));
    }
    deps_.control->Post([then = std::move(then), identified = std::move(identified)]() mutable {
      then(std::move(identified));
    });
  });
}

StatusOr<Found> RepositoryWatch::Find(const ScannedModel& listing,
                                      std::shared_ptr<const LoadOverride> override_) const {
  for (const std::string& directory : listing.skipped_directories) {
    base::LogWarning("not a version directory, skipped",
                     {{"model", listing.name}, {"directory", directory}});
  }
  HADRON_ASSIGN_OR_RETURN(LoadSource source, deps_.loader->Identify(listing));
  return Found{std::move(source), std::move(override_)};
}

LoadOperation::Finder RepositoryWatch::FindListed(
    std::shared_ptr<const ScannedModel> listing) const {
  return [this, listing = std::move(listing)] { return Find(*listing, nullptr); };
}

LoadOperation::Finder RepositoryWatch::FindRequested(
    LoadRequest request, std::shared_ptr<const ScanResult> previous) const {
  return [this, request = std::move(request),
          previous = std::move(previous)]() mutable -> StatusOr<Found> {
    const std::string name = request.name;
    std::shared_ptr<const LoadOverride> override_;
    if (request.overrides()) {
      HADRON_ASSIGN_OR_RETURN(override_,
                              LoadOverride::Create(std::move(request), deps_.open_directory));
    }
    ScanOptions options = options_;
    options.previous = previous.get();
    auto listing = override_ == nullptr ? ScanOne(deps_.stores, name, options)
                                        : override_->Listing(deps_.stores, options_);
    if (listing.code() == base::StatusCode::kNotFound) {
      return base::NotFound(
          fmt::format("failed to load '{}', failed to poll from model repository: {}",
                      base::EscapeControl(name), listing.message()));
    }
    if (!listing.ok()) return std::move(listing).status();
    return Find(*listing, std::move(override_));
  };
}

}  // namespace hadron::model
