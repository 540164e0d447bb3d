#include "base/md5.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/check.h"

namespace hadron::base {

struct Md5::Impl {
  struct Free {
    void operator()(EVP_MD_CTX* ctx) const { EVP_MD_CTX_free(ctx); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> ctx{EVP_MD_CTX_new()};
};

Md5::Md5(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Md5::~Md5() = default;

StatusOr<std::unique_ptr<Md5>> Md5::Create() {
  auto impl = std::make_unique<Impl>();
  if (EVP_DigestInit_ex(impl->ctx.get(), EVP_md5(), nullptr) != 1) {
    return Unimplemented("MD5 is switched off on this machine; use SHA256");
  }
  return std::unique_ptr<Md5>(new Md5(std::move(impl)));  // NOLINT: private constructor
}

void Md5::Update(std::span<const std::byte> bytes) {
  HADRON_CHECK(EVP_DigestUpdate(impl_->ctx.get(), bytes.data(), bytes.size()) == 1);
}

std::string Md5::FinishHex() {
  std::array<unsigned char, 16> raw{};
  unsigned length = 0;
  HADRON_CHECK(EVP_DigestFinal_ex(impl_->ctx.get(), raw.data(), &length) == 1);
  std::string text;
  for (const unsigned char byte : raw) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

}  // namespace hadron::base
