#pragma once

#include <string>

#include "cpp/json.h"

namespace hadron::cli {

/// The table of `top` out of a server's status: head lines, then a line for each version, the
/// busiest first, at most `rows` of them (0 = all). Pure; names of the server are escaped.
std::string TopTable(const client::json::Value& status, std::size_t rows);

}  // namespace hadron::cli
