#pragma once

#include <string>
#include <vector>

#include "config/model_config.h"
#include "model/catalogue.h"

/// Whether ensembles can serve: pure functions over configurations and the catalogue.
namespace hadron::model {

/// Ensembles within ensembles, the outermost counted.
inline constexpr int kMaxEnsembleDepth = 32;

/// What is wrong with the steps of an ensemble, in words; empty: nothing. `members` are the
/// configurations of the steps' models, in the order of the steps; null where one is not known yet:
/// then only what does not concern it is compared. Shapes that fit with or without the batch
/// dimension, or have a free dimension, are compared when requests come.
std::string WhyStepsDoNotFit(const config::ModelConfig& ensemble,
                             const std::vector<const config::ModelConfig*>& members);

/// Every version of an ensemble that is READY stays so if the models of all its steps are, and fit;
/// else it becomes UNAVAILABLE, without handle, and its reason names the step and the model. A
/// model that its next use would load is as good as a loaded one. Ensembles that contain each other
/// are not available; the reason names the circle.
///
///     catalogue.models["chain"].versions[1];  // READY, model "b" of step 1 is not
///     JudgeEnsembles(catalogue);              // "step 1: model 'b' is not ready: unloaded"
void JudgeEnsembles(Catalogue& catalogue);

}  // namespace hadron::model
