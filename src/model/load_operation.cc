#include "model/load_operation.h"

#include <exception>
#include <utility>

#include "base/log.h"

namespace hadron::model {
namespace {

using base::Status;
using base::StatusOr;

Status Superseded() { return base::Cancelled("the load was given up"); }

/// What a library throws in a load is that load's failure.
template <typename Result, typename Body>
Result Guarded(Body body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return base::ResourceExhausted("out of memory while loading");
  } catch (const std::exception& e) {
    return base::Internal(e.what());
  }
}

}  // namespace

void LoadOperation::Find(Finder find, base::UniqueFunction<void(StatusOr<Found>)> then) {
  deps_.load->Post(
      [self = shared_from_this(), find = std::move(find), then = std::move(then)]() mutable {
        auto found = self->cancelled() ? StatusOr<Found>(Superseded())
                                       : Guarded<StatusOr<Found>>([&] { return find(); });
        self->deps_.control->Post([self, then = std::move(then),
                                   found = std::move(found)]() mutable { then(std::move(found)); });
      });
}

void LoadOperation::Build(LoadSource found, const std::vector<std::int64_t>& versions,
                          base::UniqueFunction<void(Results)> then) {
  built_ = std::move(then);
  outstanding_ = versions.size();
  const auto shared = std::make_shared<const LoadSource>(std::move(found));
  for (const std::int64_t version : versions) {
    deps_.load->Post([self = shared_from_this(), source = shared, version]() mutable {
      auto result = self->Load(*source, version);
      base::Executor& control = *self->deps_.control;
      control.Post([self = std::move(self), version, result = std::move(result)]() mutable {
        self->results_.emplace(version, std::move(result));
        if (--self->outstanding_ == 0) std::exchange(self->built_, {})(std::move(self->results_));
      });
    });
  }
}

StatusOr<ModelHandle> LoadOperation::Load(const LoadSource& source, std::int64_t version) const {
  for (unsigned attempt = 1;; ++attempt) {
    if (cancelled()) return Superseded();
    auto result = Guarded<StatusOr<ModelHandle>>(
        [&] { return deps_.loader->Load(source, version, cancelled_); });
    if (result.ok() || attempt >= deps_.attempts || cancelled()) return result;
    base::LogWarning("loading failed, another attempt", {{"model", source.model.name},
                                                         {"version", version},
                                                         {"attempt", attempt},
                                                         {"reason", result.message()}});
  }
}

}  // namespace hadron::model
