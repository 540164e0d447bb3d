#include "net/curl/handles.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace hadron::net::curl {

void HeaderList::Append(const std::string& line) {
  curl_slist* longer = curl_slist_append(list_, line.c_str());
  if (longer != nullptr) list_ = longer;
}

void HeaderList::Add(const std::string& name, const std::string& value) {
  Append(value.empty() ? name + ";" : name + ": " + value);
}

void HeaderList::Suppress(const std::string& name) { Append(name + ":"); }

void AddHeaderLine(std::string_view line, HttpHeaders& headers) {
  if (line.starts_with("HTTP/")) headers = {};  // the answer after an interim one begins anew
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    headers.Add(line.substr(0, colon), base::Trim(line.substr(colon + 1)));
  }
}

base::Status Failure(CURLcode code, const std::string& url, const char* detail) {
  std::string text =
      fmt::format("{}: {}", url, *detail != '\0' ? detail : curl_easy_strerror(code));
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return base::InvalidArgument(std::move(text));
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return base::PermissionDenied(std::move(text));
    default:
      return base::Unavailable(std::move(text));
  }
}

}  // namespace hadron::net::curl
