#include "support/s3_origin.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "net/url.h"

namespace hadron::test {
namespace {

constexpr const char* kBucket = "/models";

std::string Decode(const std::string& text) {
  return net::PercentDecode(text).value_or("?undecodable?");
}

std::string KeyOf(const ImposterRequest& request) {
  const std::string path = request.path();
  return path.size() <= 8 ? "" : Decode(path.substr(8));
}

}  // namespace

ImposterReply S3Error(int status, const std::string& code, const std::string& message) {
  return {.status = status,
          .headers = {{"Content-Type", "application/xml"}, {"x-amz-request-id", "req-1"}},
          .body = fmt::format("<?xml version=\"1.0\"?><Error><Code>{}</Code><Message>{}</Message>"
                              "</Error>",
                              code, message)};
}

S3Origin::S3Origin()
    : imposter_(std::make_unique<HttpImposter>(
          [this](const ImposterRequest& request) { return Answer(request); })) {}

void S3Origin::Store(const std::string& key, std::string bytes) {
  objects_[key] = {std::move(bytes), fmt::format("tag-{}", ++changes_)};
}

void S3Origin::Put(const std::string& key, std::string bytes) {
  const std::lock_guard lock(mutex_);
  Store(key, std::move(bytes));
}

void S3Origin::SetHeader(const std::string& key, const std::string& name,
                         const std::string& value) {
  const std::lock_guard lock(mutex_);
  objects_.at(key).headers.emplace_back(name, value);
}

void S3Origin::Remove(const std::string& key) {
  const std::lock_guard lock(mutex_);
  objects_.erase(key);
}

std::optional<S3Origin::Object> S3Origin::Find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(key);
  return found == objects_.end() ? std::nullopt : std::optional(found->second);
}

void S3Origin::set_fault(Fault fault) {
  const std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
}

void S3Origin::set_page_keys(std::size_t keys) {
  const std::lock_guard lock(mutex_);
  page_keys_ = keys;
}

std::string S3Origin::url() const { return fmt::format("s3://127.0.0.1:{}/models", port()); }

std::vector<std::string> S3Origin::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::size_t S3Origin::uploads() const {
  const std::lock_guard lock(mutex_);
  return uploads_.size();
}

ImposterReply S3Origin::Answer(const ImposterRequest& request) {
  ImposterReply reply;
  Fault fault;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request.method + " " + request.target);
    reply = Serve(request);
    fault = fault_;
  }
  if (fault) fault(request, reply);  // outside of the lock: it may change objects
  return reply;
}

ImposterReply S3Origin::Serve(const ImposterRequest& request) {
  if (!request.path().starts_with(kBucket)) return S3Error(404, "NoSuchBucket");
  const std::string key = KeyOf(request);
  if (key.empty()) return List(request);
  if (request.method == "PUT" || request.method == "POST") return Upload(request, key);
  if (request.method == "DELETE") {
    const std::string upload = request.query("uploadId");
    if (upload.empty()) {
      objects_.erase(key);
    } else {
      uploads_.erase(Decode(upload));
    }
    return {.status = 204};
  }
  const auto found = objects_.find(key);
  if (found == objects_.end()) return S3Error(404, "NoSuchKey", "no such key");
  return Get(request, found->second);
}

ImposterReply S3Origin::Get(const ImposterRequest& request, const Object& object) const {
  const std::string wanted = request.header("if-match");
  if (!wanted.empty() && wanted != "\"" + object.etag + "\"") {
    return S3Error(412, "PreconditionFailed");
  }
  ImposterReply reply{.status = 200, .headers = object.headers, .body = object.bytes};
  reply.headers.emplace_back("ETag", "\"" + object.etag + "\"");
  const std::string range = request.header("range");
  if (range.empty()) return reply;
  const std::uint64_t size = object.bytes.size();
  const std::size_t dash = range.find('-');
  const std::uint64_t first = std::strtoull(range.c_str() + 6, nullptr, 10);
  const std::uint64_t last =
      std::min(size - 1, std::uint64_t{std::strtoull(range.c_str() + dash + 1, nullptr, 10)});
  if (first >= size) return S3Error(416, "InvalidRange");
  reply.status = 206;
  reply.headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", first, last, size));
  reply.body = object.bytes.substr(first, last - first + 1);
  return reply;
}

ImposterReply S3Origin::List(const ImposterRequest& request) const {
  const std::string prefix = Decode(request.query("prefix"));
  const std::string delimiter = Decode(request.query("delimiter"));
  const std::string after = Decode(request.query("continuation-token"));
  const std::size_t asked = std::strtoull(request.query("max-keys").c_str(), nullptr, 10);
  const std::size_t most = std::min(page_keys_, asked == 0 ? page_keys_ : asked);
  std::string items;
  std::string last;
  std::size_t count = 0;
  bool truncated = false;
  std::set<std::string> prefixes;
  for (const auto& [key, object] : objects_) {
    if (!key.starts_with(prefix)) continue;
    const std::size_t cut =
        delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    const std::string name = cut == std::string::npos ? key : key.substr(0, cut + 1);
    if (name <= after || prefixes.contains(name)) continue;
    if (count == most) {
      truncated = true;
      break;
    }
    ++count;
    last = name;
    const std::string encoded = net::PercentEncode(name);
    if (cut == std::string::npos) {
      items += fmt::format(
          "<Contents><Key>{}</Key><ETag>&quot;{}&quot;</ETag><Size>{}</Size>"
          "</Contents>",
          encoded, object.etag, object.bytes.size());
    } else {
      prefixes.insert(name);
      items += fmt::format("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", encoded);
    }
  }
  const std::string next =
      truncated ? fmt::format("<NextContinuationToken>{}</NextContinuationToken>", last) : "";
  return {.status = 200,
          .headers = {{"Content-Type", "application/xml"}},
          .body = fmt::format("<?xml version=\"1.0\"?><ListBucketResult "
                              "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                              "<EncodingType>url</EncodingType><IsTruncated>{}</IsTruncated>{}{}"
                              "</ListBucketResult>",
                              truncated, next, items)};
}

ImposterReply S3Origin::Upload(const ImposterRequest& request, const std::string& key) {
  const std::string upload = request.query("uploadId");
  if (request.target.find("?uploads") != std::string::npos) {
    const std::string id = fmt::format("up load/{}", ++changes_);
    uploads_[id];
    return {.status = 200,
            .body = fmt::format("<InitiateMultipartUploadResult><UploadId>{}</UploadId>"
                                "</InitiateMultipartUploadResult>",
                                id)};
  }
  if (request.method == "POST") return CompleteUpload(request, key);
  if (upload.empty()) {
    Store(key, request.body);
    const std::string sum = request.header("x-amz-meta-sha256");
    if (!sum.empty()) objects_[key].headers.emplace_back("x-amz-meta-sha256", sum);
    return {.status = 200, .headers = {{"ETag", "\"" + objects_[key].etag + "\""}}};
  }
  const auto found = uploads_.find(Decode(upload));
  if (found == uploads_.end()) return S3Error(404, "NoSuchUpload");
  found->second[std::atoi(request.query("partNumber").c_str())] = request.body;
  return {.status = 200, .headers = {{"ETag", "\"part\""}}};
}

ImposterReply S3Origin::CompleteUpload(const ImposterRequest& request, const std::string& key) {
  const auto found = uploads_.find(Decode(request.query("uploadId")));
  if (found == uploads_.end()) return S3Error(404, "NoSuchUpload");
  std::string whole;
  for (const auto& [number, bytes] : found->second) whole += bytes;
  Store(key, std::move(whole));
  uploads_.erase(found);
  return {.status = 200, .body = "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>"};
}

}  // namespace hadron::test
