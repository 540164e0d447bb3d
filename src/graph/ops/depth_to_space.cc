// DepthToSpace and SpaceToDepth: blocks of pixels to channels and back.
#include <fmt/format.h>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using base::StatusOr;

StatusOr<std::int64_t> BlockSize(const InferContext& c) {
  const std::int64_t block = c.attributes().Int("blocksize", 0);
  if (block >= 1 && block <= 32768) return block;
  return c.Invalid(fmt::format("attribute 'blocksize' is {}, allowed are 1..32768", block));
}

/// The exact quotient; INVALID_ARGUMENT for a number that has none.
StatusOr<Dim> Divide(InferContext& c, const Dim& dim, std::int64_t by) {
  if (const auto exact = dim.DividedBy(Dim(by))) return *exact;
  if (!dim.known()) return c.NewSymbol();
  return c.Invalid(fmt::format("dimension {} is no multiple of {}", dim.value(), by));
}

StatusOr<Dim> Multiply(InferContext& c, const Dim& dim, std::int64_t by) {
  if (const auto product = dim.Times(Dim(by))) return *product;
  return c.Invalid("a dimension of the output overflows");
}

Status InferDepthToSpace(InferContext& c) {
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 4, 4));
  const std::string mode = c.attributes().String("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") {
    return c.Invalid(fmt::format("attribute 'mode' is '{}', expected DCR or CRD", mode));
  }
  HADRON_ASSIGN_OR_RETURN(const std::int64_t block, BlockSize(c));
  SymbolicShape y = c.shape(0);
  HADRON_ASSIGN_OR_RETURN(y[1], Divide(c, y[1], block * block));
  HADRON_ASSIGN_OR_RETURN(y[2], Multiply(c, y[2], block));
  HADRON_ASSIGN_OR_RETURN(y[3], Multiply(c, y[3], block));
  return SetOutput(c, 0, c.type(0), std::move(y));
}

Status InferSpaceToDepth(InferContext& c) {
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 4, 4));
  HADRON_ASSIGN_OR_RETURN(const std::int64_t block, BlockSize(c));
  SymbolicShape y = c.shape(0);
  HADRON_ASSIGN_OR_RETURN(y[1], Multiply(c, y[1], block * block));
  HADRON_ASSIGN_OR_RETURN(y[2], Divide(c, y[2], block));
  HADRON_ASSIGN_OR_RETURN(y[3], Divide(c, y[3], block));
  return SetOutput(c, 0, c.type(0), std::move(y));
}

}  // namespace

void RegisterDepthToSpace(OpRegistry& registry) {
  registry.Add({.name = "DepthToSpace",
                .versions = {1, 11, 13},
                .attributes = {{"blocksize", AttributeType::kInt, true},
                               {"mode", AttributeType::kString, false, 11}},
                .infer = InferDepthToSpace});
  registry.Add({.name = "SpaceToDepth",
                .versions = {1, 13},
                .attributes = {{"blocksize", AttributeType::kInt, true}},
                .infer = InferSpaceToDepth});
}

}  // namespace hadron::graph
