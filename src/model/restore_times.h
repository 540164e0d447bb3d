#pragma once

#include <cstdint>

namespace hadron::model {

/// What copying weights onto a device takes: a line through what was measured of late, so much for
/// any model and so much for each byte. One measurement says little, as whatever else runs disturbs
/// it; and a small model that was disturbed once would seem dear for as long as it stays because of
/// that. A value.
///
///     times.Note(64 << 20, 0.0061);
///     double seconds = times.Expected(8 << 20);
class RestoreTimes {
 public:
  void Note(std::uint64_t bytes, double seconds);
  double Expected(std::uint64_t bytes) const;

 private:
  // Sums over the measurements, each weighted by how new it is.
  double weight_ = 0;
  double bytes_ = 0;
  double seconds_ = 0;
  double squares_ = 0;   ///< of bytes
  double products_ = 0;  ///< of bytes and seconds
};

}  // namespace hadron::model
