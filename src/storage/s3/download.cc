#include "storage/s3/download.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>

#include "base/strings.h"
#include "storage/s3/checksums.h"
#include "storage/s3/etag.h"

namespace hadron::storage::s3 {
namespace {

constexpr int kTries = 3;
constexpr std::uint64_t kHashBytes = std::uint64_t{4} << 20;
constexpr std::uint64_t kUrgentBytes = std::uint64_t{256} << 10;
constexpr std::uint64_t kReportBytes = std::uint64_t{1} << 20;

struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t total = 0;
};

/// "bytes 0-9/100".
std::optional<ContentRange> ParseContentRange(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (!text.starts_with(kUnit) || dash == std::string_view::npos ||
      slash == std::string_view::npos || slash < dash) {
    return std::nullopt;
  }
  const auto first = base::ParseUint64(text.substr(kUnit.size(), dash - kUnit.size()));
  const auto last = base::ParseUint64(text.substr(dash + 1, slash - dash - 1));
  const auto total = base::ParseUint64(text.substr(slash + 1));
  if (!first || !last || !total || *last < *first || *last >= *total) return std::nullopt;
  return ContentRange{*first, *last, *total};
}

/// One try at an object.
class Try final : public JobSource {
 public:
  /// `reported` lives through all tries: progress never goes back.
  Try(const std::string& key, const FetchOptions& fetch, const DownloadOptions& options,
      FetchTarget& target, std::uint64_t& reported)
      : key_(key),
        fetch_(fetch),
        options_(options),
        target_(target),
        reported_(reported),
        etag_(fetch.expected_tag) {
    if (fetch.digest != nullptr) check_.WantSha256();
  }

  Job* Next() override;
  Job* Urgent() override;
  base::Status Pump() override;
  /// After a run that went well.
  base::Status Finish();

  /// The object is another one than at the beginning, or has other bytes than it should.
  bool start_over() const { return start_over_; }

 private:
  class Part;

  base::Status Changed();
  base::Status Learn(std::uint64_t size, std::string etag, const net::HttpHeaders& headers);
  base::Status HashSome(std::uint64_t at_most);
  base::Status Report(bool end);
  std::uint64_t whole_prefix() const;

  const std::string& key_;
  const FetchOptions& fetch_;
  const DownloadOptions& options_;
  FetchTarget& target_;
  std::uint64_t& reported_;
  std::deque<std::unique_ptr<Part>> parts_;
  std::vector<std::unique_ptr<Part>> urgent_;  ///< come once more with the others
  std::string etag_;                           ///< "" until the first answer
  std::optional<std::uint64_t> size_;
  std::uint64_t planned_ = 0;  ///< up to where there are parts
  bool without_range_ = false;
  bool knows_ranges_ = true;
  bool start_over_ = false;
  std::vector<std::byte> chunk_;  ///< of what is hashed
  ContentCheck check_;
  std::uint64_t hashed_ = 0;
  std::uint64_t received_ = 0;
};

/// One range of it.
class Try::Part final : public Job {
 public:
  Part(Try& owner, std::uint64_t begin, std::uint64_t end, bool urgent = false)
      : owner_(owner), urgent_(urgent), begin_(begin), at_(begin), end_(end) {}

  Operation Request() override {
    Operation operation;
    operation.key = owner_.key_;
    operation.headers = {{"x-amz-checksum-mode", "ENABLED"}};
    if (!owner_.without_range_) {
      operation.headers.emplace_back("Range", fmt::format("bytes={}-{}", at_, end_ - 1));
    }
    if (!owner_.etag_.empty()) {
      operation.headers.emplace_back("If-Match", fmt::format("\"{}\"", owner_.etag_));
    }
    return operation;
  }

  bool Accepts(int status) const override {
    return status == 200 || status == 206 || status == 412 || status == 416;
  }

  base::Status OnHead(int status, const net::HttpHeaders& headers) override {
    if (status == 412) return owner_.Changed();
    if (status == 416) {
      if (owner_.size_) return owner_.Changed();
      // An empty object has no range that could be asked for.
      owner_.without_range_ = true;
      return base::Unavailable("the object seems to be empty");
    }
    skip_ = 0;
    surplus_ = false;
    const std::string etag = BareEtag(headers.Find("ETag").value_or(""));
    if (status == 200) return OnWhole(etag, headers);
    const auto range = ParseContentRange(headers.Find("Content-Range").value_or(""));
    if (!range) return base::Unavailable("the answer does not say which range it is");
    HADRON_RETURN_IF_ERROR(owner_.Learn(range->total, etag, headers));
    end_ = std::min(end_, range->total);
    if (range->first == at_ && range->last + 1 == end_) return {};
    return base::Unavailable(fmt::format("the answer has bytes {}-{} instead of {}-{}",
                                         range->first, range->last, at_, end_ - 1));
  }

  /// The server does not know ranges: what was not asked for is skipped, never taken for it.
  base::Status OnWhole(const std::string& etag, const net::HttpHeaders& headers) {
    const auto size = base::ParseUint64(headers.Find("Content-Length").value_or(""));
    if (!size) return base::Unavailable("the answer does not say how long it is");
    owner_.knows_ranges_ = false;
    const bool first = !owner_.size_;
    HADRON_RETURN_IF_ERROR(owner_.Learn(*size, etag, headers));
    if (first) owner_.planned_ = end_ = *size;
    skip_ = at_;
    surplus_ = end_ < *size;
    return {};
  }

  base::Status OnBody(std::span<const std::byte> bytes) override {
    const std::uint64_t skipped = std::min<std::uint64_t>(skip_, bytes.size());
    skip_ -= skipped;
    bytes = bytes.subspan(skipped);
    const auto wanted = bytes.first(std::min<std::uint64_t>(bytes.size(), end_ - at_));
    HADRON_RETURN_IF_ERROR(owner_.target_.Write(at_, wanted));
    at_ += wanted.size();
    if (!urgent_) owner_.received_ += wanted.size();
    if (wanted.size() == bytes.size() && !(surplus_ && at_ == end_)) return {};
    return base::Unavailable("the answer goes on after what was asked for");
  }

  bool Complete() const override { return owner_.size_ && at_ == end_; }
  std::uint64_t received() const override { return at_ - begin_; }

 private:
  Try& owner_;
  const bool urgent_;
  const std::uint64_t begin_;
  std::uint64_t at_;
  std::uint64_t end_;
  std::uint64_t skip_ = 0;
  bool surplus_ = false;
};

Job* Try::Next() {
  if (parts_.empty()) {
    planned_ = options_.part_bytes;
    parts_.push_back(std::make_unique<Part>(*this, 0, planned_));
    return parts_.back().get();
  }
  if (!size_ || planned_ >= *size_) return nullptr;
  const std::uint64_t end = std::min<std::uint64_t>(*size_, planned_ + options_.part_bytes);
  parts_.push_back(std::make_unique<Part>(*this, planned_, end));
  planned_ = end;
  return parts_.back().get();
}

Job* Try::Urgent() {
  if (!size_ || !knows_ranges_) return nullptr;
  const auto wanted = target_.TakeWanted();
  // What is on its way comes soon; and a request for each small piece would hold up all others.
  const bool few = urgent_.size() * options_.part_bytes < *size_;
  if (!wanted || wanted->begin < planned_ || !few) return nullptr;
  const std::uint64_t end = std::min(wanted->end, wanted->begin + kUrgentBytes);
  urgent_.push_back(std::make_unique<Part>(*this, wanted->begin, end, true));
  return urgent_.back().get();
}

base::Status Try::Changed() {
  start_over_ = true;
  return base::Internal("the object has been replaced");  // not worth an attempt of its own
}

base::Status Try::Learn(std::uint64_t size, std::string etag, const net::HttpHeaders& headers) {
  if (etag.empty()) return base::Unavailable("the answer has no ETag");
  if (!etag_.empty() && etag != etag_) return Changed();
  if (size_) return *size_ == size ? base::OkStatus() : Changed();
  if (size > fetch_.max_bytes) {
    return base::ResourceExhausted(
        fmt::format("the object has {} bytes; at most {} are read", size, fetch_.max_bytes));
  }
  HADRON_RETURN_IF_ERROR(target_.Begin(size));
  check_.Expect(headers, options_.verify_etag ? etag : "");
  etag_ = std::move(etag);
  size_ = size;
  return {};
}

std::uint64_t Try::whole_prefix() const {
  std::uint64_t end = 0;
  for (const auto& part : parts_) {
    end += part->received();
    if (!part->Complete()) break;
  }
  return end;
}

base::Status Try::HashSome(std::uint64_t at_most) {
  if (!check_.needed() || !size_) return {};
  const std::uint64_t count = std::min(at_most, whole_prefix() - hashed_);
  if (count == 0) return {};
  chunk_.resize(std::max<std::size_t>(chunk_.size(), count));
  const std::span<std::byte> bytes = std::span(chunk_).first(count);
  HADRON_RETURN_IF_ERROR(target_.Read(hashed_, bytes));
  check_.Update(bytes);
  hashed_ += count;
  return {};
}

base::Status Try::Report(bool end) {
  if (!fetch_.progress || !size_) return {};
  if (received_ <= reported_ || (!end && received_ - reported_ < kReportBytes)) return {};
  reported_ = received_;
  if (fetch_.progress(received_, *size_)) return {};
  return base::Cancelled(fmt::format("fetching '{}' was cancelled", key_));
}

base::Status Try::Pump() {
  HADRON_RETURN_IF_ERROR(Report(false));
  return HashSome(kHashBytes);  // while more is on its way
}

base::Status Try::Finish() {
  while (check_.needed() && hashed_ < *size_) HADRON_RETURN_IF_ERROR(HashSome(kHashBytes));
  base::Status checked = check_.Finish();
  start_over_ = !checked.ok();
  HADRON_RETURN_IF_ERROR(std::move(checked));
  if (fetch_.digest != nullptr) *fetch_.digest = check_.sha256();
  return Report(true);
}

}  // namespace

std::string BareEtag(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"')) {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

base::Status Download(Client& client, const std::string& key, const FetchOptions& fetch,
                      const DownloadOptions& options, FetchTarget& target) {
  std::uint64_t reported = 0;
  for (int tried = 1;; ++tried) {
    Try one(key, fetch, options, target, reported);
    base::Status status = client.Run(one, options.parallel);
    if (status.ok()) status = one.Finish();
    if (!one.start_over()) return status;
    const std::string what = fmt::format("s3://{}/{}", client.location().bucket, key);
    // With an expected tag, too: one answer that names another one may be wrong itself.
    if (tried == kTries || !target.MayStartOver()) {
      return base::Unavailable(fmt::format("{}: {}", what, status.message()));
    }
  }
}

}  // namespace hadron::storage::s3
