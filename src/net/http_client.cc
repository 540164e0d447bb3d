#include "net/http_client.h"

#include "base/bytes.h"
#include "net/curl/handles.h"

namespace hadron::net {
namespace {

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  static_cast<std::string*>(user)->append(data, size * count);
  return size * count;
}

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* user) {
  curl::AddHeaderLine({data, size * count}, *static_cast<HttpHeaders*>(user));
  return size * count;
}

}  // namespace

struct BlockingHttpClient::Impl {
  CURL* curl = nullptr;
  char error[CURL_ERROR_SIZE] = {};

  void SetRequest(const HttpClientRequest& request, const curl::HeaderList& headers,
                  std::span<const std::byte> body) {
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(curl, CURLOPT_NOBODY, request.method == "HEAD" ? 1L : 0L);
    if (!body.empty() || request.method == "POST") {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.empty() ? "" : base::AsText(body).data());
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
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
    if (code != CURLE_OK) return curl::Failure(code, url, error);
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
  curl::HeaderList headers;
  for (const auto& [name, value] : request.headers) headers.Add(name, value);
  headers.Suppress("Expect");  // the servers it talks to answer at once; curl would wait a second
  const base::IoBuf body = request.body.Flatten();
  impl_->SetRequest(request, headers, body.bytes());
  return impl_->Perform(request.url);
}

}  // namespace hadron::net
