#pragma once

#include <string>
#include <string_view>

namespace hadron::cli {

/// Text of a server as a terminal may see it: control characters (C1 too) as \xNN, a line break as
/// \n; everything else, UTF-8 and quotes included, stays.
std::string Printable(std::string_view text);

}  // namespace hadron::cli
