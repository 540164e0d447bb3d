#include "net/http_transfers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/bytes.h"
#include "net/curl/handles.h"

namespace hadron::net {
namespace {

using Clock = std::chrono::steady_clock;

constexpr long kStallBytesPerSecond = 1024;
constexpr long kReceiveBuffer = 256L << 10;
constexpr std::size_t kMaxHeaderBytes = std::size_t{64} << 10;
constexpr const char* kNeverProxied =
    "localhost,127.0.0.1,::1,169.254.169.254,169.254.170.2,169.254.170.23";

std::string NoProxy() {
  std::string hosts = kNeverProxied;
  for (const char* name : {"no_proxy", "NO_PROXY"}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
    if (value != nullptr && *value != '\0') hosts += fmt::format(",{}", value);
  }
  return hosts;
}

struct Transfer {
  ~Transfer() { curl_easy_cleanup(easy); }

  /// One line of the header, its end included; false ends the transfer.
  bool TakeHeaderLine(std::string_view line) {
    if (head_passed) return true;  // trailers
    header_bytes += line.size();
    if (header_bytes > kMaxHeaderBytes) return false;
    if (line != "\r\n" && line != "\n") {
      curl::AddHeaderLine(line, headers);
      return true;
    }
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200) return true;  // interim
    head_passed = true;
    stopped = !receiver->OnHead(static_cast<int>(status), headers);
    return !stopped;
  }

  bool TakeBody(std::span<const std::byte> bytes) {
    stopped = !receiver->OnBody(bytes);
    return !stopped;
  }

  /// Bytes that have moved, either way.
  std::uint64_t Moved() const {
    curl_off_t down = 0;
    curl_off_t up = 0;
    curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &up);
    return static_cast<std::uint64_t>(down + up) + header_bytes;
  }

  CURL* easy = nullptr;
  HttpTransfers::Receiver* receiver = nullptr;
  std::string url;
  curl::HeaderList lines;
  base::IoBuf body;
  HttpHeaders headers;
  std::size_t header_bytes = 0;
  bool head_passed = false;
  bool stopped = false;
  std::uint64_t moved = 0;  ///< when it last moved
  Clock::time_point moved_at = Clock::now();
  char error[CURL_ERROR_SIZE] = {};
};

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* user) {
  return static_cast<Transfer*>(user)->TakeHeaderLine({data, size * count}) ? size * count : 0;
}

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  const std::span bytes = base::AsBytes(std::string_view(data, size * count));
  return static_cast<Transfer*>(user)->TakeBody(bytes) ? size * count : 0;
}

void SetConnection(CURL* easy, const HttpTransfers::Options& options, const std::string& no_proxy) {
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, kStallBytesPerSecond);
  // A trickle. libcurl looks at whole seconds and at the mean of five; silence is seen by Poll.
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.stall_timeout);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(seconds.count()));
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (options.use_proxy) {
    curl_easy_setopt(easy, CURLOPT_NOPROXY, no_proxy.c_str());
  } else {
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
  }
  if (!options.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options.verify_tls ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options.verify_tls ? 2L : 0L);
}

void SetRequest(Transfer& transfer, const std::string& method) {
  CURL* easy = transfer.easy;
  curl_easy_setopt(easy, CURLOPT_URL, transfer.url.c_str());
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
  curl_easy_setopt(easy, CURLOPT_NOBODY, method == "HEAD" ? 1L : 0L);
  if (method == "PUT" || method == "POST") {
    const auto bytes = transfer.body.bytes();
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(bytes.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, bytes.empty() ? "" : base::AsText(bytes).data());
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.lines.get());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error);
}

}  // namespace

struct HttpTransfers::Impl {
  explicit Impl(Options given)
      : options(std::move(given)), no_proxy(NoProxy()), multi(curl_multi_init()) {}
  ~Impl() {
    Drop();
    curl_multi_cleanup(multi);
  }

  void Drop() {
    for (const auto& [easy, transfer] : transfers) curl_multi_remove_handle(multi, easy);
    transfers.clear();
  }

  Finished Take(CURL* easy, CURLcode code) {
    auto node = transfers.extract(easy);
    const std::unique_ptr<Transfer> transfer = std::move(node.mapped());
    curl_multi_remove_handle(multi, easy);
    Finished finished{transfer->receiver, {}, code == CURLE_OPERATION_TIMEDOUT};
    if (finished.timed_out) {
      finished.status = base::Unavailable(transfer->url + ": timed out");
    } else if (transfer->stopped) {
      finished.status = base::Cancelled(transfer->url + ": the receiver ended the transfer");
    } else if (code != CURLE_OK) {
      finished.status = curl::Failure(code, transfer->url, transfer->error);
    } else if (!transfer->head_passed) {
      finished.status = base::Unavailable(transfer->url + ": the answer has no header");
    }
    return finished;
  }

  std::vector<Finished> Collect() {
    std::vector<Finished> finished;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg == CURLMSG_DONE) {
        finished.push_back(Take(message->easy_handle, message->data.result));
      }
    }
    return finished;
  }

  /// Ends what has not moved for too long.
  void EndSilent(std::vector<Finished>& finished) {
    const auto now = Clock::now();
    std::vector<CURL*> silent;
    for (const auto& [easy, transfer] : transfers) {
      const std::uint64_t moved = transfer->Moved();
      if (moved != transfer->moved) {
        transfer->moved = moved;
        transfer->moved_at = now;
      } else if (now - transfer->moved_at > options.stall_timeout) {
        silent.push_back(easy);
      }
    }
    for (CURL* easy : silent) finished.push_back(Take(easy, CURLE_OPERATION_TIMEDOUT));
  }

  const Options options;
  const std::string no_proxy;
  CURLM* multi;
  std::map<CURL*, std::unique_ptr<Transfer>> transfers;
};

HttpTransfers::HttpTransfers(Options options) {
  // Initialises libcurl, once for the process; the multi interface alone would not.
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  HADRON_CHECK(initialised == CURLE_OK);
  impl_ = std::make_unique<Impl>(std::move(options));
}

HttpTransfers::~HttpTransfers() = default;

std::size_t HttpTransfers::active() const { return impl_->transfers.size(); }

void HttpTransfers::Drop() { impl_->Drop(); }

base::Status HttpTransfers::Start(Request request, Receiver& receiver) {
  auto transfer = std::make_unique<Transfer>();
  transfer->easy = curl_easy_init();
  if (impl_->multi == nullptr || transfer->easy == nullptr) {
    return base::ResourceExhausted("no memory for an HTTP request");
  }
  transfer->receiver = &receiver;
  transfer->url = std::move(request.url);
  transfer->body = request.body.Flatten();
  for (const auto& [name, value] : request.headers) transfer->lines.Add(name, value);
  transfer->lines.Suppress("Expect");  // curl would wait a second for the leave to send a body
  SetConnection(transfer->easy, impl_->options, impl_->no_proxy);
  SetRequest(*transfer, request.method);
  CURL* easy = transfer->easy;
  if (curl_multi_add_handle(impl_->multi, easy) != CURLM_OK) {
    return base::ResourceExhausted("no memory for an HTTP request");
  }
  impl_->transfers.emplace(easy, std::move(transfer));
  return {};
}

std::vector<HttpTransfers::Finished> HttpTransfers::Poll(std::chrono::milliseconds at_most) {
  int running = 0;
  curl_multi_perform(impl_->multi, &running);
  std::vector<Finished> finished = impl_->Collect();
  if (!finished.empty()) return finished;
  const auto longest = std::min(at_most, impl_->options.stall_timeout);
  curl_multi_poll(impl_->multi, nullptr, 0,
                  static_cast<int>(std::clamp<std::int64_t>(longest.count(), 0, 60'000)), nullptr);
  curl_multi_perform(impl_->multi, &running);
  finished = impl_->Collect();
  impl_->EndSilent(finished);
  return finished;
}

}  // namespace hadron::net
