#pragma once

#include "base/status.h"
#include "tensor/shape.h"

namespace hadron::config {

/// OK when every concrete shape of form `dims` has as many elements as its image of form `reshape`:
/// as many -1 on both sides and equal products of the numbers between them, in order.
base::Status CheckReshape(const tensor::Shape& dims, const tensor::Shape& reshape);

/// The image of `actual`, a concrete shape of form `from`, in form `to`: the n-th -1 of `to` gets
/// the value of the n-th -1 of `from`. The pair must have passed CheckReshape, in either order.
///
///     MapShape({2, 4, -1, 6}, {8, -1, 6}, {2, 4, 5, 6})   // [8,5,6]
tensor::Shape MapShape(const tensor::Shape& from, const tensor::Shape& to,
                       const tensor::Shape& actual);

}  // namespace hadron::config
