#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/rounds.h"

namespace hadron::bench {

/// Prints a case's table to stdout: one line a ratio, its context after it, the notes below.
void PrintCase(const CaseResult& result);

/// Schema of results.json.
inline constexpr int kResultsVersion = 2;

/// From what the inputs of a run follow.
struct RunFacts {
  std::string profile;
  std::uint64_t seed = 0;
  double scale = 0;
};

/// Writes results.json into `directory`, which is made if it is not there.
void WriteJson(const std::vector<CaseResult>& results, const RunFacts& facts,
               const std::string& directory);

}  // namespace hadron::bench
