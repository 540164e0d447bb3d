#include "storage/s3/run_loop.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/log.h"
#include "base/strings.h"

namespace hadron::storage::s3 {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxErrorBytes = std::size_t{64} << 10;
constexpr std::uint64_t kProgressBytes = std::uint64_t{1} << 20;
constexpr milliseconds kLook{100};  ///< how often cancellation is looked for

}  // namespace

/// One job, from its first attempt to its end.
class RunLoop::Attempt final : public net::HttpTransfers::Receiver {
 public:
  explicit Attempt(Job& for_job) : job(for_job) {}

  bool OnHead(int code, const net::HttpHeaders& fields) override {
    status = code;
    headers = fields;
    if (job.Accepts(code)) refusal = job.OnHead(code, fields);
    return refusal.ok();
  }
  bool OnBody(std::span<const std::byte> bytes) override {
    if (!job.Accepts(status)) {
      error_body += base::AsText(bytes).substr(0, kMaxErrorBytes - error_body.size());
      return true;
    }
    refusal = job.OnBody(bytes);
    return refusal.ok();
  }

  Job& job;
  bool running = false;
  base::TimePoint not_before{};
  Operation operation;
  std::shared_ptr<const Credentials> credentials;
  int status = 0;
  net::HttpHeaders headers;
  std::string error_body;
  base::Status refusal;

  int failures = 0;  ///< since bytes came last
  std::uint64_t received = 0;
  bool clock_corrected = false;
  bool credentials_renewed = false;
  bool region_corrected = false;
};

RunLoop::RunLoop(const LoopContext& context, JobSource& source, net::HttpTransfers& transfers,
                 std::size_t parallel)
    : context_(context),
      source_(source),
      transfers_(transfers),
      parallel_(parallel),
      backoff_(context.retry_base) {}

RunLoop::~RunLoop() = default;

bool RunLoop::cancelled() const { return context_.cancel != nullptr && context_.cancel->load(); }

ErrorContext RunLoop::ContextOf(const Attempt& attempt) const {
  const std::string& key = attempt.operation.key;
  return {fmt::format("{} s3://{}/{}", attempt.operation.method, context_.signer.location().bucket,
                      base::EscapeControl(key)),
          context_.signer.address().HostHeader(),
          attempt.credentials == nullptr ? "none" : attempt.credentials->Hint()};
}

base::Status RunLoop::Start(Attempt& attempt) {
  HADRON_ASSIGN_OR_RETURN(attempt.credentials, context_.signer.GetCredentials());
  attempt.operation = attempt.job.Request();
  attempt.status = 0;
  attempt.headers = {};
  attempt.error_body.clear();
  attempt.refusal = {};
  HADRON_ASSIGN_OR_RETURN(auto request,
                          context_.signer.Sign(attempt.operation, *attempt.credentials));
  attempt.running = true;
  return transfers_.Start(std::move(request), attempt);
}

base::Status RunLoop::StartDue() {
  const base::TimePoint now = context_.clock.Now();
  for (const auto& attempt : attempts_) {
    if (transfers_.active() >= parallel_) return {};
    if (!attempt->running && attempt->not_before <= now) HADRON_RETURN_IF_ERROR(Start(*attempt));
  }
  while (attempts_.size() <= parallel_) {
    Job* job = source_.Urgent();
    if (job == nullptr && attempts_.size() < parallel_) job = source_.Next();
    if (job == nullptr) break;
    attempts_.push_back(std::make_unique<Attempt>(*job));
    HADRON_RETURN_IF_ERROR(Start(*attempts_.back()));
  }
  return {};
}

milliseconds RunLoop::UntilNextStart() const {
  const base::TimePoint now = context_.clock.Now();
  base::Duration wait = kLook;
  for (const auto& attempt : attempts_) {
    if (!attempt->running) wait = std::min<base::Duration>(wait, attempt->not_before - now);
  }
  return std::chrono::ceil<milliseconds>(std::max(wait, base::Duration::zero()));
}

base::Status RunLoop::Run() {
  while (true) {
    if (cancelled()) {
      return base::Cancelled(
          fmt::format("{}: the server is stopping", context_.signer.location().url));
    }
    HADRON_RETURN_IF_ERROR(StartDue());
    if (attempts_.empty()) return {};
    for (auto& finished : transfers_.Poll(UntilNextStart())) {
      auto& attempt = static_cast<Attempt&>(*finished.receiver);
      HADRON_RETURN_IF_ERROR(Settle(attempt, std::move(finished)));
      if (attempt.running) {  // not to be made again
        std::erase_if(attempts_, [&](const auto& item) { return item.get() == &attempt; });
      }
    }
    HADRON_RETURN_IF_ERROR(source_.Pump());
  }
}

base::Status RunLoop::Settle(Attempt& attempt, net::HttpTransfers::Finished finished) {
  const ErrorContext context = ContextOf(attempt);
  if (!attempt.refusal.ok()) {
    if (attempt.job.Complete()) return {};
    base::Status why = std::move(attempt.refusal).With(context.what);
    if (why.code() != base::StatusCode::kUnavailable) return why;
    return Again(attempt, Treatment::kRetry, std::move(why), false);
  }
  if (!finished.status.ok()) {
    // Broken after the last byte of use. Small answers count none: they want their very end.
    if (attempt.job.received() > 0 && attempt.job.Complete()) return {};
    // The URL of the transfer's own message repeats what `what` says.
    base::Status why = std::move(finished.status).With(context.what);
    if (why.code() != base::StatusCode::kUnavailable) return why;
    return Again(attempt, Treatment::kRetry, std::move(why), finished.timed_out);
  }
  if (!attempt.job.Accepts(attempt.status)) return SettleError(attempt);
  if (attempt.job.Complete()) {
    context_.budget.Succeeded();
    return {};
  }
  return Again(attempt, Treatment::kRetry,
               base::Unavailable(context.what + ": the answer ended early"), false);
}

bool RunLoop::Correct(Attempt& attempt, Treatment treatment, const ServiceError& error) {
  const auto once = [](bool& done) { return !std::exchange(done, true); };
  switch (treatment) {
    case Treatment::kSkew:
      return once(attempt.clock_corrected) && context_.signer.CorrectClock(attempt.headers);
    case Treatment::kExpired:
      if (!once(attempt.credentials_renewed)) return false;
      context_.signer.DropCredentials(attempt.credentials);
      return true;
    case Treatment::kRegion:
      return once(attempt.region_corrected) && context_.signer.CorrectRegion(error.region).ok();
    default:
      return false;
  }
}

base::Status RunLoop::SettleError(Attempt& attempt) {
  const ServiceError error = ReadError(attempt.status, attempt.headers, attempt.error_body);
  base::Status why = ToStatus(error, ContextOf(attempt));
  Treatment treatment = error.treatment;
  if (treatment == Treatment::kRetry || treatment == Treatment::kThrottle) {
    return Again(attempt, treatment, std::move(why), false);
  }
  // Answers to HEAD have no code, so that a clock that is off looks like any refusal.
  const bool skewed =
      error.code.empty() && attempt.status == 403 && context_.signer.IsSkewed(attempt.headers);
  if (skewed) treatment = Treatment::kSkew;
  if (!Correct(attempt, treatment, error)) return why;
  attempt.running = false;  // at once, and not counted: what was wrong is known
  attempt.not_before = {};
  return {};
}

base::Status RunLoop::Again(Attempt& attempt, Treatment treatment, base::Status why,
                            bool timed_out) {
  if (attempt.job.received() >= attempt.received + kProgressBytes) {
    attempt.received = attempt.job.received();
    attempt.failures = 0;
  }
  ++attempt.failures;
  if (attempt.failures >= context_.attempts) {
    return std::move(why).With(fmt::format("given up after {} attempts", attempt.failures));
  }
  if (!context_.budget.Take(timed_out)) {
    return std::move(why).With("too many requests fail, this one is not repeated");
  }
  base::LogVerbose(1, "object store request is repeated",
                   {{"why", why.message()}, {"failures", attempt.failures}});
  const bool throttled = treatment == Treatment::kThrottle;
  if (throttled) parallel_ = std::max<std::size_t>(1, parallel_ / 2);
  std::optional<std::chrono::seconds> asked;
  if (const auto after = attempt.headers.Find("Retry-After"); after && attempt.status >= 400) {
    if (const auto seconds = base::ParseUint64(*after)) {
      asked = std::chrono::seconds(std::min<std::uint64_t>(*seconds, 60));
    }
  }
  attempt.running = false;
  attempt.not_before = context_.clock.Now() + backoff_.Wait(attempt.failures - 1, throttled, asked);
  return {};
}

}  // namespace hadron::storage::s3
