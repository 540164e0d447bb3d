#pragma once

#include <vector>

#include "base/status.h"
#include "config/model_config.h"
#include "plan/lane.h"
#include "serving/batch.h"
#include "tensor/host_tensor.h"
#include "tensor/shape.h"

namespace hadron::serving {

/// Input shapes of the plan a batch needs: graph order, the configuration's reshape applied, the
/// batch dimension raised to the bucket; of a ragged batch the shapes that it has. INVALID_ARGUMENT
/// when the model's inputs and the requests' do not fit together.
base::StatusOr<std::vector<tensor::Shape>> PlanShapes(const Batch& batch);

/// The inputs of a run, by graph input: the requests' bytes, shared, and what the server adds. Of a
/// batch that PlanShapes has taken.
std::vector<plan::RunInput> RunInputs(const Batch& batch);

/// What a request brings under this name; null: nothing.
const tensor::HostTensor* FindTensor(const std::vector<tensor::HostTensor>& tensors,
                                     const std::string& name);
/// The shape of what a client sends for an input, as the model sees it when it runs alone.
tensor::Shape RowsOf(const config::IoConfig& io, const tensor::Shape& client);

}  // namespace hadron::serving
