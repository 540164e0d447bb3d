#include "storage/s3/credential_provider.h"

#include <fmt/format.h>

#include "base/log.h"
#include "storage/s3/credential_services.h"

namespace hadron::storage::s3 {
namespace {

constexpr std::int64_t kRenewBeforeMs = 300'000;
constexpr std::int64_t kUselessBeforeMs = 5'000;
constexpr std::int64_t kPauseMs = 30'000;

}  // namespace

base::StatusOr<Credentials> CredentialProvider::Obtain() const {
  if (source_.anonymous) return Credentials();
  if (source_.keys) {
    return Credentials{source_.keys->access_key, source_.keys->secret_key,
                       source_.keys->session_token, std::nullopt};
  }
  if (source_.web_identity) return AskSts(*source_.web_identity, source_.sts_endpoint);
  if (source_.container) return AskContainer(*source_.container);
  return AskMachine(source_.metadata_endpoint);
}

base::StatusOr<std::shared_ptr<const Credentials>> CredentialProvider::Get() {
  const base::MutexLock lock(mutex_);
  const std::int64_t now = clock_.WallMs();
  if (current_ != nullptr) {
    const std::int64_t left = current_->expires_ms.value_or(INT64_MAX) - now;
    if (left > kRenewBeforeMs || (left > kUselessBeforeMs && now < not_again_before_ms_)) {
      return current_;
    }
  }
  auto obtained = Obtain();
  if (obtained.ok()) {
    current_ = std::make_shared<const Credentials>(std::move(obtained).value());
    return current_;
  }
  base::Status status =
      std::move(obtained).status().With(fmt::format("credentials from {}", source_.origin));
  const bool usable =
      current_ != nullptr && current_->expires_ms.value_or(INT64_MAX) > now + kUselessBeforeMs;
  if (!usable) return status;
  not_again_before_ms_ = now + kPauseMs;
  base::LogWarning("credentials could not be renewed, those at hand are used until they expire",
                   {{"reason", status.message()}});
  return current_;
}

void CredentialProvider::Drop(const std::shared_ptr<const Credentials>& stale) {
  const base::MutexLock lock(mutex_);
  if (current_ == stale) current_ = nullptr;
}

}  // namespace hadron::storage::s3
