#pragma once

#include "ops/op_case.h"

/// The tables, one a family of graph/ops/ops.inc: <family>_cases.cc defines <Family>Cases().
namespace hadron::ops_test {

#define HADRON_OP_FAMILY(Name) std::vector<OpCase> Name##Cases();
#include "graph/ops/ops.inc"
#undef HADRON_OP_FAMILY

}  // namespace hadron::ops_test
