#pragma once

#include <string>
#include <vector>

#include "hadron/client.h"

/// What `--json` prints: one JSON document and a newline. Keys and types are part of the program's
/// interface.
namespace hadron::cli {

/// {"model_name", "model_version", "outputs": [{"name", "datatype", "shape", "data"}]}; data flat,
/// NaN and Infinity as bare words, BYTES as strings.
std::string AnswerJson(const client::InferResponse& response);
/// [{"name", "version", "state", "reason"}]
std::string IndexJson(const std::vector<client::ModelIndexEntry>& entries);
/// {"live", "ready", "name", "version", "extensions"}
std::string StatusJson(bool live, bool ready, const client::ServerMetadata& server);

}  // namespace hadron::cli
