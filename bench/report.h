#pragma once

#include <string>
#include <vector>

#include "bench/rounds.h"

namespace hadron::bench {

/// Prints a case's table to stdout: one line a ratio, its context after it, the notes below.
void PrintCase(const CaseResult& result);

/// Writes results.json into `directory`, which is made if it is not there.
void WriteJson(const std::vector<CaseResult>& results, const std::string& directory);

}  // namespace hadron::bench
