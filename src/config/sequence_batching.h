#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/data_type.h"
#include "tensor/shape.h"

namespace hadron::config {

/// An input by which the model is told about the sequence a row belongs to. Not a client's input.
struct SequenceControl {
  enum class Kind : std::uint8_t { kStart, kReady, kEnd, kCorrelationId };
  Kind kind = Kind::kStart;
  std::string input;
  tensor::DataType type = tensor::DataType::kInvalid;
  double no = 0;  ///< of the flags; INT32, FP32 and BOOL values are exact
  double yes = 1;
};

/// What the server keeps of a sequence between two of its requests: the output of one execution is
/// the input of the next. The input is not a client's; the output may be listed for clients, too.
struct SequenceState {
  std::string input;
  std::string output;
  tensor::DataType type = tensor::DataType::kInvalid;
  tensor::Shape dims;  ///< without batch dimension, -1 = any
  /// Of the first request: `dims` with 1 for every -1, unless the file says more.
  tensor::Shape initial_dims;
  std::string initial_file;  ///< below the model's `initial_state` directory; empty = zeros
};

/// How requests that belong together reach the model.
struct SequenceBatching {
  enum class Strategy : std::uint8_t { kDirect, kOldest };
  Strategy strategy = Strategy::kDirect;
  std::chrono::microseconds max_idle{1'000'000};
  std::chrono::microseconds max_queue_delay{0};
  double minimum_slot_utilization = 0;              ///< kDirect
  std::int64_t max_candidates = 1;                  ///< kOldest: sequences in work, per instance
  std::vector<std::int64_t> preferred_batch_sizes;  ///< kOldest; empty only without batching
  bool preserve_ordering = false;                   ///< kOldest
  std::vector<SequenceControl> controls;
  std::vector<SequenceState> states;

  /// Whether the server fills this input of the model.
  bool Fills(std::string_view input) const;
  bool HasStateOutput(std::string_view output) const;
};

}  // namespace hadron::config
