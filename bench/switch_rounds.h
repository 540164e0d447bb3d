#pragma once

#include <cstddef>
#include <vector>

namespace hadron::bench {

/// Which rounds of case `switch` are judged, and how fast the link must be for the next ones. The
/// case compares at a set ratio of copying to computing, but a machine computes now faster, now
/// slower: a round whose own ratio is off by more than 15 % is dropped, and after two of them in a
/// row the link's speed is set anew. Pure; externally synchronised.
///
///     SwitchRounds rounds(bytes, 4.0, 25'000);
///     while (rounds.size() < 5) {
///       server = Start(rounds.rate());
///       while (rounds.size() < 5 && !rounds.stale()) rounds.Take(away_us, there_us);
///     }
class SwitchRounds {
 public:
  /// Copying `bytes` is to take `times` as long as computing, which took `compute_us` so far.
  SwitchRounds(double bytes, double times, double compute_us);

  /// Bytes a second of the link, by what computing took last. Constant until the next `stale`.
  double rate() const { return rate_; }
  /// A round on the link of that rate: a request whose model was away, and one whose was there.
  void Take(double away_us, double there_us);
  /// Two rounds in a row were off: the next server needs the new rate(). Asking forgets them.
  bool stale();

  std::size_t size() const { return away_us_.size(); }  ///< rounds that count
  std::size_t dropped() const { return dropped_; }
  const std::vector<double>& away_us() const { return away_us_; }
  const std::vector<double>& there_us() const { return there_us_; }
  const std::vector<double>& copy_us() const { return copy_us_; }
  /// The longer of copying and computing, by round.
  std::vector<double> ideal_us() const;

 private:
  const double bytes_;
  const double times_;
  double rate_;
  std::vector<double> off_us_;  ///< computing in the rounds that were off, since the last good one
  std::size_t dropped_ = 0;
  std::vector<double> away_us_;
  std::vector<double> there_us_;
  std::vector<double> copy_us_;
};

}  // namespace hadron::bench
