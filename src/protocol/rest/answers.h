#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/io_buf.h"
#include "base/status.h"
#include "model/catalogue.h"
#include "model/model_version.h"
#include "protocol/server_state.h"

/// JSON bodies of the endpoints that read the server's state.
namespace hadron::protocol {

std::string ServerMetadataJson(const ServerState::Info& info);
/// `versions`: those the metadata lists.
std::string ModelMetadataJson(const model::ModelVersion& version,
                              std::span<const std::int64_t> versions);
std::string StatisticsJson(std::span<const StatisticsTarget> versions);
std::string IndexJson(std::span<const IndexEntry> entries);

/// The six log settings.
std::string LogSettingsJson();
/// Applies the members of `body` (empty and {} change nothing). INVALID_ARGUMENT for bad values,
/// UNIMPLEMENTED for `log_file`, which the network may not choose.
base::Status ApplyLogSettings(const base::IoBuf& body);

}  // namespace hadron::protocol
