#pragma once

#include <cstdint>
#include <string>

namespace hadron::bench {

/// Where a run was measured.
struct Machine {
  std::string cpu;
  int cores = 1;
  std::uint64_t memory_bytes = 0;
  std::string kernel;
  double load_before = 0;  ///< average of one minute
  double load_after = 0;

  std::string Line() const;  ///< for captions
};

/// This machine now, `load_after` still 0.
Machine ThisMachine();
double LoadOfTheMinute();

}  // namespace hadron::bench
