#include "storage/s3/client.h"

#include <fmt/format.h>

#include <utility>

#include "base/bytes.h"
#include "base/log.h"

namespace hadron::storage::s3 {
namespace {

constexpr std::size_t kMaxAnswerBytes = std::size_t{16} << 20;

/// The job of Call: any answer without error, held in memory.
class SmallJob final : public Job {
 public:
  explicit SmallJob(const Operation& operation) : operation_(operation) {}
  Operation Request() override {
    answer = {};
    complete_ = false;
    return operation_;
  }
  base::Status OnHead(int status, const net::HttpHeaders& headers) override {
    answer.status = status;
    answer.headers = headers;
    complete_ = true;  // until the transfer says otherwise
    return {};
  }
  base::Status OnBody(std::span<const std::byte> bytes) override {
    answer.body += base::AsText(bytes);
    if (answer.body.size() <= kMaxAnswerBytes) return {};
    complete_ = false;
    return base::ResourceExhausted(
        fmt::format("the answer has more than {} bytes", kMaxAnswerBytes));
  }
  bool Complete() const override { return complete_; }

  Answer answer;

 private:
  const Operation& operation_;
  bool complete_ = false;
};

class OneJob final : public JobSource {
 public:
  explicit OneJob(Job& job) : job_(&job) {}
  Job* Next() override { return std::exchange(job_, nullptr); }
  base::Status Pump() override { return {}; }

 private:
  Job* job_;
};

}  // namespace

Client::Client(Options options, const base::Clock& clock)
    : options_(std::move(options)),
      signer_(options_.location, options_.settings, clock),
      context_{signer_,        clock, budget_, options_.settings.attempts, options_.retry_base,
               options_.cancel} {}

base::StatusOr<std::unique_ptr<Client>> Client::Create(Options options, const base::Clock& clock) {
  auto client = std::unique_ptr<Client>(new Client(std::move(options), clock));  // NOLINT: private
  HADRON_RETURN_IF_ERROR(client->Open());
  return client;
}

base::Status Client::Open() {
  HADRON_RETURN_IF_ERROR(signer_.Open());
  const Address address = signer_.address();
  if (address.tls()) return {};
  if (options_.require_tls) {
    return base::PermissionDenied(
        fmt::format("{}: --s3-require-tls forbids plain HTTP; write s3://https://host:port/bucket",
                    location().url));
  }
  if (!IsPrivateHost(address.host())) {
    base::LogWarning(
        "object store over plain HTTP outside of a private network",
        {{"repository", location().url}, {"remedy", "write s3://https://host:port/bucket/prefix"}});
  }
  return {};
}

std::unique_ptr<net::HttpTransfers> Client::TakeTransfers() {
  {
    const base::MutexLock lock(mutex_);
    if (!idle_.empty()) {
      auto transfers = std::move(idle_.back());
      idle_.pop_back();
      return transfers;
    }
  }
  net::HttpTransfers::Options http;
  http.connect_timeout = options_.settings.connect_timeout;
  http.stall_timeout = options_.settings.stall_timeout;
  http.ca_file = options_.settings.ca_file;
  http.verify_tls = options_.settings.verify_tls;
  return std::make_unique<net::HttpTransfers>(std::move(http));
}

base::StatusOr<Answer> Client::Call(const Operation& operation) {
  SmallJob job(operation);
  OneJob source(job);
  HADRON_RETURN_IF_ERROR(Run(source, 1));
  return std::move(job.answer);
}

base::Status Client::Run(JobSource& source, std::size_t parallel) {
  auto transfers = TakeTransfers();
  base::Status status = RunLoop(context_, source, *transfers, parallel).Run();
  transfers->Drop();
  const base::MutexLock lock(mutex_);
  idle_.push_back(std::move(transfers));
  return status;
}

}  // namespace hadron::storage::s3
