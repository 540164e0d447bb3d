#include "config/wire/json_writer.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include <map>

#include "base/strings.h"

namespace hadron::config::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string EnumName(const FieldDescriptor* field, int number) {
  const auto* value = field->enum_type()->FindValueByNumber(number);
  return value == nullptr ? std::to_string(number) : base::JsonQuote(value->name());
}

std::string Single(const Message& message, const FieldDescriptor* field) {
  const Reflection* r = message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return std::to_string(r->GetInt32(message, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return std::to_string(r->GetInt64(message, field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::to_string(r->GetUInt32(message, field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(r->GetUInt64(message, field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return fmt::format("{}", r->GetFloat(message, field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return fmt::format("{}", r->GetDouble(message, field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return r->GetBool(message, field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumName(field, r->GetEnumValue(message, field));
    case FieldDescriptor::CPPTYPE_STRING:
      return base::JsonQuote(r->GetString(message, field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return WriteJson(r->GetMessage(message, field));
  }
  return "null";
}

std::string Element(const Message& message, const FieldDescriptor* field, int i) {
  const Reflection* r = message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return std::to_string(r->GetRepeatedInt32(message, field, i));
    case FieldDescriptor::CPPTYPE_INT64:
      return std::to_string(r->GetRepeatedInt64(message, field, i));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return fmt::format("{}", r->GetRepeatedFloat(message, field, i));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return fmt::format("{}", r->GetRepeatedDouble(message, field, i));
    case FieldDescriptor::CPPTYPE_BOOL:
      return r->GetRepeatedBool(message, field, i) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_STRING:
      return base::JsonQuote(r->GetRepeatedString(message, field, i));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return WriteJson(r->GetRepeatedMessage(message, field, i));
    default:
      return "null";  // the schema repeats nothing else
  }
}

std::string MapKey(const Message& entry, const FieldDescriptor* key) {
  const std::string text = Single(entry, key);
  return text.starts_with('"') ? text : '"' + text + '"';
}

std::string WriteMap(const Message& message, const FieldDescriptor* field) {
  const FieldDescriptor* key = field->message_type()->map_key();
  const FieldDescriptor* value = field->message_type()->map_value();
  const Reflection* r = message.GetReflection();
  std::map<std::string, std::string> sorted;
  for (int i = 0; i < r->FieldSize(message, field); ++i) {
    const Message& entry = r->GetRepeatedMessage(message, field, i);
    sorted.emplace(MapKey(entry, key), Single(entry, value));
  }
  std::string out = "{";
  for (const auto& [name, text] : sorted) {
    if (out.size() > 1) out += ',';
    out += name + ':' + text;
  }
  return out + '}';
}

std::string WriteList(const Message& message, const FieldDescriptor* field) {
  std::string out = "[";
  const int size = message.GetReflection()->FieldSize(message, field);
  for (int i = 0; i < size; ++i) {
    if (i > 0) out += ',';
    out += Element(message, field, i);
  }
  return out + ']';
}

bool IsWritten(const Message& message, const FieldDescriptor* field) {
  return field->is_repeated() || !field->has_presence() ||
         message.GetReflection()->HasField(message, field);
}

}  // namespace

std::string WriteJson(const Message& message) {
  std::string out = "{";
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (!IsWritten(message, field)) continue;
    if (out.size() > 1) out += ',';
    out += base::JsonQuote(field->name()) + ':';
    if (field->is_map()) {
      out += WriteMap(message, field);
    } else {
      out += field->is_repeated() ? WriteList(message, field) : Single(message, field);
    }
  }
  return out + '}';
}

}  // namespace hadron::config::wire
