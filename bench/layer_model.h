#pragma once

#include <string>

#include "bench/onednn_arm.h"

namespace hadron::bench {

/// The ONNX file of a layer, or of `length` equal ones in a row where its output is as its input.
std::string LayerModel(const Layer& layer, int length = 1);

}  // namespace hadron::bench
