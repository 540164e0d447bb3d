#pragma once

#include <google/protobuf/message.h>

#include <string>

namespace hadron::config::wire {

/// The message as JSON: field names as in the schema and in its order, every integer a number,
/// enumerations by name. Plain fields are always written, messages and members of a oneof when set;
/// map keys are sorted, so equal messages give equal text.
std::string WriteJson(const google::protobuf::Message& message);

}  // namespace hadron::config::wire
