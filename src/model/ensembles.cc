#include "model/ensembles.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/strings.h"
#include "tensor/data_type.h"

namespace hadron::model {
namespace {

using config::EnsembleStep;
using config::IoConfig;
using config::ModelConfig;

std::string Shown(const std::string& name) { return base::EscapeControl(name); }

bool SameOrFree(const tensor::Shape& a, const tensor::Shape& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](std::int64_t x, std::int64_t y) { return x == y || x < 0 || y < 0; });
}

/// Somebody who writes or reads a tensor of the ensemble.
struct End {
  std::string who;  ///< "input 'a' of step 1 (model 'b')"
  const ModelConfig* model = nullptr;
  const IoConfig* io = nullptr;
};

/// Empty when what the one writes the other can read.
std::string WhyDifferent(const std::string& tensor, const End& writer, const End& reader) {
  if (writer.io->type != reader.io->type) {
    return fmt::format("tensor '{}': {} has the datatype {}, {} {}", Shown(tensor), writer.who,
                       tensor::DataTypeName(writer.io->type), reader.who,
                       tensor::DataTypeName(reader.io->type));
  }
  const tensor::Shape written = writer.model->ClientShape(*writer.io);
  const tensor::Shape read = reader.model->ClientShape(*reader.io);
  if (SameOrFree(writer.io->dims, reader.io->dims) || SameOrFree(written, read)) return "";
  return fmt::format("tensor '{}': {} has the shape {}, {} {}", Shown(tensor), writer.who,
                     written.ToString(), reader.who, read.ToString());
}

/// Compares the ends of every tensor. Lives for one ensemble.
class Comparison {
 public:
  Comparison(const ModelConfig& ensemble, const std::vector<const ModelConfig*>& members)
      : ensemble_(ensemble), members_(members) {}

  std::string Run() {
    for (const IoConfig& input : ensemble_.inputs()) {
      writers_[input.name] = {"the ensemble's input", &ensemble_, &input};
    }
    const std::vector<EnsembleStep>& steps = ensemble_.ensemble()->steps;
    for (std::size_t i = 0; i < steps.size() && why_.empty(); ++i) AddOutputs(i, steps[i]);
    for (std::size_t i = 0; i < steps.size() && why_.empty(); ++i) CheckInputs(i, steps[i]);
    for (const IoConfig& output : ensemble_.outputs()) {
      Compare(output.name, {"the ensemble's output", &ensemble_, &output});
    }
    return why_;
  }

 private:
  static std::string Step(std::size_t i, const EnsembleStep& step) {
    return fmt::format("step {} (model '{}')", i, Shown(step.model));
  }
  void Blame(std::string why) {
    if (why_.empty()) why_ = std::move(why);
  }

  void AddOutputs(std::size_t i, const EnsembleStep& step) {
    const ModelConfig* const model = members_[i];
    if (model == nullptr) return;
    const std::int64_t most = model->max_batch_size();
    if (most > 0 && most < ensemble_.max_batch_size()) {
      return Blame(fmt::format("{} takes batches of {} at most, the ensemble of {}", Step(i, step),
                               most, ensemble_.max_batch_size()));
    }
    for (const auto& [output, tensor] : step.outputs) {
      const IoConfig* const io = model->FindOutput(output);
      if (io == nullptr) {
        return Blame(fmt::format("{} has no output '{}'", Step(i, step), Shown(output)));
      }
      writers_[tensor] = {fmt::format("output '{}' of {}", Shown(output), Step(i, step)), model,
                          io};
    }
  }

  void CheckInputs(std::size_t i, const EnsembleStep& step) {
    const ModelConfig* const model = members_[i];
    if (model == nullptr) return;
    for (const IoConfig& input : model->inputs()) {
      if (input.optional || step.inputs.contains(input.name)) continue;
      return Blame(fmt::format("{} needs its input '{}', which input_map does not name",
                               Step(i, step), Shown(input.name)));
    }
    for (const auto& [input, tensor] : step.inputs) {
      const IoConfig* const io = model->FindInput(input);
      if (io == nullptr) {
        return Blame(fmt::format("{} has no input '{}'", Step(i, step), Shown(input)));
      }
      Compare(tensor, {fmt::format("input '{}' of {}", Shown(input), Step(i, step)), model, io});
    }
  }

  void Compare(const std::string& tensor, const End& reader) {
    const auto writer = writers_.find(tensor);
    if (writer != writers_.end()) Blame(WhyDifferent(tensor, writer->second, reader));
  }

  const ModelConfig& ensemble_;
  const std::vector<const ModelConfig*>& members_;
  std::map<std::string, End> writers_;
  std::string why_;
};

/// Judges each version once, the members first. Lives for one catalogue.
class EnsembleJudge {
 public:
  explicit EnsembleJudge(Catalogue& catalogue) : models_(catalogue.models) {}

  void Run() {
    for (auto& [name, model] : models_) {
      JudgeAll(model);
    }
  }

 private:
  struct Verdict {
    std::string why;      ///< empty: it can serve
    bool circle = false;  ///< then `why` says all there is to say
    int depth = 1;
    base::TimePoint retry_at{};  ///< when a use may help; max(): not before something changes
  };

  void JudgeAll(ModelEntry& model) {
    bool ready = model.versions.empty();
    Verdict last;
    for (auto& [number, version] : model.versions) {
      Verdict verdict = Judge(model, number, version);
      if (!verdict.why.empty()) last = std::move(verdict);
      ready = ready || version.state == VersionState::kReady;
    }
    if (ready || last.why.empty() || !model.failure.empty()) return;
    model.failure = fmt::format("ensemble '{}' is not ready: {}", Shown(model.name), last.why);
    model.retry_at = last.retry_at;
  }

  /// Of whatever is no ensemble, or not loaded, there is nothing to say.
  Verdict Judge(ModelEntry& model, std::int64_t number, VersionEntry& version) {
    const std::pair key(model.name, number);
    if (const auto known = verdicts_.find(key); known != verdicts_.end()) return known->second;
    const bool ensemble = version.handle != nullptr && version.handle->is_ensemble();
    if (!ensemble) return {};
    if (const auto at = std::ranges::find(path_, model.name); at != path_.end()) {
      std::string circle;
      for (auto name = at; name != path_.end(); ++name) circle += Shown(*name) + " -> ";
      return {fmt::format("the ensembles contain each other: {}{}", circle, Shown(model.name)),
              true, 1, base::TimePoint::max()};
    }
    path_.push_back(model.name);
    Verdict verdict = LookAtSteps(version.handle->config());
    path_.pop_back();
    verdicts_[key] = verdict;
    if (!verdict.why.empty()) {
      version.state = VersionState::kUnavailable;
      version.reason = verdict.why;
      version.handle = nullptr;
    }
    return verdict;
  }

  Verdict LookAtSteps(const ModelConfig& config) {
    Verdict verdict;
    if (path_.size() > kLongestPath) return TooDeep();
    const std::vector<EnsembleStep>& steps = config.ensemble()->steps;
    std::vector<const ModelConfig*> members(steps.size());
    for (std::size_t i = 0; i < steps.size(); ++i) {
      Verdict member = LookAtMember(steps[i], members[i]);
      if (member.circle) return member;
      if (!member.why.empty()) {
        member.why = fmt::format("step {}: model '{}' {}", i, Shown(steps[i].model), member.why);
        return member;
      }
      verdict.depth = std::max(verdict.depth, member.depth + 1);
    }
    if (verdict.depth > kMaxEnsembleDepth + 1) return TooDeep();
    verdict.why = WhyStepsDoNotFit(config, members);
    if (!verdict.why.empty()) verdict.retry_at = base::TimePoint::max();
    return verdict;
  }

  static Verdict TooDeep() {
    return {fmt::format("ensembles contain each other more than {} deep", kMaxEnsembleDepth), true,
            1, base::TimePoint::max()};
  }

  /// The version that would serve the step; its configuration goes to `config`, if it is known.
  Verdict LookAtMember(const EnsembleStep& step, const ModelConfig*& config) {
    const auto at = models_.find(step.model);
    if (at == models_.end()) {
      return {"is in no model repository", false, 1, base::TimePoint::max()};
    }
    ModelEntry& model = at->second;
    Verdict last;
    std::string reason = model.reason;
    for (auto version = model.versions.rbegin(); version != model.versions.rend(); ++version) {
      if (step.version && version->first != *step.version) continue;
      VersionEntry& entry = version->second;
      last = Judge(model, version->first, entry);
      if (last.circle) return last;
      if (entry.state == VersionState::kReady) {
        if (entry.handle != nullptr) config = &entry.handle->config();
        return last;
      }
      if (reason.empty()) reason = entry.reason;
    }
    if (reason.empty()) reason = WhyNone(model, step);
    last.why =
        step.version ? fmt::format("version {} is not ready", *step.version) : "is not ready";
    last.why += ": " + reason;
    last.retry_at = model.failure.empty() ? base::TimePoint::max() : model.retry_at;
    return last;
  }

  static std::string WhyNone(const ModelEntry& model, const EnsembleStep& step) {
    const auto any = [&model](VersionState state) {
      return std::ranges::any_of(model.versions,
                                 [state](const auto& item) { return item.second.state == state; });
    };
    if (any(VersionState::kLoading)) return "it is being loaded";
    if (any(VersionState::kUnloading)) return "it is being unloaded";
    const bool there = !step.version || model.versions.contains(*step.version);
    return there ? "it is not loaded" : "there is no such version";
  }

  static constexpr std::size_t kLongestPath = 1000;

  std::map<std::string, ModelEntry, std::less<>>& models_;
  std::map<std::pair<std::string, std::int64_t>, Verdict> verdicts_;
  std::vector<std::string> path_;  ///< ensembles that are being looked at
};

}  // namespace

std::string WhyStepsDoNotFit(const config::ModelConfig& ensemble,
                             const std::vector<const config::ModelConfig*>& members) {
  return Comparison(ensemble, members).Run();
}

void JudgeEnsembles(Catalogue& catalogue) { EnsembleJudge(catalogue).Run(); }

}  // namespace hadron::model
