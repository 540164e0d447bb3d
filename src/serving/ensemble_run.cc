#include "serving/ensemble_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "model/ensembles.h"
#include "serving/batch_run.h"
#include "serving/inference_engine.h"
#include "serving/kept_outputs.h"
#include "serving/response_cache.h"

namespace hadron::serving {
namespace {

using base::Status;
using base::StatusOr;
using config::IoConfig;
using config::ModelConfig;
using tensor::HostTensor;
using tensor::Shape;

bool Fits(const Shape& shape, const Shape& expected) {
  return std::equal(shape.begin(), shape.end(), expected.begin(), expected.end(),
                    [](std::int64_t is, std::int64_t e) { return e < 0 || e == is; });
}

/// One request on its way through the steps. Kept alive by what runs of it. Steps end on threads of
/// devices; whoever comes first starts what may begin, the others leave that to him: so a chain of
/// steps that end at once is a loop and no recursion.
class EnsembleRun final : public std::enable_shared_from_this<EnsembleRun> {
 public:
  EnsembleRun(const EnsembleRunner::Dependencies& dependencies, Pending pending,
              std::shared_ptr<EnsembleRunner::Served> served)
      : deps_(dependencies),
        pending_(std::move(pending)),
        served_(std::move(served)),
        outputs_(WantedOutputs()),
        progress_(plan(), outputs_),
        tensors_(plan().tensors().size()),
        places_(plan().steps().size()) {}

  void Begin() {
    version().metrics().running.Add(1);
    {
      base::MutexLock lock(mutex_);
      for (const HostTensor& input : request().inputs) {
        const auto tensor = plan().FindTensor(input.desc.name);
        if (tensor && progress_.IsNeeded(*tensor)) tensors_[*tensor] = input;
      }
      for (const std::size_t step : progress_.Begin()) ready_.push_back({step, nullptr});
    }
    Pump();
  }

 private:
  const EnsemblePlan& plan() const { return served_->plan; }
  const InferenceRequest& request() const { return pending_.request; }
  const model::ModelVersion& version() const { return *pending_.request.model; }

  /// Tensors, in the order of the answer.
  std::vector<std::size_t> WantedOutputs() const {
    std::vector<std::size_t> wanted;
    const auto add = [&](const std::string& name) {
      if (const auto tensor = plan().FindTensor(name)) wanted.push_back(*tensor);
    };
    if (request().requested_outputs.empty()) {
      for (const IoConfig& output : version().config().outputs()) add(output.name);
    } else {
      std::ranges::for_each(request().requested_outputs, add);
    }
    return wanted;
  }

  using Place = std::shared_ptr<StepLimits::Place>;
  struct Ready {
    std::size_t step = 0;
    /// Of the step that has made this one ready: kept until this one begins, so that results do not
    /// pile up in front of a step that is full.
    Place before;
  };
  struct Next {
    std::optional<Ready> step;
    bool answer = false;
  };

  void Pump() {
    {
      base::MutexLock lock(mutex_);
      if (pumping_) return;
      pumping_ = true;
    }
    Next next = TakeNext();
    for (; next.step; next = TakeNext()) StartStep(*std::move(next.step));
    if (next.answer) Answer();
  }

  Next TakeNext() {
    base::MutexLock lock(mutex_);
    if (failure_.ok() && !ready_.empty()) {
      Next next{std::move(ready_.front()), false};
      ready_.pop_front();
      ++running_;
      return next;
    }
    pumping_ = false;
    return {std::nullopt, running_ == 0 && !std::exchange(answered_, true)};
  }

  void StartStep(Ready ready) {
    if (served_->limits == nullptr) return Dispatch(ready.step);
    const std::size_t number = ready.step;
    auto place = served_->limits->Ask(
        number, this,
        [self = shared_from_this(), number, before = ready.before](StepLimits::Place granted) {
          self->Enter(number, std::move(granted));
        });
    if (place) Enter(number, *std::move(place));
  }

  void Enter(std::size_t number, StepLimits::Place place) {
    bool failed = false;
    {
      base::MutexLock lock(mutex_);
      places_[number] = std::make_shared<StepLimits::Place>(std::move(place));
      failed = !failure_.ok();
    }
    if (failed) return End(number, base::Cancelled("another step has failed"));
    Dispatch(number);
  }

  void Dispatch(std::size_t number) {
    if (request().IsCancelled()) {
      return End(number, base::Cancelled("the client has gone"));
    }
    const EnsemblePlan::Step& step = plan().steps()[number];
    InferenceEngine::Wanted wanted{step.model, step.version, RemainingTimeout(),
                                   request().cancelled};
    if (request().account != nullptr) {
      wanted.causes_load = std::make_shared<std::atomic<bool>>(false);
    }
    const auto causes_load = wanted.causes_load;
    deps_.engine->Fetch(
        *deps_.models, std::move(wanted),
        [self = shared_from_this(), number, causes_load](StatusOr<model::ModelHandle> found) {
          const bool caused = causes_load != nullptr && causes_load->load();
          self->Send(number, std::move(found), caused);
        });
  }

  /// What earlier steps have used up is not there any more.
  std::uint64_t RemainingTimeout() const {
    if (request().timeout_us == 0) return 0;
    const auto used = std::chrono::duration_cast<std::chrono::microseconds>(deps_.clock->Now() -
                                                                            pending_.enqueued);
    const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(0, used.count()));
    return request().timeout_us > us ? request().timeout_us - us : 1;
  }

  void Send(std::size_t number, StatusOr<model::ModelHandle> found, bool caused_load) {
    if (!found.ok()) return End(number, std::move(found).status());
    InferenceRequest part;
    part.id = request().id;
    part.model = *std::move(found);
    part.parameters = request().parameters;
    part.priority = request().priority;
    part.timeout_us = RemainingTimeout();
    part.identity = request().identity;
    part.work_class = request().work_class;
    part.received = request().received;
    part.deadline = request().deadline;
    part.cancelled = request().cancelled;
    part.depth = request().depth + 1;
    Status status = TakeTensors(number, part);
    if (!status.ok()) return End(number, std::move(status));
    const bool away = std::ranges::any_of(
        part.inputs, [](const HostTensor& input) { return input.remote != nullptr; });
    if (!away || TakesDeviceTensors(part.model->config())) {
      return Infer(number, std::move(part), caused_load);
    }
    auto inputs = std::move(part.inputs);
    deps_.engine->BringHome(
        std::move(inputs), [self = shared_from_this(), number, caused_load, part = std::move(part)](
                               StatusOr<std::vector<HostTensor>> at_home) mutable {
          if (!at_home.ok()) return self->End(number, std::move(at_home).status());
          part.inputs = std::move(at_home).value();
          self->Infer(number, std::move(part), caused_load);
        });
  }

  void Infer(std::size_t number, InferenceRequest part, bool caused_load) {
    deps_.engine->InferStep(
        std::move(part),
        [self = shared_from_this(), number](InferenceResponse response) {
          self->Ended(number, std::move(response));
        },
        caused_load);
  }

  /// Whether all who read the tensor can take it where the step has computed it. What they are is
  /// seen for certain when they begin.
  bool MayStayOnDevice(std::size_t tensor) const {
    if (std::ranges::find(outputs_, tensor) != outputs_.end()) return false;
    return std::ranges::all_of(plan().tensors()[tensor].readers, [this](std::size_t reader) {
      const EnsemblePlan::Step& step = plan().steps()[reader];
      const auto found = deps_.models->Find(step.model, step.version);
      return !found.ok() || *found == nullptr || TakesDeviceTensors((*found)->config());
    });
  }

  /// The inputs and outputs of a step, in the order of its model's configuration.
  Status TakeTensors(std::size_t number, InferenceRequest& part) {
    const EnsemblePlan::Step& step = plan().steps()[number];
    const ModelConfig& model = part.model->config();
    base::MutexLock lock(mutex_);
    for (const IoConfig& io : model.inputs()) {
      const auto edge = std::ranges::find(step.inputs, io.name, &EnsemblePlan::Edge::name);
      const HostTensor* given = nullptr;
      if (edge != step.inputs.end() && tensors_[edge->tensor]) given = &*tensors_[edge->tensor];
      if (given == nullptr && io.optional) continue;
      if (given == nullptr) return NotGiven(io.name, edge == step.inputs.end() ? nullptr : &*edge);
      if (given->desc.type != io.type) {
        return base::InvalidArgument(fmt::format("input '{}' takes {}, tensor '{}' is {}", io.name,
                                                 tensor::DataTypeName(io.type), given->desc.name,
                                                 tensor::DataTypeName(given->desc.type)));
      }
      auto shape = FitShape(given->desc.shape, model, io);
      if (!shape.ok()) {
        return std::move(shape).status().With(fmt::format("input '{}'", io.name));
      }
      part.inputs.push_back({{io.name, io.type, *std::move(shape)}, given->bytes, given->remote});
    }
    for (const IoConfig& io : model.outputs()) {
      const auto edge = std::ranges::find(step.outputs, io.name, &EnsemblePlan::Edge::name);
      if (edge != step.outputs.end() && progress_.IsNeeded(edge->tensor)) {
        part.requested_outputs.push_back(io.name);
        if (MayStayOnDevice(edge->tensor)) part.keep_on_device.push_back(io.name);
        NoteLabels(*edge, part.model->labels(io.name));
      }
    }
    for (const std::size_t tensor : progress_.Taken(number)) tensors_[tensor].reset();
    return CheckRows(model, part);
  }

  /// An output of the ensemble has the labels of the model that makes it, or, where that is an
  /// ensemble itself, those that this one got so.
  void NoteLabels(const EnsemblePlan::Edge& edge,
                  std::shared_ptr<const std::vector<std::string>> labels) HADRON_REQUIRES(mutex_) {
    const bool is_output = std::ranges::find(outputs_, edge.tensor) != outputs_.end();
    if (labels == nullptr || !is_output) return;
    labels_.emplace(plan().tensors()[edge.tensor].name, std::move(labels));
  }

  Status NotGiven(const std::string& input, const EnsemblePlan::Edge* edge) const {
    if (edge == nullptr) {
      return base::InvalidArgument(fmt::format("the step gives nothing for input '{}'", input));
    }
    return base::InvalidArgument(
        fmt::format("input '{}' is tensor '{}', which the request has left out", input,
                    base::EscapeControl(plan().tensors()[edge->tensor].name)));
  }

  static Status CheckRows(const ModelConfig& model, InferenceRequest& part) {
    part.rows = 1;
    if (!model.batched() || part.inputs.empty()) return {};
    part.rows = part.inputs.front().desc.shape[0];
    for (const HostTensor& input : part.inputs) {
      if (input.desc.shape[0] == part.rows) continue;
      return base::InvalidArgument(fmt::format("input '{}' has {} rows, input '{}' {}",
                                               input.desc.name, input.desc.shape[0],
                                               part.inputs.front().desc.name, part.rows));
    }
    if (part.rows <= model.max_batch_size()) return {};
    return base::InvalidArgument(
        fmt::format("inference request batch-size must be <= {}, but is {}", model.max_batch_size(),
                    part.rows));
  }

  void End(std::size_t number, Status status) {
    InferenceResponse response;
    response.status = std::move(status);
    Ended(number, std::move(response));
  }

  void Ended(std::size_t number, InferenceResponse response) {
    Place place;
    std::deque<Ready> dropped;
    bool failed = false;
    {
      base::MutexLock lock(mutex_);
      --running_;
      place = std::move(places_[number]);
      Status status = std::move(response.status);
      if (status.ok()) status = Keep(number, response);
      if (!status.ok() && failure_.ok()) {
        failure_ = std::move(status).With(
            fmt::format("ensemble '{}': step {} (model '{}')", version().name(), number,
                        base::EscapeControl(plan().steps()[number].model)));
      }
      if (failure_.ok()) {
        for (const std::size_t next : progress_.Finish(number)) ready_.push_back({next, place});
      } else {
        failed = true;
        dropped.swap(ready_);
      }
    }
    if (failed && served_->limits != nullptr) Withdraw();
    dropped.clear();
    place.reset();  // others may begin
    Pump();
  }

  /// What waits for a place does not begin any more.
  void Withdraw() {
    const std::size_t withdrawn = served_->limits->Withdraw(this);
    base::MutexLock lock(mutex_);
    running_ -= withdrawn;
  }

  Status Keep(std::size_t number, InferenceResponse& response) HADRON_REQUIRES(mutex_) {
    times_.queue_ns += response.times.queue_ns;
    times_.input_ns += response.times.input_ns;
    times_.infer_ns += response.times.infer_ns;
    times_.output_ns += response.times.output_ns;
    for (const EnsemblePlan::Edge& edge : plan().steps()[number].outputs) {
      if (!progress_.IsNeeded(edge.tensor)) continue;
      const auto at = std::ranges::find_if(response.outputs, [&](const HostTensor& output) {
        return output.desc.name == edge.name;
      });
      if (at == response.outputs.end()) {
        return base::Internal(fmt::format("the answer has no output '{}'", edge.name));
      }
      const auto labels = response.labels.find(edge.name);
      if (labels != response.labels.end()) NoteLabels(edge, labels->second);
      at->desc.name = plan().tensors()[edge.tensor].name;
      tensors_[edge.tensor] = std::move(*at);
    }
    return {};
  }

  /// Nothing of it runs any more.
  void Answer() {
    version().metrics().running.Add(-1);
    InferenceResponse response;
    {
      base::MutexLock lock(mutex_);
      response.times = times_;
      response.labels = std::move(labels_);
      response.status = failure_.ok() ? TakeOutputs(response.outputs) : failure_.Clone();
      tensors_.clear();
    }
    if (!response.status.ok()) {
      return FailEnsemble(std::move(pending_), std::move(response.status));
    }
    const RequestTimes& times = response.times;
    served_->device_ns.store(times.input_ns + times.infer_ns + times.output_ns);
    CompleteEnsemble(std::move(pending_), std::move(response), *deps_.clock);
  }

  Status TakeOutputs(std::vector<HostTensor>& outputs) HADRON_REQUIRES(mutex_) {
    for (const std::size_t tensor : outputs_) {
      HADRON_CHECK(tensors_[tensor].has_value());
      HostTensor output = *std::move(tensors_[tensor]);
      const IoConfig* const io = version().config().FindOutput(output.desc.name);
      HADRON_CHECK(io != nullptr);
      auto shape = FitShape(output.desc.shape, version().config(), *io);
      if (shape.ok() && output.desc.type != io->type) {
        shape = base::InvalidArgument(fmt::format("is {}, the configuration says {}",
                                                  tensor::DataTypeName(output.desc.type),
                                                  tensor::DataTypeName(io->type)));
      }
      if (!shape.ok()) {
        return std::move(shape).status().With(
            fmt::format("ensemble '{}': output '{}'", version().name(), output.desc.name));
      }
      output.desc.shape = *std::move(shape);
      outputs.push_back(std::move(output));
    }
    return {};
  }

  const EnsembleRunner::Dependencies deps_;
  Pending pending_;
  const std::shared_ptr<EnsembleRunner::Served> served_;
  const std::vector<std::size_t> outputs_;
  base::Mutex mutex_;
  EnsembleProgress progress_ HADRON_GUARDED_BY(mutex_);
  std::vector<std::optional<HostTensor>> tensors_ HADRON_GUARDED_BY(mutex_);
  std::vector<Place> places_ HADRON_GUARDED_BY(mutex_);  ///< by step
  std::deque<Ready> ready_ HADRON_GUARDED_BY(mutex_);
  std::size_t running_ HADRON_GUARDED_BY(mutex_) = 0;  ///< steps that have begun and not ended
  bool pumping_ HADRON_GUARDED_BY(mutex_) = false;
  bool answered_ HADRON_GUARDED_BY(mutex_) = false;
  Status failure_ HADRON_GUARDED_BY(mutex_);  ///< the first
  RequestTimes times_ HADRON_GUARDED_BY(mutex_);
  BorrowedLabels labels_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace

StatusOr<Shape> FitShape(const Shape& shape, const ModelConfig& model, const IoConfig& io) {
  const Shape expected = model.ClientShape(io);
  if (Fits(shape, expected)) return shape;
  if (model.batched() && Fits(shape, io.dims)) return shape.WithFirst(1);
  const bool one = !model.batched() && shape.rank() > 0 && shape[0] == 1;
  if (one && Fits(shape.WithoutFirst(), expected)) return shape.WithoutFirst();
  return base::InvalidArgument(
      fmt::format("the shape {} does not fit {}", shape.ToString(), expected.ToString()));
}

EnsembleRunner::Served::Served(const ModelConfig& config) : plan(config) {
  const std::uint32_t most = config.ensemble()->max_inflight_requests;
  if (most > 0) limits = std::make_shared<StepLimits>(plan.steps().size(), most);
}

void EnsembleRunner::Add(const model::ModelHandle& version) {
  auto served = std::make_shared<Served>(version->config());
  base::MutexLock lock(mutex_);
  served_[version.get()] = std::move(served);
}

void EnsembleRunner::Remove(const model::ModelVersion& version) {
  base::MutexLock lock(mutex_);
  served_.erase(&version);
}

std::shared_ptr<EnsembleRunner::Served> EnsembleRunner::Find(
    const model::ModelVersion& version) const {
  base::MutexLock lock(mutex_);
  const auto at = served_.find(&version);
  return at == served_.end() ? nullptr : at->second;
}

void EnsembleRunner::Enqueue(InferenceRequest request, OnDone done) {
  Pending pending;
  pending.request = std::move(request);
  pending.done = std::move(done);
  pending.enqueued = deps_.clock->Now();
  const model::ModelVersion& version = *pending.request.model;
  auto served = Find(version);
  if (served == nullptr) {
    return Refuse(std::move(pending),
                  base::NotFound(fmt::format("Request for unknown model: '{}' has no available "
                                             "versions",
                                             version.name())));
  }
  if (pending.request.depth > model::kMaxEnsembleDepth) {
    return Refuse(std::move(pending),
                  base::InvalidArgument(fmt::format(
                      "ensembles contain each other more than {} deep", model::kMaxEnsembleDepth)));
  }
  std::optional<ResponseCache::Hit> hit;
  if (deps_.cache != nullptr && ResponseCache::Serves(version))
    hit = deps_.cache->Look(pending, generation_.load());
  const auto expected =
      hit ? base::Duration(0) : std::chrono::nanoseconds(served->device_ns.load());
  Status status = AdmitToTenant(pending, expected);
  if (!status.ok()) return Refuse(std::move(pending), std::move(status));
  if (hit) return CompleteHit(std::move(pending), std::move(*hit), *deps_.clock);
  std::make_shared<EnsembleRun>(deps_, std::move(pending), std::move(served))->Begin();
}

}  // namespace hadron::serving
