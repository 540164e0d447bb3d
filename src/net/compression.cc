#include "net/compression.h"

#include <fmt/format.h>
#define ZLIB_CONST  // next_in as a pointer to const
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "base/strings.h"

namespace hadron::net {
namespace {

constexpr std::size_t kFirstBlock = 64 * 1024;
constexpr std::size_t kLargestBlock = 4 * 1024 * 1024;
constexpr int kZlibWindow = 15;
constexpr int kGzipWindow = 15 + 16;

int WindowOf(ContentCoding coding) {
  return coding == ContentCoding::kGzip ? kGzipWindow : kZlibWindow;
}

/// A zlib stream in either direction: both have the same steps and different functions.
class Stream {
 public:
  using Step = int (*)(z_stream*, int);
  using End = int (*)(z_stream*);

  Stream(Step step, End end) : step_(step), end_(end) {}
  ~Stream() { end_(&z_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  z_stream* get() { return &z_; }

  /// Sends one slice through, or ends the stream with an empty one and Z_FINISH. Z_OK,
  /// Z_STREAM_END, or why not; Z_MEM_ERROR stands for "more than max_bytes".
  int Run(std::span<const std::byte> in, int flush, std::uint64_t max_bytes) {
    std::size_t at = 0;
    int result = Z_OK;
    do {
      constexpr std::size_t kPiece = std::numeric_limits<uInt>::max();
      const std::size_t piece = std::min(in.size() - at, kPiece);
      // zlib's interface is not const-correct, and its bytes are unsigned char.
      z_.next_in = static_cast<const Bytef*>(static_cast<const void*>(in.data() + at));
      z_.avail_in = static_cast<uInt>(piece);
      result = Drain(flush, max_bytes);
      at += piece - z_.avail_in;
    } while (result == Z_OK && at < in.size());
    consumed_all_ = at == in.size();
    return result;
  }

  bool consumed_all() const { return consumed_all_; }

  base::IoBuf Take() {
    base::IoBuf out;
    for (std::vector<std::byte>& block : blocks_)
      out.Append(base::IoBuf::FromVector(std::move(block)));
    return out;
  }

 private:
  int Drain(int flush, std::uint64_t max_bytes) {
    int result = Z_OK;
    do {
      const std::size_t room = std::min<std::uint64_t>(NextBlock(), max_bytes - produced_ + 1);
      std::vector<std::byte> block(room);
      z_.next_out = static_cast<Bytef*>(static_cast<void*>(block.data()));
      z_.avail_out = static_cast<uInt>(room);
      result = step_(&z_, flush);
      const std::size_t made = room - z_.avail_out;
      produced_ += made;
      if (produced_ > max_bytes) return Z_MEM_ERROR;
      block.resize(made);
      if (made > 0) blocks_.push_back(std::move(block));
      if (result == Z_BUF_ERROR) return Z_OK;  // nothing to do with what there is
    } while (result == Z_OK && z_.avail_out == 0);
    return result;
  }

  std::size_t NextBlock() const {
    return std::clamp<std::size_t>(produced_, kFirstBlock, kLargestBlock);
  }

  Step step_;
  End end_;
  z_stream z_{};
  std::vector<std::vector<std::byte>> blocks_;
  std::uint64_t produced_ = 0;
  bool consumed_all_ = true;
};

struct Offer {
  ContentCoding coding;
  double weight;
};

/// One element of Accept-Encoding: "gzip;q=0.5".
std::optional<Offer> ParseOffer(std::string_view element) {
  const std::size_t semicolon = element.find(';');
  const std::string name = base::ToLower(base::Trim(element.substr(0, semicolon)));
  Offer offer{ContentCoding::kIdentity, 1};
  if (name == "gzip") {
    offer.coding = ContentCoding::kGzip;
  } else if (name == "deflate") {
    offer.coding = ContentCoding::kDeflate;
  } else if (name != "identity") {
    return std::nullopt;
  }
  if (semicolon == std::string_view::npos) return offer;
  const std::string_view parameter = base::Trim(element.substr(semicolon + 1));
  if (!parameter.starts_with("q=") && !parameter.starts_with("Q=")) return std::nullopt;
  const auto weight = base::ParseDouble(parameter.substr(2));
  if (!weight || !(*weight >= 0 && *weight <= 1)) return std::nullopt;
  offer.weight = *weight;
  return offer;
}

base::Status InflateFailure(int result, const z_stream& z, std::uint64_t max_bytes) {
  if (result == Z_MEM_ERROR) {
    return base::InvalidArgument(
        fmt::format("decompressed request body exceeds the maximum allowed value of {} bytes "
                    "(--http-max-input-size)",
                    max_bytes));
  }
  return base::InvalidArgument(fmt::format("failed to decompress the request body: {}",
                                           z.msg != nullptr ? z.msg : "corrupt stream"));
}

}  // namespace

std::string_view ContentCodingName(ContentCoding coding) {
  switch (coding) {
    case ContentCoding::kGzip:
      return "gzip";
    case ContentCoding::kDeflate:
      return "deflate";
    case ContentCoding::kIdentity:
      break;
  }
  return "identity";
}

base::StatusOr<ContentCoding> ParseContentEncoding(std::optional<std::string_view> value) {
  const std::string name = base::ToLower(base::Trim(value.value_or("")));
  if (name.empty() || name == "identity") return ContentCoding::kIdentity;
  if (name == "gzip") return ContentCoding::kGzip;
  if (name == "deflate") return ContentCoding::kDeflate;
  return base::Unimplemented(fmt::format(
      "Unsupported compression type '{}' in Content-Encoding; use gzip, deflate or identity",
      base::EscapeControl(name)));
}

ContentCoding ChooseCoding(std::optional<std::string_view> accept_encoding) {
  Offer best{ContentCoding::kIdentity, 0};
  for (const std::string& element : base::Split(accept_encoding.value_or(""), ',')) {
    const auto offer = ParseOffer(element);
    if (offer && offer->weight > best.weight) best = *offer;
  }
  return best.coding;
}

base::StatusOr<base::IoBuf> Decompress(const base::IoBuf& body, ContentCoding coding,
                                       std::uint64_t max_bytes) {
  if (coding == ContentCoding::kIdentity) return base::IoBuf(body);
  if (body.empty())
    return base::InvalidArgument("failed to decompress the request body: it is empty");
  Stream stream(inflate, inflateEnd);
  if (inflateInit2(stream.get(), WindowOf(coding)) != Z_OK) {
    return base::ResourceExhausted("no memory to decompress the request body; try again later");
  }
  int result = Z_OK;
  for (std::size_t i = 0; i < body.slices().size(); ++i) {
    if (result == Z_STREAM_END) return base::InvalidArgument("garbage after the compressed body");
    result = stream.Run(body.slices()[i].bytes, Z_NO_FLUSH, max_bytes);
    if (result != Z_OK && result != Z_STREAM_END) {
      return InflateFailure(result, *stream.get(), max_bytes);
    }
  }
  if (result != Z_STREAM_END) {
    return base::InvalidArgument("failed to decompress the request body: the stream is truncated");
  }
  if (!stream.consumed_all()) return base::InvalidArgument("garbage after the compressed body");
  return stream.Take();
}

base::StatusOr<base::IoBuf> Compress(const base::IoBuf& body, ContentCoding coding) {
  if (coding == ContentCoding::kIdentity) return base::IoBuf(body);
  Stream stream(deflate, deflateEnd);
  constexpr int kMemoryLevel = 8;
  if (deflateInit2(stream.get(), Z_BEST_SPEED, Z_DEFLATED, WindowOf(coding), kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return base::Internal("zlib could not start a stream");
  }
  constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max() - 1;
  for (const base::IoBuf::Slice& slice : body.slices()) {
    if (stream.Run(slice.bytes, Z_NO_FLUSH, kNoLimit) != Z_OK) {
      return base::Internal("zlib failed to compress the response");
    }
  }
  if (stream.Run({}, Z_FINISH, kNoLimit) != Z_STREAM_END) {
    return base::Internal("zlib failed to end the stream");
  }
  return stream.Take();
}

}  // namespace hadron::net
