// Case `exact`: rows alone, and in batches with whoever comes.
#include <atomic>
#include <map>
#include <mutex>

#include "bench/engine_load.h"
#include "bench/random.h"
#include "bench/serving_case.h"

namespace hadron::bench {
namespace {

/// Bytes of all outputs.
using Bytes = std::string;

Bytes BytesOf(const serving::InferenceResponse& response) {
  Bytes bytes = response.status.ok() ? "" : response.status.message();
  for (const auto& output : response.outputs) bytes += output.bytes.ToString();
  return bytes;
}

class Exactness {
 public:
  Exactness(EngineRig& rig, std::size_t rows) : rig_(rig), alone_(rows), together_(rows) {}

  /// One after the other, then all at once; how many differ.
  std::size_t Compare() {
    for (std::size_t i = 0; i < alone_.size(); ++i) {
      Send(i, alone_);
      Wait();
    }
    for (std::size_t i = 0; i < alone_.size(); ++i) Send(i, together_);
    Wait();
    std::size_t differing = 0;
    for (std::size_t i = 0; i < alone_.size(); ++i) {
      if (alone_[i] != together_[i]) ++differing;
    }
    return differing;
  }

 private:
  void Send(std::size_t i, std::vector<Bytes>& where) {
    waiting_.fetch_add(1);
    rig_.engine().Infer(rig_.Request(0, 1, i), [this, i, &where](serving::InferenceResponse r) {
      where[i] = BytesOf(r);
      waiting_.fetch_sub(1);
      waiting_.notify_one();
    });
  }
  void Wait() {
    for (int left = waiting_.load(); left > 0; left = waiting_.load()) waiting_.wait(left);
  }

  EngineRig& rig_;
  std::vector<Bytes> alone_;
  std::vector<Bytes> together_;
  std::atomic<int> waiting_{0};
};

}  // namespace

base::StatusOr<CaseResult> RunExactCase(const ServingOptions& options) {
  CaseResult result;
  HADRON_ASSIGN_OR_RETURN(const MadeModels made, MadeModels::Make({"mlp-8"}, options));
  for (const RigModel& model : {made.models()[0], DigitsModel(options), GanModel(options)}) {
    HADRON_ASSIGN_OR_RETURN(auto rig, EngineRig::Make({model}, options.threads));
    Ratio differing{model.name + ", rows that differ", "alone", {}, {}, {}, "count"};
    for (int round = 0; round < options.rounds(); ++round) {
      Exactness exactness(*rig, options.smoke() ? 20 : 300);
      differing.ratios.push_back(static_cast<double>(exactness.Compare()));
    }
    const auto statistics = rig->model(0).statistics().Snapshot();
    if (statistics.execution_count >= statistics.success.count) {
      return base::Internal(model.name + ": nothing was batched, so nothing was compared");
    }
    result.ratios.push_back(std::move(differing));
  }
  return result;
}

}  // namespace hadron::bench
