#include "bench/origin.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "net/url.h"
#include "storage/s3/sigv4.h"

namespace hadron::bench {
namespace {

constexpr std::string_view kBucket = "/models/";
constexpr std::size_t kPageKeys = 1000;
constexpr const char* kAccessKey = "BENCHBENCHBENCH";
constexpr const char* kSecretKey = "bench/secret";
constexpr const char* kRegion = "us-east-1";

enum Fault : std::size_t { kBusy, kReset, kTruncated, kWrongBytes, kStalled, kChanged, kDisorder };

std::string QueryValue(const OriginRequest& request, std::string_view name) {
  for (std::string_view rest = request.query; !rest.empty();) {
    const std::string_view item = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const std::size_t equals = item.find('=');
    if (item.substr(0, equals) != name || equals == item.npos) continue;
    return net::PercentDecode(item.substr(equals + 1)).value_or("");
  }
  return "";
}

std::string Header(const OriginRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

OriginReply Text(int status, std::string text) {
  OriginReply reply{status, {{"Content-Type", "application/xml"}}};
  reply.owner = std::make_shared<const std::string>(std::move(text));
  reply.body = *reply.owner;
  return reply;
}

OriginReply Error(int status, const std::string& code) {
  return Text(status,
              fmt::format("<Error><Code>{}</Code><Message>by the bench</Message></Error>", code));
}

std::string Between(std::string_view text, std::string_view before, std::string_view after) {
  const std::size_t at = text.find(before);
  if (at == text.npos) return "";
  text.remove_prefix(at + before.size());
  return std::string(text.substr(0, text.find(after)));
}

/// The request as it came, signed once more with our key, gives the same signature.
bool IsSigned(const OriginRequest& request) {
  const std::string authorization = Header(request, "authorization");
  storage::s3::SigningInput input{
      request.method, request.path, request.query, {}, Header(request, "x-amz-content-sha256")};
  std::string names = Between(authorization, "SignedHeaders=", ",");
  while (!names.empty()) {
    const std::string name = names.substr(0, names.find(';'));
    names.erase(0, name.size() + 1);
    input.headers.emplace_back(name, Header(request, name));
  }
  return Between(authorization, "Credential=", "/") == kAccessKey &&
         Between(authorization, "Signature=", ",") ==
             storage::s3::Signature(input, storage::s3::Secret(kSecretKey),
                                    {Header(request, "x-amz-date"), kRegion});
}

/// The items of a page of a listing in the other order.
std::string Backwards(const std::string& page) {
  constexpr std::string_view kBegin = "<Contents>";
  constexpr std::string_view kEnd = "</Contents>";
  const std::size_t begin = page.find(kBegin);
  if (begin == page.npos) return page;
  std::string items;
  std::size_t at = begin;
  while (page.compare(at, kBegin.size(), kBegin) == 0) {
    const std::size_t end = page.find(kEnd, at) + kEnd.size();
    items.insert(0, page, at, end - at);
    at = end;
  }
  return page.substr(0, begin) + items + page.substr(at);
}

std::string OneBitWrong(std::string_view body) {
  std::string wrong(body);
  if (!wrong.empty()) wrong[wrong.size() / 2] = static_cast<char>(wrong[wrong.size() / 2] ^ 1);
  return wrong;
}

}  // namespace

const char* Origin::FaultName(std::size_t fault) {
  static constexpr const char* kNames[kFaults] = {
      "503", "reset", "truncated", "wrong_bytes", "stalled", "changed_etag", "list_disorder"};
  return kNames[fault];
}

Origin::Origin(std::uint64_t seed)
    : random_(seed), server_(std::make_unique<OriginServer>([this](const OriginRequest& request) {
        return Answer(request);
      })) {}

void Origin::Put(const std::string& key, std::string bytes) {
  Object object;
  object.sha256 = base::ToHex(base::Sha256::Of(base::AsBytes(bytes)));
  object.etag = object.sha256.substr(0, 32) + "-1";
  object.bytes = std::make_shared<const std::string>(std::move(bytes));
  const std::lock_guard lock(mutex_);
  objects_[key] = std::move(object);
}

void Origin::PutModel(const MlpSpec& spec) {
  Put(spec.name + "/config.pbtxt", MlpConfig(spec));
  Put(spec.name + "/1/model.onnx", MlpModel(spec));
}

void Origin::Behave(const OriginBehaviour& behaviour) {
  server_->set_bytes_per_s(behaviour.total_bytes_per_s);
  const std::lock_guard lock(mutex_);
  behaviour_ = behaviour;
  counts_ = {};
}

std::string Origin::url() const { return fmt::format("s3://127.0.0.1:{}/models", port()); }

std::vector<std::string> Origin::Environment() {
  return {fmt::format("AWS_ACCESS_KEY_ID={}", kAccessKey),
          fmt::format("AWS_SECRET_ACCESS_KEY={}", kSecretKey),
          fmt::format("AWS_REGION={}", kRegion), "S3_READ_TIMEOUT=1", "AWS_MAX_ATTEMPTS=5"};
}

Origin::Counts Origin::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::vector<Origin::Listed> Origin::objects() const {
  const std::lock_guard lock(mutex_);
  std::vector<Listed> listed;
  for (const auto& [key, object] : objects_) listed.push_back({key, object.bytes->size()});
  return listed;
}

OriginReply Origin::Answer(const OriginRequest& request) {
  bool signed_only = false;
  {
    const std::lock_guard lock(mutex_);
    signed_only = behaviour_.signed_only;
  }
  if (signed_only && !IsSigned(request)) return Error(403, "SignatureDoesNotMatch");
  const std::lock_guard lock(mutex_);
  OriginReply reply = Serve(request);
  reply.delay = behaviour_.delay;
  reply.bytes_per_s = behaviour_.connection_bytes_per_s;
  ++counts_.requests;
  if (behaviour_.fault_rate > 0 && random_.Uniform() < behaviour_.fault_rate) {
    Spoil(request, reply);
  }
  return reply;
}

OriginReply Origin::Serve(const OriginRequest& request) {
  if ((request.path + "/").starts_with(kBucket) && request.path.size() <= kBucket.size()) {
    return List(request);
  }
  if (!request.path.starts_with(kBucket)) return Error(404, "NoSuchBucket");
  const auto key = net::PercentDecode(request.path.substr(kBucket.size()));
  const auto found = objects_.find(key.value_or(""));
  if (found == objects_.end()) return Error(404, "NoSuchKey");
  OriginReply reply = Get(request, found->second);
  if (request.method == "GET") counts_.object_bytes += reply.body.size();
  return reply;
}

OriginReply Origin::Get(const OriginRequest& request, const Object& object) const {
  const std::string wanted = Header(request, "if-match");
  if (!wanted.empty() && wanted != "\"" + object.etag + "\"") {
    return Error(412, "PreconditionFailed");
  }
  const std::uint64_t size = object.bytes->size();
  OriginReply reply{200,
                    {{"ETag", "\"" + object.etag + "\""}, {"x-amz-meta-sha256", object.sha256}},
                    object.bytes,
                    *object.bytes};
  const std::string range = Header(request, "range");
  if (!range.starts_with("bytes=")) return reply;
  const std::size_t dash = range.find('-');
  const auto first = base::ParseUint64(std::string_view(range).substr(6, dash - 6));
  const auto last = base::ParseUint64(std::string_view(range).substr(dash + 1));
  if (!first || *first >= size) return Error(416, "InvalidRange");
  const std::uint64_t end = std::min(size - 1, last.value_or(size - 1));
  reply.status = 206;
  reply.headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", *first, end, size));
  reply.body = reply.body.substr(*first, end - *first + 1);
  return reply;
}

/// All keys below a prefix, or up to a delimiter, a page at a time.
OriginReply Origin::List(const OriginRequest& request) const {
  const std::string prefix = QueryValue(request, "prefix");
  const std::string delimiter = QueryValue(request, "delimiter");
  const std::string after = QueryValue(request, "continuation-token");
  const auto asked = base::ParseUint64(QueryValue(request, "max-keys"));
  const std::size_t most = std::min<std::size_t>(kPageKeys, asked.value_or(kPageKeys));
  std::string items;
  std::string last = after;
  std::size_t count = 0;
  bool truncated = false;
  for (const auto& [key, object] : objects_) {
    if (!key.starts_with(prefix)) continue;
    const std::size_t cut = delimiter.empty() ? key.npos : key.find(delimiter, prefix.size());
    const std::string name = cut == key.npos ? key : key.substr(0, cut + 1);
    if (name <= last) continue;
    truncated = count == most;
    if (truncated) break;
    ++count;
    last = name;
    items += cut == key.npos
                 ? fmt::format(
                       "<Contents><Key>{}</Key><ETag>&quot;{}&quot;</ETag><Size>{}</Size>"
                       "</Contents>",
                       net::PercentEncode(name), object.etag, object.bytes->size())
                 : fmt::format("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>",
                               net::PercentEncode(name));
  }
  const std::string next =
      truncated ? fmt::format("<NextContinuationToken>{}</NextContinuationToken>", last) : "";
  return Text(200,
              fmt::format("<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                          "<EncodingType>url</EncodingType><IsTruncated>{}</IsTruncated>{}{}"
                          "</ListBucketResult>",
                          truncated, next, items));
}

/// One of the faults that fit the request.
void Origin::Spoil(const OriginRequest& request, OriginReply& reply) {
  const bool list = request.path.size() <= kBucket.size();
  const std::size_t fault =
      list ? (next_fault_++ % 2 == 0 ? kBusy : kDisorder) : next_fault_++ % (kFaults - 1);
  ++counts_.faults[fault];
  switch (fault) {
    case kBusy:
      reply = Error(503, "SlowDown");
      return;
    case kReset:
      reply.end = OriginReply::End::kReset;
      return;
    case kTruncated:
      reply.end = OriginReply::End::kClosed;
      return;
    case kStalled:
      reply.end = OriginReply::End::kStalled;
      return;
    case kChanged:
      for (auto& [name, value] : reply.headers) {
        if (name == "ETag") value = "\"another\"";
      }
      return;
    case kWrongBytes:
      reply.owner = std::make_shared<const std::string>(OneBitWrong(reply.body));
      reply.body = *reply.owner;
      return;
    default:
      reply = Text(200, Backwards(std::string(reply.body)));
  }
}

}  // namespace hadron::bench
