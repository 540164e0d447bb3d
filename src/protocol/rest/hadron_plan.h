#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "model/catalogue.h"
#include "model/residency_manager.h"

namespace hadron::protocol {

/// Answers `{"models": ["a", "b"]}`: what bringing these onto the device would come to. Versions
/// that are not loaded are estimated: their weights by the size of their files, their loads by what
/// those of the loaded ones took. INVALID_ARGUMENT for another body, NOT_FOUND for a model that no
/// repository has.
base::StatusOr<std::string> PlanJson(std::string_view body, const model::Catalogue& catalogue,
                                     const model::ResidencyManager& residency);

}  // namespace hadron::protocol
