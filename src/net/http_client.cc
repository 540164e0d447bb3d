#include "net/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/strings.h"

namespace hadron::net {
namespace {

struct HeaderList {
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(list); }
  void Add(const std::string& line) {
    curl_slist* longer = curl_slist_append(list, line.c_str());
    if (longer != nullptr) list = longer;
  }
  curl_slist* list = nullptr;
};

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  static_cast<std::string*>(user)->append(data, size * count);
  return size * count;
}

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* user) {
  const std::string_view line(data, size * count);
  auto* headers = static_cast<HttpHeaders*>(user);
  if (line.starts_with("HTTP/")) *headers = {};  // the answer after an interim one begins anew
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    headers->Add(line.substr(0, colon), base::Trim(line.substr(colon + 1)));
  }
  return size * count;
}

base::Status Failure(CURLcode code, const std::string& url, const char* detail) {
  const std::string text =
      fmt::format("{}: {}", url, *detail != '\0' ? detail : curl_easy_strerror(code));
  const bool bad_url = code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
  return bad_url ? base::InvalidArgument(text) : base::Unavailable(text);
}

}  // namespace

struct BlockingHttpClient::Impl {
  CURL* curl = nullptr;
  char error[CURL_ERROR_SIZE] = {};

  void SetRequest(const HttpClientRequest& request, const HeaderList& headers,
                  std::span<const std::byte> body) {
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(curl, CURLOPT_NOBODY, request.method == "HEAD" ? 1L : 0L);
    if (!body.empty() || request.method == "POST") {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.empty() ? "" : base::AsText(body).data());
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.list);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
  }

  base::StatusOr<HttpClientResponse> Perform(const std::string& url) {
    HttpClientResponse response;
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, OnBody);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &response.body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, OnHeader);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &response.headers);
    const CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) return Failure(code, url, error);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    return response;
  }
};

BlockingHttpClient::BlockingHttpClient() : impl_(std::make_unique<Impl>()) {
  impl_->curl = curl_easy_init();  // also initialises libcurl, once, on first use
}

BlockingHttpClient::~BlockingHttpClient() { curl_easy_cleanup(impl_->curl); }

base::StatusOr<HttpClientResponse> BlockingHttpClient::Send(const HttpClientRequest& request) {
  if (impl_->curl == nullptr) return base::Unavailable("libcurl could not be initialised");
  curl_easy_reset(impl_->curl);  // keeps the connection
  impl_->error[0] = '\0';
  HeaderList headers;
  for (const auto& [name, value] : request.headers) headers.Add(name + ": " + value);
  headers.Add("Expect:");  // the servers it talks to answer at once; curl would wait a second
  const base::IoBuf body = request.body.Flatten();
  impl_->SetRequest(request, headers, body.bytes());
  return impl_->Perform(request.url);
}

}  // namespace hadron::net
