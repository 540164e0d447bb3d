#include "storage/s3/checksums.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/check.h"
#include "base/strings.h"

namespace hadron::storage::s3 {

/// One running checksum.
class ContentCheck::Sum {
 public:
  virtual ~Sum() = default;
  virtual void Update(std::span<const std::byte> bytes) = 0;
  virtual std::string Finish() = 0;
};

namespace {

/// Reflected CRC with all ones before and after, most significant byte first at the end.
template <typename Word, Word polynomial>
class Crc final : public ContentCheck::Sum {
 public:
  void Update(std::span<const std::byte> bytes) override {
    static const std::array<Word, 256> table = MakeTable();
    Word state = state_;
    for (const std::byte b : bytes) {
      state = table[(state ^ std::to_integer<Word>(b)) & 0xFF] ^ (state >> 8U);
    }
    state_ = state;
  }
  std::string Finish() override {
    const Word value = ~state_;
    std::string raw;
    for (std::size_t i = sizeof(Word); i-- > 0;)
      raw += static_cast<char>((value >> (8 * i)) & 0xFF);
    return raw;
  }

 private:
  static std::array<Word, 256> MakeTable() {
    std::array<Word, 256> table{};
    for (std::size_t i = 0; i < table.size(); ++i) {
      auto word = static_cast<Word>(i);
      for (int bit = 0; bit < 8; ++bit) word = (word >> 1U) ^ ((word & 1U) != 0 ? polynomial : 0);
      table[i] = word;
    }
    return table;
  }

  Word state_ = ~Word{0};
};

class Digest final : public ContentCheck::Sum {
 public:
  explicit Digest(const EVP_MD* kind) {
    HADRON_CHECK(EVP_DigestInit_ex(context_.get(), kind, nullptr) == 1);
  }
  void Update(std::span<const std::byte> bytes) override {
    HADRON_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
  std::string Finish() override {
    std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
    unsigned size = 0;
    HADRON_CHECK(EVP_DigestFinal_ex(context_.get(), raw.data(), &size) == 1);
    return {reinterpret_cast<const char*>(raw.data()), size};
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_{EVP_MD_CTX_new()};
};

std::unique_ptr<ContentCheck::Sum> MakeSum(std::string_view name) {
  if (name == "crc32") return std::make_unique<Crc<std::uint32_t, 0xEDB88320U>>();
  if (name == "crc32c") return std::make_unique<Crc<std::uint32_t, 0x82F63B78U>>();
  if (name == "crc64nvme") return std::make_unique<Crc<std::uint64_t, 0x9A6C9329AC4BC9B5U>>();
  if (name == "sha1") return std::make_unique<Digest>(EVP_sha1());
  if (name == "md5") return std::make_unique<Digest>(EVP_md5());
  return std::make_unique<Digest>(EVP_sha256());
}

/// Nothing for what is no base64.
std::optional<std::string> FromBase64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > 128) return std::nullopt;
  std::string raw(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(raw.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  const auto padding = text.ends_with("==") ? 2U : text.ends_with('=') ? 1U : 0U;
  raw.resize(raw.size() - padding);
  return raw;
}

std::optional<std::string> FromHex(std::string_view text, std::size_t bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (text.size() != 2 * bytes) return std::nullopt;
  const std::string lower = base::ToLower(text);
  std::string raw;
  for (std::size_t i = 0; i < lower.size(); i += 2) {
    const std::size_t high = kDigits.find(lower[i]);
    const std::size_t low = kDigits.find(lower[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    raw += static_cast<char>(high * 16 + low);
  }
  return raw;
}

}  // namespace

ContentCheck::ContentCheck() = default;
ContentCheck::~ContentCheck() = default;

void ContentCheck::Add(std::string name, std::string value) {
  auto sum = MakeSum(name);
  sums_.push_back({std::move(name), std::move(value), std::move(sum)});
}

void ContentCheck::Expect(const net::HttpHeaders& headers, std::string_view etag) {
  const std::string_view type = headers.Find("x-amz-checksum-type").value_or("");
  const bool whole = !base::EqualsIgnoreCase(type, "COMPOSITE");
  for (const char* name : {"crc32", "crc32c", "crc64nvme", "sha1", "sha256"}) {
    const auto text = headers.Find(fmt::format("x-amz-checksum-{}", name));
    // "value-N" is a sum of the parts' sums.
    if (!text || !whole || text->find('-') != std::string_view::npos) continue;
    if (auto raw = FromBase64(*text)) Add(name, *std::move(raw));
  }
  if (const auto text = headers.Find("x-amz-meta-sha256")) {
    if (auto raw = FromHex(*text, 32)) Add("sha256", *std::move(raw));
  }
  const auto encryption = headers.Find("x-amz-server-side-encryption").value_or("");
  const bool md5 = !encryption.starts_with("aws:kms") &&
                   !headers.Find("x-amz-server-side-encryption-customer-algorithm");
  if (auto raw = FromHex(etag, 16); raw && md5) Add("md5", *std::move(raw));
}

void ContentCheck::Update(std::span<const std::byte> bytes) {
  if (want_sha256_) sha256_.Update(bytes);
  // One pass is enough when the content's SHA-256 is also what the server names.
  for (Expected& expected : sums_) {
    if (!Shared(expected)) expected.sum->Update(bytes);
  }
}

base::Status ContentCheck::Finish() {
  if (want_sha256_) digest_ = sha256_.Finish();
  for (Expected& expected : sums_) {
    const std::string sum = Shared(expected)
                                ? std::string(base::AsText(std::as_bytes(std::span(digest_))))
                                : expected.sum->Finish();
    if (sum == expected.value) continue;
    return base::Unavailable(
        fmt::format("the bytes that came do not have the {} that the server names",
                    base::ToLower(expected.name)));
  }
  return {};
}

}  // namespace hadron::storage::s3
