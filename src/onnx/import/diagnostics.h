#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hadron::onnx {

/// What one load finds besides errors: oddities worth a warning, and everything legal that Hadron
/// lacks, collected so that one error tells the whole of it. Bounded: a hostile file cannot fill
/// memory with remarks about itself. Externally synchronised.
class Diagnostics {
 public:
  void Warn(std::string text);
  std::vector<std::string> TakeWarnings();

  /// "operator ai.onnx.Foo version 9" and the first node that uses it; equal `what` is one entry.
  void AddUnsupported(std::string what, std::string_view where);
  /// Keeps an UNIMPLEMENTED failure for the list and answers OK; passes on every other status.
  base::Status Collect(base::Status status);
  /// OK, or UNIMPLEMENTED with the whole list.
  base::Status Unsupported() const;

 private:
  struct Entry {
    std::string what;
    std::string where;
    std::int64_t uses = 1;
  };

  std::vector<std::string> warnings_;
  std::int64_t dropped_warnings_ = 0;
  std::vector<Entry> unsupported_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::int64_t dropped_unsupported_ = 0;
};

}  // namespace hadron::onnx
