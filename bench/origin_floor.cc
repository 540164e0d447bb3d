#include "bench/origin_floor.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <thread>

#include "net/url.h"

namespace hadron::bench {
namespace {

using base::Status;

struct Part {
  std::string key;
  std::uint64_t first;
  std::uint64_t bytes;
};

std::vector<Part> Cut(const std::vector<Origin::Listed>& objects, std::uint64_t part_bytes) {
  std::vector<Part> parts;
  for (const Origin::Listed& object : objects) {
    for (std::uint64_t at = 0; at < object.bytes; at += part_bytes) {
      parts.push_back({object.key, at, std::min(part_bytes, object.bytes - at)});
    }
  }
  return parts;
}

std::string PathOf(const std::string& key) {
  std::string path = "/models";
  for (std::string_view rest = key; !rest.empty();) {
    const std::string_view segment = rest.substr(0, rest.find('/'));
    path += "/" + net::PercentEncode(segment);
    rest.remove_prefix(std::min(rest.size(), segment.size() + 1));
  }
  return path;
}

/// One connection and the buffer of one part.
class Fetcher {
 public:
  Fetcher(std::uint16_t port, std::uint64_t part_bytes) : port_(port), buffer_(part_bytes + 8192) {}
  ~Fetcher() {
    if (fd_ >= 0) close(fd_);
  }
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  Status Connect() {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return {};
    return base::Unavailable("the origin cannot be reached");
  }

  Status Fetch(const Part& part) {
    const std::string request =
        fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes={}-{}\r\n\r\n",
                    PathOf(part.key), part.first, part.first + part.bytes - 1);
    if (send(fd_, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      return base::Unavailable("the origin closed the connection");
    }
    std::size_t received = 0;
    std::size_t wanted = buffer_.size();
    while (received < wanted) {
      const ssize_t n = recv(fd_, buffer_.data() + received, buffer_.size() - received, 0);
      if (n <= 0) return base::Unavailable("the origin closed the connection");
      received += static_cast<std::size_t>(n);
      if (wanted != buffer_.size()) continue;
      const std::string_view text(buffer_.data(), std::min<std::size_t>(received, 8192));
      const std::size_t end = text.find("\r\n\r\n");
      if (end == text.npos) continue;
      if (!text.starts_with("HTTP/1.1 206")) return base::Unavailable("the origin refuses");
      wanted = end + 4 + part.bytes;
    }
    return received == wanted ? Status() : base::Internal("more bytes than the answer has");
  }

 private:
  const std::uint16_t port_;
  int fd_ = -1;
  std::vector<char> buffer_;
};

double ThreadCpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

std::uint64_t PartsOf(const std::vector<Origin::Listed>& objects, std::uint64_t part_bytes) {
  return Cut(objects, part_bytes).size();
}

base::StatusOr<FetchCost> FetchByFloor(const Origin& origin, std::size_t connections,
                                       std::uint64_t part_bytes) {
  const std::vector<Part> parts = Cut(origin.objects(), part_bytes);
  std::vector<Status> ends(std::min(connections, parts.size()));
  std::vector<double> cpu(ends.size());
  std::uint64_t largest = 0;
  for (const Part& part : parts) largest = std::max(largest, part.bytes);
  std::vector<std::unique_ptr<Fetcher>> fetchers;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    fetchers.push_back(std::make_unique<Fetcher>(origin.port(), largest));
  }
  std::atomic<std::size_t> next{0};
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    threads.emplace_back([&, i] {
      Fetcher& fetcher = *fetchers[i];
      ends[i] = fetcher.Connect();
      for (std::size_t at = next++; at < parts.size() && ends[i].ok(); at = next++) {
        ends[i] = fetcher.Fetch(parts[at]);
      }
      cpu[i] = ThreadCpuSeconds();
    });
  }
  threads.clear();
  FetchCost cost;
  cost.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (std::size_t i = 0; i < ends.size(); ++i) {
    HADRON_RETURN_IF_ERROR(std::move(ends[i]));
    cost.cpu_s += cpu[i];
  }
  return cost;
}

}  // namespace hadron::bench
