#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/data_type.h"
#include "tensor/shape.h"

namespace hadron::cli {

struct NpyArray {
  tensor::DataType type = tensor::DataType::kInvalid;
  tensor::Shape shape;
  std::vector<std::byte> bytes;  ///< row-major, little-endian
};

/// Reads a file that numpy.save wrote (format versions 1 to 3). Takes little-endian numbers and
/// bools in C order; INVALID_ARGUMENT says what else it is.
base::StatusOr<NpyArray> ParseNpy(std::string_view file);

}  // namespace hadron::cli
