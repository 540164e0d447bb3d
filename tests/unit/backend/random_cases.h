#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "unit/backend/kernel_rig.h"

namespace hadron::backend {

// Cases of random shapes that every backend with the operator takes.

/// A Gemm or a MatMul, stacks, broadcasts and computed right sides included; with `depth` as the
/// longest sum.
NodeCase RandomProduct(std::mt19937& random, std::int64_t depth);
/// Over the last axis of two to four.
NodeCase RandomSoftmax(std::mt19937& random);
/// Over the last one or two axes.
NodeCase RandomNormalization(std::mt19937& random);
/// Sum, mean or maximum over the last axes, with constant axes.
NodeCase RandomReduction(std::mt19937& random);

/// Every element of a product or a convolution without post-ops within K eps sum(|a| |b|) of the
/// sum in double precision: K terms, each rounded once. The bound knows no cancelling.
void ExpectWithinRounding(const NodeCase& c, const CaseRunner& run = RunNative);

/// Operator and shapes, for failures.
std::string Describe(const NodeCase& c);

}  // namespace hadron::backend
