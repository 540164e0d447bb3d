#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hadron::net {

/// Host and port as one writes them: "0.0.0.0:8000", "[::1]:8000".
std::string HostPort(std::string_view address, std::uint16_t port);

/// Why listening failed, with what helps: "cannot listen on 0.0.0.0:8000: address in use by pid
/// 1234 (hadron); stop it or choose --http-port". `error` is an errno value, `option` the prefix of
/// the options that choose the address ("--http").
base::Status ListenFailure(std::string_view address, std::uint16_t port, int error,
                           std::string_view option);

/// "pid 1234 (hadron)", or nothing where /proc does not tell (another user's process).
std::optional<std::string> PortOwner(std::uint16_t port);

}  // namespace hadron::net
