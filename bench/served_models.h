#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "bench/front_repository.h"
#include "bench/model_set.h"

namespace hadron::bench {

/// A generated set of models in a directory of its own, and a request with its answer for each.
/// The directory goes with this object.
class ServedModels {
 public:
  static base::StatusOr<ServedModels> Make(const SetRequest& request, std::int64_t rows = 1) {
    HADRON_ASSIGN_OR_RETURN(auto specs, ModelSet(request));
    return Make(std::move(specs), rows);
  }
  static base::StatusOr<ServedModels> Make(std::vector<MlpSpec> specs, std::int64_t rows = 1) {
    HADRON_ASSIGN_OR_RETURN(auto directory, TempDir::Make());
    ServedModels models(std::move(directory), std::move(specs));
    HADRON_RETURN_IF_ERROR(WriteModelSet(models.specs_, models.directory(), false));
    models.SetRows(rows);
    return models;
  }
  /// From now on requests are of so many rows; servers that start from now on take such batches.
  base::Status AskRows(std::int64_t rows) {
    SetRows(rows);
    for (MlpSpec& spec : specs_) {
      spec.max_batch = std::max(spec.max_batch, rows);
      HADRON_RETURN_IF_ERROR(WriteConfig(spec, directory()));
    }
    return {};
  }

  const std::string& directory() const { return directory_.path(); }
  const std::vector<MlpSpec>& specs() const { return specs_; }
  const std::vector<Payload>& payloads() const { return payloads_; }
  std::uint64_t weight_bytes() const {
    std::uint64_t sum = 0;
    for (const MlpSpec& spec : specs_) sum += spec.weight_bytes();
    return sum;
  }

 private:
  ServedModels(TempDir directory, std::vector<MlpSpec> specs)
      : directory_(std::move(directory)), specs_(std::move(specs)) {}
  void SetRows(std::int64_t rows) {
    payloads_.clear();
    for (const MlpSpec& spec : specs_) payloads_.push_back(MlpPayload(spec, rows));
  }

  TempDir directory_;
  std::vector<MlpSpec> specs_;
  std::vector<Payload> payloads_;
};

}  // namespace hadron::bench
