#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_function.h"
#include "model/model_version.h"
#include "tenancy/ledger.h"
#include "tenancy/tenants.h"
#include "tensor/host_tensor.h"

namespace hadron::serving {

using ParameterValue = std::variant<bool, std::int64_t, std::uint64_t, double, std::string>;

/// An inference request, free of any protocol. The frontend fills everything but the timestamps
/// and hands it to InferenceEngine. Inputs point into the bytes that came from the network; each
/// has the full shape of the request (batch dimension included), validated against the model's
/// configuration. Move-only by its handles' meaning; a value type.
struct InferenceRequest {
  std::string id;
  model::ModelHandle model;
  std::vector<tensor::HostTensor> inputs;      ///< in the order of the model's configuration
  std::vector<std::string> requested_outputs;  ///< empty = all, in the model's order
  std::int64_t rows = 1;                       ///< batch dimension; 1 for models that do not batch
  std::map<std::string, ParameterValue, std::less<>> parameters;
  std::uint64_t priority = 0;    ///< 0 = the model's default level
  std::uint64_t timeout_us = 0;  ///< queue timeout, 0 = none
  tenancy::Identity identity;    ///< in whose name; nobody's unless the frontend says
  tenancy::WorkClass work_class = tenancy::WorkClass::kInteractive;
  base::TimePoint received;  ///< when the frontend had read it
  /// The client takes no answer after that: it is refused at the door if it will not be in time.
  base::TimePoint deadline = base::TimePoint::max();
  /// Set by the frontend when the client has gone; schedulers drop the request then. May be null.
  std::shared_ptr<const std::atomic<bool>> cancelled;

  /// Filled by InferenceEngine: what counts against the tenant's limits, and who pays. The account
  /// is null for requests without identity.
  tenancy::Tenant::Hold hold;
  tenancy::AccountRef account;
  /// How many ensembles this is a step of, one in another. Such a request has been admitted and is
  /// counted with the one that the client sent; here it counts for its model, and device time.
  unsigned depth = 0;
  /// Outputs that may stay on the device: the answer's tensors are then where their `remote` says.
  /// Of steps only, whose readers are known.
  std::vector<std::string> keep_on_device{};

  bool IsCancelled() const { return cancelled != nullptr && cancelled->load(); }
};

/// Adds the inputs that the request leaves out and its model has defaults for.
void FillDefaults(InferenceRequest& request);

/// What happened to a request, nanoseconds.
struct RequestTimes {
  std::uint64_t queue_ns = 0;
  std::uint64_t input_ns = 0;
  std::uint64_t infer_ns = 0;
  std::uint64_t output_ns = 0;
};

/// By output: of those that have labels, but none in the configuration of the model that answers.
using BorrowedLabels = std::map<std::string, std::shared_ptr<const std::vector<std::string>>>;

/// The answer: a failure, or the requested outputs in order (full shapes, batch included).
struct InferenceResponse {
  base::Status status;
  std::vector<tensor::HostTensor> outputs;
  RequestTimes times;
  BorrowedLabels labels = {};  ///< an ensemble's outputs have those of the models that made them

  /// Null when the output has none.
  std::shared_ptr<const std::vector<std::string>> LabelsOf(const model::ModelVersion& model,
                                                           const std::string& output) const;
};

/// Called exactly once per request, on a thread of the device; must be short and must not block.
using OnDone = base::UniqueFunction<void(InferenceResponse)>;

}  // namespace hadron::serving
