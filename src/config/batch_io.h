#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/io_buf.h"
#include "base/status.h"
#include "tensor/data_type.h"
#include "tensor/shape.h"

namespace hadron::config {

/// Inputs of the model by which it is told how a batch is made up whose requests differ in shape.
/// Not a client's: the server fills them, for all requests of a batch together.
struct BatchInput {
  /// Counts are of elements, a number for each request (not for each row).
  enum class Kind : std::uint8_t {
    kElementCount,
    kAccumulatedElementCount,          ///< where each request ends
    kAccumulatedElementCountWithZero,  ///< the same behind a 0: where each begins, and the end
    kMaxElementCountAsShape,           ///< zeros, as many as the largest request has elements
    kItemShape,                        ///< for each row the sizes of its item: [rows, rank]
    kItemShapeFlatten,                 ///< the same as [rows * rank]
  };
  Kind kind = Kind::kElementCount;
  std::vector<std::string> targets;                    ///< inputs of the model
  tensor::DataType type = tensor::DataType::kInvalid;  ///< INT32 or FP32
  std::string source;                                  ///< the input whose sizes it tells
};

/// Outputs of the model in which the requests' parts lie one behind the other: each request gets as
/// much as its `source` says, dimension by dimension (Triton's BATCH_SCATTER_WITH_INPUT_SHAPE).
struct BatchOutput {
  std::vector<std::string> targets;
  std::string source;
};

/// The shape of a batch_input's tensor. `sources`: the shapes of the source input, by request, as
/// the model would see them one by one: rows first, `reshape` applied. Pure.
///
///     BatchInputShape(count, {{{1, 3}, {2, 5}}})   // [2], the content is 3, 10
tensor::Shape BatchInputShape(const BatchInput& input, std::span<const tensor::Shape> sources);

/// INVALID_ARGUMENT when the type does not hold one of the numbers exactly; names the source.
base::Status CheckBatchInput(const BatchInput& input, std::span<const tensor::Shape> sources);

/// The bytes of that tensor; CheckBatchInput has said yes. Takes little memory even where the
/// tensor is large.
base::IoBuf BatchInputContent(const BatchInput& input, std::span<const tensor::Shape> sources);

/// What a request gets of an output whose configured shape is `output` (without batch dimension, as
/// the model has it), rows first: every -1 has the size of the same dimension of `source`. Pure.
tensor::Shape ScatteredShape(const tensor::Shape& output, const tensor::Shape& source);

}  // namespace hadron::config
