#include "net/http_message.h"

#include "base/strings.h"

namespace hadron::net {

void HttpHeaders::Add(std::string_view name, std::string_view value) {
  // The header section is limited to 64 KiB, so 32 bits are plenty.
  const auto at = static_cast<std::uint32_t>(text_.size());
  const auto name_size = static_cast<std::uint32_t>(name.size());
  text_.append(name).append(value);
  fields_.push_back({{at, name_size}, {at + name_size, static_cast<std::uint32_t>(value.size())}});
}

std::optional<std::string_view> HttpHeaders::Find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (base::EqualsIgnoreCase(Text(field.name), name)) return Text(field.value);
  }
  return std::nullopt;
}

HttpResponse JsonResponse(std::string json) {
  HttpResponse response;
  response.headers.emplace_back("Content-Type", "application/json");
  response.body = base::IoBuf::FromString(std::move(json));
  return response;
}

HttpResponse ErrorResponse(int status, std::string_view message) {
  HttpResponse response = JsonResponse("{\"error\":" + base::JsonQuote(message) + "}");
  response.status = status;
  return response;
}

HttpResponder::~HttpResponder() {
  if (sink_ == nullptr) return;
  std::shared_ptr<ResponseSink> sink = std::move(sink_);
  sink->Respond(ErrorResponse(500, "the server dropped the request without an answer"));
}

void HttpResponder::Send(HttpResponse response) && {
  const std::shared_ptr<ResponseSink> sink = std::exchange(sink_, nullptr);
  if (sink != nullptr) sink->Respond(std::move(response));
}

void HttpResponder::SendMade(ResponseMaker make) && {
  const std::shared_ptr<ResponseSink> sink = std::exchange(sink_, nullptr);
  if (sink != nullptr) sink->RespondWith(std::move(make));
}

void HttpResponder::Then(base::UniqueFunction<void(HttpResponder)> next) && {
  const std::shared_ptr<ResponseSink> sink = sink_;
  if (sink == nullptr) return;
  sink->Continue([next = std::move(next), responder = std::move(*this)]() mutable {
    next(std::move(responder));
  });
}

std::optional<HttpResponse> HttpHandler::Refuse(const HttpRequest& head) {
  static_cast<void>(head);
  return std::nullopt;
}

}  // namespace hadron::net
