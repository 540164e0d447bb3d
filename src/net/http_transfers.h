#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/io_buf.h"
#include "base/status.h"
#include "net/http_message.h"

namespace hadron::net {

/// Many HTTP requests at once on the thread that calls Poll: bodies stream to their receivers and
/// are never collected, connections are kept for the next request to the same host. Paths are sent
/// as they are given, redirects are answers like others. There is no time limit on a whole
/// transfer: one that stalls ends.
///
/// Owner: whoever downloads, on a thread that may block. Externally synchronised.
///
///     HttpTransfers transfers({});
///     HADRON_RETURN_IF_ERROR(transfers.Start({.url = url}, receiver));
///     while (transfers.active() > 0) {
///       for (auto& finished : transfers.Poll(milliseconds(100))) ...
///     }
class HttpTransfers {
 public:
  struct Options {
    std::chrono::milliseconds connect_timeout{3000};
    /// A transfer has stalled when nothing moves for so long, or less than 1 KiB/s does.
    std::chrono::milliseconds stall_timeout{10'000};
    std::string ca_file;  ///< empty: the system's
    bool verify_tls = true;
    /// Proxies of the environment; never for this machine and the metadata services of clouds.
    bool use_proxy = true;
  };
  struct Request {
    std::string method = "GET";
    std::string url{};
    std::vector<std::pair<std::string, std::string>> headers{};
    base::IoBuf body{};
  };
  /// Called by Poll. Outlives the transfer.
  class Receiver {
   public:
    virtual ~Receiver() = default;
    /// Before the first byte of the body; false ends the transfer.
    virtual bool OnHead(int status, const HttpHeaders& headers) = 0;
    virtual bool OnBody(std::span<const std::byte> bytes) = 0;
  };
  struct Finished {
    Receiver* receiver = nullptr;
    /// OK: the whole answer has come. CANCELLED: the receiver ended it. Else why it broke:
    /// UNAVAILABLE where another attempt may help.
    base::Status status;
    bool timed_out = false;
  };

  explicit HttpTransfers(Options options);
  /// Drops what is on its way; its receivers hear no more.
  ~HttpTransfers();
  HttpTransfers(const HttpTransfers&) = delete;
  HttpTransfers& operator=(const HttpTransfers&) = delete;

  base::Status Start(Request request, Receiver& receiver);
  /// Moves bytes; waits at most so long for something to happen, also when nothing is active.
  std::vector<Finished> Poll(std::chrono::milliseconds at_most);
  /// Ends everything.
  void Drop();
  std::size_t active() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadron::net
