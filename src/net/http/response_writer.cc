#include "net/http/response_writer.h"

#include <fmt/format.h>

#include <iterator>

namespace hadron::net {

namespace {

struct Reason {
  int status;
  std::string_view phrase;
};

constexpr Reason kReasons[] = {
    {200, "OK"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Payload Too Large"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

/// Empty for codes we never send: clients go by the number.
std::string_view ReasonPhrase(int status) {
  for (const Reason& reason : kReasons) {
    if (reason.status == status) return reason.phrase;
  }
  return "";
}

}  // namespace

void ResponseWriter::Begin(HttpResponse response, std::string_view connection, bool head_only) {
  response_ = std::move(response);
  head_.clear();
  auto out = std::back_inserter(head_);
  fmt::format_to(out, "HTTP/1.1 {} {}\r\n", response_.status, ReasonPhrase(response_.status));
  for (const auto& [name, value] : response_.headers)
    fmt::format_to(out, "{}: {}\r\n", name, value);
  if (!connection.empty()) fmt::format_to(out, "Connection: {}\r\n", connection);
  fmt::format_to(out, "Content-Length: {}\r\n\r\n", response_.body.size());
  buffers_.clear();
  next_ = 0;
  buffers_.emplace_back(head_.data(), head_.size());
  if (head_only) return;
  for (const base::IoBuf::Slice& slice : response_.body.slices()) {
    buffers_.emplace_back(slice.bytes.data(), slice.bytes.size());
  }
}

void ResponseWriter::Consume(std::size_t bytes) {
  while (bytes > 0) {
    asio::const_buffer& buffer = buffers_[next_];
    if (bytes < buffer.size()) {
      buffer += bytes;
      return;
    }
    bytes -= buffer.size();
    ++next_;
  }
  if (done()) response_ = {};  // a slab goes back as soon as its last byte is written
}

}  // namespace hadron::net
