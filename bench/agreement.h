#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "tensor/host_tensor.h"

namespace hadron::bench {

/// Pseudo-random bytes by input, always the same, that suit the models at hand: positive floats,
/// small integers.
std::vector<std::string> RandomInputs(const std::vector<tensor::TensorDesc>& inputs);

/// INTERNAL unless floats agree within 5e-6 (relative L2) and everything else is equal. `what` is
/// for the message.
base::Status CheckAgreement(const std::vector<tensor::HostTensor>& ours,
                            const std::vector<std::string>& theirs, const std::string& what);

}  // namespace hadron::bench
