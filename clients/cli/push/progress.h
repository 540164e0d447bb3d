#pragma once

#include <cstdint>
#include <ostream>
#include <string>

#include "base/clock.h"

namespace hadron::cli::push {

/// How far the push is: a bar on a terminal, drawn over itself a few times a second; elsewhere one
/// line for each file that has been sent. Externally synchronised.
class Progress {
 public:
  /// All outlive the object.
  Progress(std::ostream& out, bool terminal, const base::Clock& clock)
      : out_(out), terminal_(terminal), clock_(clock), began_(clock.Now()) {}

  /// `total` bytes are to be sent.
  void Begin(std::uint64_t total);
  /// So much of `file` has gone.
  void Show(const std::string& file, std::uint64_t done);
  void Sent(const std::string& file, std::uint64_t bytes);
  /// The bar goes.
  void End();

 private:
  void Draw(const std::string& file, std::uint64_t done);

  std::ostream& out_;
  const bool terminal_;
  const base::Clock& clock_;
  const base::TimePoint began_;
  base::TimePoint drawn_{};
  bool shown_ = false;
  std::uint64_t total_ = 0;
  std::uint64_t before_ = 0;  ///< bytes of the files that have been sent
};

/// One line of `width` bar cells: "[####......]  40 %  4.0 of 10.0 MiB, 2.0 MiB/s, 3 s left  name".
/// Pure.
std::string ProgressLine(const std::string& file, std::uint64_t done, std::uint64_t total,
                         double seconds);

}  // namespace hadron::cli::push
