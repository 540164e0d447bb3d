#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "support/http_imposter.h"

namespace hadron::test {

/// An object store in memory: enough of S3 (listing with pages, HEAD, GET with ranges and
/// conditions, PUT, multipart, DELETE) for tests to see what a client does, and a hook for
/// everything that no real server does on demand. Signatures are not checked. One bucket,
/// "models". Thread-safe.
class S3Origin {
 public:
  struct Object {
    std::string bytes;
    std::string etag;
    std::vector<std::pair<std::string, std::string>> headers{};  ///< of GET and HEAD
  };
  /// Sees every request and what would be answered; may change the answer.
  using Fault = std::function<void(const ImposterRequest&, ImposterReply&)>;

  S3Origin();

  void Put(const std::string& key, std::string bytes);
  void SetHeader(const std::string& key, const std::string& name, const std::string& value);
  void Remove(const std::string& key);
  std::optional<Object> Find(const std::string& key) const;
  void set_fault(Fault fault);
  void set_page_keys(std::size_t keys);

  /// "s3://127.0.0.1:<port>/models".
  std::string url() const;
  std::uint16_t port() const { return imposter_->port(); }
  /// Method and target of every request up to now.
  std::vector<std::string> requests() const;
  std::size_t uploads() const;  ///< that were begun and neither completed nor aborted

 private:
  ImposterReply Answer(const ImposterRequest& request);
  ImposterReply Serve(const ImposterRequest& request);
  ImposterReply List(const ImposterRequest& request) const;
  ImposterReply Get(const ImposterRequest& request, const Object& object) const;
  ImposterReply Upload(const ImposterRequest& request, const std::string& key);
  ImposterReply CompleteUpload(const ImposterRequest& request, const std::string& key);
  void Store(const std::string& key, std::string bytes);

  mutable std::mutex mutex_;
  std::map<std::string, Object> objects_;
  std::map<std::string, std::map<int, std::string>> uploads_;  ///< parts by upload
  std::vector<std::string> requests_;
  std::size_t page_keys_ = 1000;
  int changes_ = 0;
  Fault fault_;
  std::unique_ptr<HttpImposter> imposter_;  ///< last: its threads use the rest
};

/// An answer that is an error, as S3 words it.
ImposterReply S3Error(int status, const std::string& code, const std::string& message = "");

}  // namespace hadron::test
