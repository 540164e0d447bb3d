#include "protocol/caller.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace hadron::protocol {
namespace {

constexpr std::string_view kClassParameter = "hadron.class";
constexpr std::string_view kClassHeader = "x-hadron-class";

std::string_view HeaderValue(const CallHeaders& headers, const std::string& name) {
  return name.empty() ? std::string_view() : headers.Find(name).value_or(std::string_view());
}

base::StatusOr<tenancy::WorkClass> ParseClass(std::string_view place, std::string_view value) {
  if (const auto work_class = tenancy::ParseWorkClass(value)) return *work_class;
  constexpr std::size_t kShown = 64;
  return base::InvalidArgument(fmt::format("{} is '{}'; it can be 'interactive' or 'batch'", place,
                                           base::EscapeControl(value.substr(0, kShown))));
}

}  // namespace

base::Status IdentifyCaller(const CallerRules& rules, const CallHeaders& headers,
                            serving::InferenceRequest& request) {
  if (rules.tenants != nullptr) {
    request.identity = rules.tenants->Identify(
        {HeaderValue(headers, rules.tenant_header), HeaderValue(headers, rules.user_header)});
    request.work_class = request.identity.tenant->default_class();
  }
  const auto parameter = request.parameters.find(kClassParameter);
  if (parameter != request.parameters.end()) {
    const auto* const text = std::get_if<std::string>(&parameter->second);
    HADRON_ASSIGN_OR_RETURN(request.work_class,
                            ParseClass("parameter 'hadron.class'",
                                       text == nullptr ? std::string_view("not a string") : *text));
    request.parameters.erase(parameter);
    return {};
  }
  if (const auto header = headers.Find(kClassHeader)) {
    HADRON_ASSIGN_OR_RETURN(request.work_class, ParseClass("header 'x-hadron-class'", *header));
  }
  return {};
}

}  // namespace hadron::protocol
