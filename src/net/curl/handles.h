#pragma once

#include <curl/curl.h>

#include <string>
#include <string_view>

#include "base/status.h"
#include "net/http_message.h"

/// What both clients over libcurl share.
namespace hadron::net::curl {

/// Lines of a request's header. Externally synchronised.
class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(list_); }
  /// An empty value is sent as one ("X:"), not left out.
  void Add(const std::string& name, const std::string& value);
  /// Keeps libcurl from sending this field on its own.
  void Suppress(const std::string& name);
  curl_slist* get() const { return list_; }

 private:
  void Append(const std::string& line);

  curl_slist* list_ = nullptr;
};

/// Takes one line of an answer's header; a status line begins anew.
void AddHeaderLine(std::string_view line, HttpHeaders& headers);

/// INVALID_ARGUMENT: the URL is none; PERMISSION_DENIED: the peer's certificate is not trusted;
/// UNAVAILABLE: everything that another attempt may cure.
base::Status Failure(CURLcode code, const std::string& url, const char* detail);

}  // namespace hadron::net::curl
