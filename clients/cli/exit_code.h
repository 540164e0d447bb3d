#pragma once

#include <cstdint>

#include "hadron/client.h"

namespace hadron::cli {

/// How the program ends; part of its interface (--help lists them).
enum class ExitCode : std::uint8_t {
  kOk = 0,
  kServer = 1,       ///< the server answers with an error, or is not ready
  kUsage = 2,        ///< wrong options or inputs
  kUnreachable = 3,  ///< no connection, or no answer in time
};

inline ExitCode CodeOf(const client::Error& error) {
  switch (error.code) {
    case client::ErrorCode::kInvalidArgument:
      return ExitCode::kUsage;
    case client::ErrorCode::kUnreachable:
      return ExitCode::kUnreachable;
    case client::ErrorCode::kServer:
    case client::ErrorCode::kBadAnswer:
      return ExitCode::kServer;
  }
  return ExitCode::kServer;
}

}  // namespace hadron::cli
