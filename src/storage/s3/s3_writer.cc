#include "storage/s3/s3_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <system_error>

#include "base/log.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "storage/object_name.h"
#include "storage/s3/xml.h"

namespace hadron::storage::s3 {
namespace {

constexpr std::uint64_t kMaxParts = 10'000;
constexpr std::uint64_t kHashChunk = std::uint64_t{4} << 20;

Pairs ObjectHeaders(const std::string& sha256) {
  return {{"Content-Type", "application/octet-stream"}, {"x-amz-meta-sha256", sha256}};
}

}  // namespace

/// A file to upload. Any thread may read it.
struct S3Writer::Source {
  explicit Source(std::string at) : path(std::move(at)) {}
  ~Source() {
    if (fd >= 0) close(fd);
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  base::Status Open() {
    fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info {};
    if (fd < 0 || fstat(fd, &info) != 0) {
      return base::NotFound(
          fmt::format("cannot open '{}': {}", path, std::generic_category().message(errno)));
    }
    if (!S_ISREG(info.st_mode)) {
      return base::InvalidArgument(fmt::format("'{}' is not a regular file", path));
    }
    size = static_cast<std::uint64_t>(info.st_size);
    base::Sha256 hash;
    for (std::uint64_t at = 0; at < size; at += kHashChunk) {
      HADRON_ASSIGN_OR_RETURN(const base::IoBuf chunk, Read(at, std::min(kHashChunk, size - at)));
      hash.Update(chunk.bytes());
    }
    sha256 = base::ToHex(hash.Finish());
    return {};
  }

  base::StatusOr<base::IoBuf> Read(std::uint64_t offset, std::uint64_t count) const {
    std::vector<std::byte> bytes(count);
    for (std::uint64_t done = 0; done < count;) {
      const ssize_t got =
          pread(fd, bytes.data() + done, count - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return base::Internal(fmt::format("'{}' cannot be read to its end", path));
      done += static_cast<std::uint64_t>(got);
    }
    return base::IoBuf::FromVector(std::move(bytes));
  }

  const std::string path;
  int fd = -1;
  std::uint64_t size = 0;
  std::string sha256;
};

namespace {

using Progress = std::function<bool(std::uint64_t, std::uint64_t)>;
using Reader = std::function<base::StatusOr<base::IoBuf>(std::uint64_t, std::uint64_t)>;

/// One part of an upload; its body is read when its turn comes.
class PartJob final : public Job {
 public:
  PartJob(Operation operation, base::IoBuf body) : operation_(std::move(operation)) {
    operation_.body = std::move(body);
  }
  Operation Request() override { return operation_; }
  base::Status OnHead(int, const net::HttpHeaders& headers) override {
    etag = headers.Find("ETag").value_or("");
    return etag.empty() ? base::Unavailable("the answer has no ETag") : base::OkStatus();
  }
  base::Status OnBody(std::span<const std::byte>) override { return {}; }
  bool Complete() const override { return !etag.empty(); }
  std::uint64_t bytes() const { return operation_.body.size(); }
  /// Sent; nobody will ask for it again.
  void Release() { operation_.body = {}; }

  std::string etag;
  bool counted = false;

 private:
  Operation operation_;
};

class Parts final : public JobSource {
 public:
  Parts(Reader read, std::uint64_t size, std::uint64_t part_bytes, const Progress& progress)
      : read_(std::move(read)), size_(size), part_bytes_(part_bytes), progress_(progress) {}

  std::string key;
  std::string upload;

  Job* Next() override {
    if (at_ >= size_ || !failure_.ok()) return nullptr;
    const std::uint64_t count = std::min(part_bytes_, size_ - at_);
    auto body = read_(at_, count);
    if (!body.ok()) {
      failure_ = std::move(body).status();
      return nullptr;
    }
    at_ += count;
    Operation operation;
    operation.method = "PUT";
    operation.key = key;
    operation.query = {{"partNumber", std::to_string(jobs_.size() + 1)}, {"uploadId", upload}};
    operation.headers = {{"Content-Type", "application/octet-stream"}};
    jobs_.emplace_back(std::move(operation), std::move(body).value());
    return &jobs_.back();
  }

  base::Status Pump() override {
    HADRON_RETURN_IF_ERROR(std::move(failure_));
    const std::uint64_t before = sent_;
    for (PartJob& job : jobs_) {
      if (job.counted || !job.Complete()) continue;
      job.counted = true;
      sent_ += job.bytes();
      job.Release();
    }
    if (sent_ == before || !progress_ || progress_(sent_, size_)) return {};
    return base::Cancelled(fmt::format("the upload of '{}' was cancelled", key));
  }

  std::vector<std::string> etags() const {
    std::vector<std::string> all;
    for (const PartJob& job : jobs_) all.push_back(job.etag);
    return all;
  }

 private:
  const Reader read_;
  const std::uint64_t size_;
  const std::uint64_t part_bytes_;
  const Progress& progress_;
  std::uint64_t at_ = 0;
  std::uint64_t sent_ = 0;
  std::deque<PartJob> jobs_;
  base::Status failure_;
};

}  // namespace

base::StatusOr<std::string> S3Writer::KeyOf(std::string_view name) const {
  HADRON_RETURN_IF_ERROR(CheckObjectName(name));
  if (name.empty()) return base::InvalidArgument(fmt::format("'{}' is not an object", url()));
  return JoinName(client_->location().prefix, name);
}

base::Status S3Writer::Put(std::string_view name, const base::IoBuf& bytes) {
  Operation operation;
  operation.method = "PUT";
  HADRON_ASSIGN_OR_RETURN(operation.key, KeyOf(name));
  base::Sha256 hash;
  for (const auto& slice : bytes.slices()) hash.Update(slice.bytes);
  operation.headers = ObjectHeaders(base::ToHex(hash.Finish()));
  operation.body = bytes;
  return client_->Call(operation).CloneStatus();
}

base::Status S3Writer::PutFile(std::string_view name, const std::string& path,
                               const PutOptions& options) {
  HADRON_ASSIGN_OR_RETURN(const std::string key, KeyOf(name));
  Source source(path);
  HADRON_RETURN_IF_ERROR(source.Open());
  if (source.size > options_.part_bytes) return PutParts(key, source, options);
  Operation operation;
  operation.method = "PUT";
  operation.key = key;
  operation.headers = ObjectHeaders(source.sha256);
  HADRON_ASSIGN_OR_RETURN(operation.body, source.Read(0, source.size));
  if (options.before_visible) HADRON_RETURN_IF_ERROR(options.before_visible());
  HADRON_RETURN_IF_ERROR(client_->Call(operation).CloneStatus());
  if (options.progress) options.progress(source.size, source.size);
  return {};
}

base::StatusOr<std::optional<std::string>> S3Writer::Sha256Of(std::string_view name) {
  Operation operation;
  operation.method = "HEAD";
  HADRON_ASSIGN_OR_RETURN(operation.key, KeyOf(name));
  auto answer = client_->Call(operation);
  if (answer.code() == base::StatusCode::kNotFound) return std::optional<std::string>();
  if (!answer.ok()) return std::move(answer).status();
  const auto sum = answer->headers.Find("x-amz-meta-sha256");
  if (!sum) return std::optional<std::string>();
  return std::optional<std::string>(base::ToLower(*sum));
}

base::Status S3Writer::PutParts(const std::string& key, const Source& source,
                                const PutOptions& options) {
  Operation begin;
  begin.method = "POST";
  begin.key = key;
  begin.query = {{"uploads", ""}};
  begin.headers = ObjectHeaders(source.sha256);
  HADRON_ASSIGN_OR_RETURN(const Answer begun, client_->Call(begin));
  HADRON_ASSIGN_OR_RETURN(const XmlNode root, ParseXml(begun.body));
  const std::uint64_t part_bytes =
      std::max(options_.part_bytes, (source.size + kMaxParts - 1) / kMaxParts);
  const auto read = [&](std::uint64_t at, std::uint64_t count) { return source.Read(at, count); };
  Parts parts(read, source.size, part_bytes, options.progress);
  parts.key = key;
  parts.upload = root.Text("UploadId");
  base::Status status = client_->Run(parts, options_.parallel);
  if (status.ok()) status = parts.Pump();
  if (status.ok() && options.before_visible) status = options.before_visible();
  if (status.ok()) status = Complete(key, parts.upload, parts.etags());
  if (status.ok()) return status;
  Operation abort;
  abort.method = "DELETE";
  abort.key = key;
  abort.query = {{"uploadId", parts.upload}};
  if (auto aborted = client_->Call(abort); !aborted.ok()) {
    base::LogWarning("parts of an upload stay on the object store",
                     {{"key", key}, {"upload", parts.upload}, {"reason", aborted.message()}});
  }
  return status;
}

base::Status S3Writer::Complete(const std::string& key, const std::string& upload,
                                const std::vector<std::string>& etags) {
  std::string body = "<CompleteMultipartUpload>";
  for (std::size_t i = 0; i < etags.size(); ++i) {
    body += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1,
                        XmlEscape(etags[i]));
  }
  body += "</CompleteMultipartUpload>";
  Operation operation;
  operation.method = "POST";
  operation.key = key;
  operation.query = {{"uploadId", upload}};
  operation.headers = {{"Content-Type", "application/xml"}};
  operation.body = base::IoBuf::FromString(std::move(body));
  HADRON_ASSIGN_OR_RETURN(const Answer answer, client_->Call(operation));
  // The status may say 200 and the body that it went wrong.
  const auto root = ParseXml(answer.body);
  if (root.ok() && root->name == "CompleteMultipartUploadResult") return {};
  return base::Unavailable(fmt::format(
      "s3://{}/{}: the parts could not be put together: {}", client_->location().bucket, key,
      root.ok() ? std::string(root->Text("Code")) : "the answer is not the XML that was expected"));
}

base::Status S3Writer::Remove(std::string_view name) {
  Operation operation;
  operation.method = "DELETE";
  HADRON_ASSIGN_OR_RETURN(operation.key, KeyOf(name));
  base::Status status = client_->Call(operation).CloneStatus();
  if (status.code() == base::StatusCode::kNotFound) return {};
  return status;
}

}  // namespace hadron::storage::s3
