#include "config/wire/values.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <cmath>
#include <vector>

#include "base/strings.h"

namespace hadron::config::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::size_t kQuotedBytes = 128;

/// JsonQuote replaces what is not UTF-8 and keeps everything else, escaped: text that holds U+FFFD
/// only after quoting was not UTF-8.
bool IsUtf8(const std::string& text) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::size_t before = 0;
  std::size_t after = 0;
  const auto count = [&](std::string_view in, std::size_t& n) {
    for (auto at = in.find(kReplacement); at != std::string_view::npos;
         at = in.find(kReplacement, at + kReplacement.size())) {
      ++n;
    }
  };
  count(text, before);
  count(base::JsonQuote(text), after);
  return before == after;
}

/// One value of a field; `i` is ignored for fields that are not repeated.
base::Status CheckValue(const Message& message, const FieldDescriptor* field, int i) {
  const Reflection* reflection = message.GetReflection();
  const bool repeated = field->is_repeated();
  std::string scratch;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return CheckValues(repeated ? reflection->GetRepeatedMessage(message, field, i)
                                  : reflection->GetMessage(message, field));
    case FieldDescriptor::CPPTYPE_STRING:
      if (IsUtf8(repeated ? reflection->GetRepeatedStringReference(message, field, i, &scratch)
                          : reflection->GetStringReference(message, field, &scratch))) {
        return base::OkStatus();
      }
      return base::InvalidArgument("is not UTF-8 text");
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number = repeated ? reflection->GetRepeatedEnumValue(message, field, i)
                                  : reflection->GetEnumValue(message, field);
      if (field->enum_type()->FindValueByNumber(number) != nullptr) return base::OkStatus();
      return base::InvalidArgument(
          fmt::format("{} is no value of {}", number, field->enum_type()->name()));
    }
    case FieldDescriptor::CPPTYPE_FLOAT:
      if (std::isfinite(repeated ? reflection->GetRepeatedFloat(message, field, i)
                                 : reflection->GetFloat(message, field))) {
        return base::OkStatus();
      }
      return base::InvalidArgument("is not a finite number");
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (std::isfinite(repeated ? reflection->GetRepeatedDouble(message, field, i)
                                 : reflection->GetDouble(message, field))) {
        return base::OkStatus();
      }
      return base::InvalidArgument("is not a finite number");
    default:
      return base::OkStatus();
  }
}

}  // namespace

base::Status CheckValues(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? message.GetReflection()->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      base::Status status = CheckValue(message, field, i);
      if (!status.ok()) {
        return std::move(status).With(count > 1 ? fmt::format("{}[{}]", field->name(), i)
                                                : field->name());
      }
    }
  }
  return base::OkStatus();
}

std::string Serialize(const ::inference::ModelConfig& config) {
  std::string bytes;
  google::protobuf::io::StringOutputStream sink(&bytes);
  google::protobuf::io::CodedOutputStream coded(&sink);
  coded.SetSerializationDeterministic(true);
  config.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

std::string Quote(std::string_view name) {
  if (name.size() <= kQuotedBytes) return fmt::format("'{}'", base::EscapeControl(name));
  return fmt::format("'{}...'", base::EscapeControl(name.substr(0, kQuotedBytes)));
}

std::optional<std::chrono::seconds> ParseIdleSecs(std::string_view text) {
  const auto number = base::ParseUint64(text);
  if (!number || *number > kLongestIdleSecs) return std::nullopt;
  return std::chrono::seconds(static_cast<std::int64_t>(*number));
}

base::Status CheckRelativePath(std::string_view field, std::string_view path) {
  bool good = !path.empty() && path.size() <= 4096 && path.front() != '/' &&
              path.find_first_of(std::string_view("\\\0", 2)) == std::string_view::npos;
  for (const std::string& part : base::Split(path, '/')) {
    good = good && !part.empty() && part != "." && part != "..";
  }
  if (good) return base::OkStatus();
  return base::InvalidArgument(fmt::format(
      "{} {} must be a relative path that stays below its directory", field, Quote(path)));
}

}  // namespace hadron::config::wire
