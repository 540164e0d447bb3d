#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "config/complete.h"
#include "config/parse.h"
#include "onnx/loader.h"
#include "serving/sequence_batcher.h"
#include "support/onnx_writer.h"
#include "support/still_clock.h"
#include "tensor/string_tensor.h"

namespace hadron::serving {

/// A sequence batcher of an accumulator: FP32 x [n], its state s [1] grows by the first element of
/// x. Flags and id come as inputs start, end, ready (INT32) and id. Batches are ended by hand.
class SequenceRig {
 public:
  struct What {
    SequenceId id = std::uint64_t{1};
    std::string flags{};  ///< "S" start, "E" end
    float value = 1;
    std::uint64_t timeout_us = 0;
    std::int64_t width = 1;
    std::int64_t rows = 1;
    tenancy::Tenant* tenant = nullptr;
    tenancy::WorkClass work_class = tenancy::WorkClass::kInteractive;
    std::shared_ptr<const std::atomic<bool>> cancelled = nullptr;
    tenancy::AccountRef account = nullptr;
  };

  explicit SequenceRig(const std::string& batching, int max_batch = 4,
                       const std::string& extra = "", const std::string& id_type = "TYPE_UINT64")
      : graph_(MakeGraph(max_batch > 0, id_type)),
        config_(MakeConfig(batching, max_batch, extra, id_type)),
        batcher(config_, SequenceInputs(config_, graph_, {})) {}

  /// Its id is its number, from 0.
  base::Status Add(const What& what) {
    Pending pending;
    InferenceRequest& request = pending.request;
    request.id = std::to_string(next_++);
    request.rows = what.rows;
    request.timeout_us = what.timeout_us;
    request.identity.tenant = what.tenant;
    request.work_class = what.work_class;
    request.cancelled = what.cancelled;
    request.account = what.account;
    if (const auto* number = std::get_if<std::uint64_t>(&what.id)) {
      request.parameters["sequence_id"] = *number;
    } else {
      request.parameters["sequence_id"] = std::get<std::string>(what.id);
    }
    request.parameters["sequence_start"] = what.flags.find('S') != std::string::npos;
    request.parameters["sequence_end"] = what.flags.find('E') != std::string::npos;
    const std::vector<float> x(static_cast<std::size_t>(what.width), what.value);
    tensor::Shape shape{what.width};
    if (config_->batched()) shape = shape.WithFirst(1);
    request.inputs = {
        {{"x", tensor::DataType::kFp32, shape}, base::IoBuf::Copy(std::as_bytes(std::span(x)))}};
    pending.enqueued = clock.Now();
    return batcher.Enqueue(pending);
  }

  Decision Next(std::vector<Flow> order = {Flow{}}, bool only_full = false) {
    Terms terms;
    terms.order = order;
    terms.only_full = only_full;
    return batcher.Next(clock.Now(), terms);
  }
  /// Request ids of the next batch by row, "-" for a null item; "" for none. It runs until End.
  std::string Run(std::vector<Flow> order = {Flow{}}, bool only_full = false) {
    Decision decision = Next(std::move(order), only_full);
    wake_at = decision.wake_at;
    for (auto& [pending, status] : decision.expired) {
      ended.emplace_back(pending.request.id, std::move(status));
    }
    if (decision.requests.empty()) return "";
    running.push_back(std::move(decision.requests));
    return Ids(running.back());
  }
  static std::string Ids(const std::vector<Pending>& items) {
    std::string ids;
    for (const Pending& item : items) ids += item.null_item ? "-" : item.request.id;
    return ids;
  }
  /// Ends the batch that has run longest.
  void End(bool ok = true) {
    const std::vector<Pending> batch = std::move(running.front());
    running.pop_front();
    plan::RunResult result;
    if (!ok) result.status = base::Internal("the device failed");
    std::vector<float> sums;
    for (const Pending& item : batch) {
      sums.push_back(Float(item, "s") +
                     base::AsArray<float>(item.request.inputs[0].bytes.bytes())[0]);
    }
    tensor::Shape shape{1};
    if (config_->batched()) shape = shape.WithFirst(static_cast<std::int64_t>(batch.size()));
    result.outputs.resize(2);
    result.outputs[1] = {{"t", tensor::DataType::kFp32, shape},
                         base::IoBuf::Copy(std::as_bytes(std::span(sums)))};
    batcher.Ended(batch, result, clock.Now());
  }
  std::string RunToEnd() {
    std::string ids = Run();
    if (!ids.empty()) End();
    return ids;
  }

  static const tensor::HostTensor& Added(const Pending& item, const std::string& name) {
    const auto it = std::ranges::find_if(
        item.added, [&](const tensor::HostTensor& tensor) { return tensor.desc.name == name; });
    HADRON_CHECK(it != item.added.end());
    return *it;
  }
  static float Float(const Pending& item, const std::string& name) {
    return base::AsArray<float>(Added(item, name).bytes.bytes())[0];
  }
  static std::int32_t Int(const Pending& item, const std::string& name) {
    return base::AsArray<std::int32_t>(Added(item, name).bytes.bytes())[0];
  }

  const std::shared_ptr<const config::ModelConfig>& config() const { return config_; }

  test::StillClock clock;

 private:
  static graph::Graph MakeGraph(bool batched, const std::string& id_type) {
    using tensor::DataType;
    using test::OnnxDim;
    const auto dims = [batched](OnnxDim last) {
      return batched ? std::vector<OnnxDim>{"batch", last} : std::vector<OnnxDim>{last};
    };
    const DataType id = id_type == "TYPE_STRING"   ? DataType::kString
                        : id_type == "TYPE_UINT64" ? DataType::kUint64
                                                   : DataType::kInt32;
    test::OnnxWriter w;
    w.Input("x", DataType::kFp32, dims("n")).Input("s", DataType::kFp32, dims(1));
    for (const char* flag : {"start", "end", "ready"}) w.Input(flag, DataType::kInt32, dims(1));
    w.Input("id", id, dims(1));
    w.Output("y", DataType::kFp32, dims("n")).Output("t", DataType::kFp32, dims(1));
    w.Node({"Add", {"x", "s"}, {"y"}}).Node({"Identity", {"s"}, {"t"}});
    auto loaded =
        onnx::LoadOnnx(base::IoBuf::FromString(w.Serialize()), onnx::ExternalData::None(), {});
    HADRON_CHECK(loaded.ok());
    return std::move(loaded->graph);
  }

  std::shared_ptr<const config::ModelConfig> MakeConfig(const std::string& batching, int max_batch,
                                                        const std::string& extra,
                                                        const std::string& id_type) const {
    std::string text = "max_batch_size: " + std::to_string(max_batch) +
                       " input { name: 'x' data_type: TYPE_FP32 dims: -1 }"
                       " output { name: 'y' data_type: TYPE_FP32 dims: -1 } sequence_batching { " +
                       batching;
    for (const char* flag : {"START", "END", "READY"}) {
      std::string name = flag;
      std::ranges::transform(name, name.begin(), [](char c) { return c - 'A' + 'a'; });
      text += " control_input { name: '" + name + "' control { kind: CONTROL_SEQUENCE_" + flag +
              " int32_false_true: [ 3, 7 ] } }";
    }
    text += " control_input { name: 'id' control { kind: CONTROL_SEQUENCE_CORRID data_type: " +
            id_type +
            " } } state { input_name: 's' output_name: 't' data_type: TYPE_FP32 dims: 1 } }" +
            (extra.empty() ? " instance_group { count: 1 }" : extra);
    auto raw = config::ParsePbtxt(text, "config.pbtxt");
    HADRON_CHECK(raw.ok());
    auto identified = config::Identify(std::move(raw).value(), {"m", {"model.onnx"}}, false);
    HADRON_CHECK(identified.ok());
    auto config = config::Complete(*identified, &graph_, {});
    HADRON_CHECK(config.ok());
    HADRON_CHECK(config::CheckAgainstGraph(**config, graph_).ok());
    return std::move(config).value();
  }

  graph::Graph graph_;
  std::shared_ptr<const config::ModelConfig> config_;
  int next_ = 0;

 public:
  SequenceBatcher batcher;
  std::deque<std::vector<Pending>> running;
  std::vector<std::pair<std::string, base::Status>> ended;  ///< refused by Run
  std::optional<base::TimePoint> wake_at;
};

}  // namespace hadron::serving
