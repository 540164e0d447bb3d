#pragma once

#include "base/status.h"
#include "storage/s3/credentials.h"
#include "storage/s3/settings.h"

/// The services that hand out temporary credentials. Each call blocks on HTTP.
namespace hadron::storage::s3 {

base::StatusOr<Credentials> AskSts(const WebIdentity& identity, const std::string& endpoint);
base::StatusOr<Credentials> AskContainer(const ContainerSource& source);
/// The metadata service of a cloud's machine (its second version).
base::StatusOr<Credentials> AskMachine(const std::string& endpoint);

}  // namespace hadron::storage::s3
