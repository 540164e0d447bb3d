#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hadron::test {

/// Makes calls of the OpenCL driver fail. A program that has driver_faults.cc among its sources
/// calls the driver through it: every function that allocates, compiles, sets or enqueues can be
/// told to fail once, with the code that drivers give for it. Thread-safe; one fault at a time.
///
///     DriverFaults::FailAt("clCreateBuffer", 3);  // the fourth call from now on
///     auto model = Load();
///     const bool failed_there = DriverFaults::Disarm();
class DriverFaults {
 public:
  static void FailAt(std::string_view function, std::uint64_t number);
  /// The device is lost: this enqueue, whatever it enqueues, and every later one until Disarm fail.
  static void LoseDeviceAt(std::uint64_t number);
  /// Whether the fault has happened since FailAt.
  static bool Disarm();
  /// "CL_OUT_OF_RESOURCES (-5)": how the failure of this function reads.
  static std::string CodeText(std::string_view function);
};

}  // namespace hadron::test
