#include "net/http/request_parser.h"

#include "net/asio.h"

// Beast after Asio, which net/asio.h includes in the order g++ 12 needs.
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <fmt/format.h>

#include <limits>

#include "base/bytes.h"
#include "base/strings.h"

namespace hadron::net {
namespace {

namespace beast = ::boost::beast;
namespace http = ::boost::beast::http;

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

RequestParser::Error Describe(const beast::error_code& ec) {
  if (ec == http::error::header_limit) return {431, "request header section is larger than 64 KiB"};
  if (ec == http::error::bad_content_length) {
    return {400, "malformed HTTP request: bad or conflicting Content-Length"};
  }
  if (ec == http::error::bad_version) return {505, "HTTP version not supported; use HTTP/1.1"};
  return {400, fmt::format("malformed HTTP request: {}", ec.message())};
}

}  // namespace

/// Beast calls back with the pieces it finds.
class RequestParser::Grammar final : public http::basic_parser<true> {
 public:
  explicit Grammar(const Limits& limits) : limits_(limits) {
    header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    // Sizes are checked against our own limits, which are settable ("none" means 0 to Boost 1.74).
    body_limit(std::numeric_limits<std::uint64_t>::max());
  }

  void Finish() {
    header.http11 = version_ >= 11;
    header.keep_alive = keep_alive();
    header.chunked = chunked();
    header.content_length = content_length().value_or(0);
    const auto expect = header.fields.Find("Expect");
    header.expects_continue =
        header.http11 && expect && base::EqualsIgnoreCase(*expect, "100-continue");
    header_done_ = true;
  }

  Header header;
  Error error;  ///< status 400 and a message, when it is ours and not Beast's
  BodySink* sink = nullptr;

 private:
  void Fail(Error why, beast::error_code& ec) {
    error = std::move(why);
    ec = http::error::bad_value;
  }

  void on_request_impl(http::verb /*method*/, beast::string_view method, beast::string_view target,
                       int version, beast::error_code& /*ec*/) override {
    header.method = View(method);
    header.target = View(target);
    version_ = version;
  }
  void on_response_impl(int /*code*/, beast::string_view /*reason*/, int /*version*/,
                        beast::error_code& /*ec*/) override {}

  void on_field_impl(http::field /*field*/, beast::string_view name, beast::string_view value,
                     beast::error_code& ec) override {
    if (header_done_) return;  // trailers after the last chunk carry nothing we use
    if (header.fields.size() == limits_.header_fields) {
      return Fail(
          {431, fmt::format("request has more than {} header fields", limits_.header_fields)}, ec);
    }
    header.fields.Add(View(name), View(value));
  }
  void on_header_impl(beast::error_code& /*ec*/) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/,
                         beast::error_code& /*ec*/) override {}
  std::size_t on_body_impl(beast::string_view body, beast::error_code& /*ec*/) override {
    return body.size();
  }

  void on_chunk_header_impl(std::uint64_t size, beast::string_view /*extensions*/,
                            beast::error_code& ec) override {
    if (size > 0 && ++chunks_ > limits_.chunks) {
      Fail({400,
            fmt::format("request body has more than {} chunks; send larger ones", limits_.chunks)},
           ec);
    }
  }
  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, beast::string_view body,
                                 beast::error_code& ec) override {
    if (!(*sink)(base::AsBytes(View(body)))) ec = http::error::body_limit;
    return body.size();
  }
  void on_finish_impl(beast::error_code& /*ec*/) override {}

  const Limits& limits_;
  int version_ = 0;
  std::size_t chunks_ = 0;
  bool header_done_ = false;
};

RequestParser::RequestParser(Limits limits) : limits_(limits) { Reset(); }
RequestParser::~RequestParser() = default;

void RequestParser::Reset() {
  grammar_ = std::make_unique<Grammar>(limits_);
  error_ = {};
  started_ = false;
}

RequestParser::Header& RequestParser::header() { return grammar_->header; }

RequestParser::Step RequestParser::Put(std::span<const std::byte> bytes, Progress when_ok) {
  beast::error_code ec;
  const std::size_t consumed = grammar_->put(asio::const_buffer(bytes.data(), bytes.size()), ec);
  if (ec == http::error::need_more) return {Progress::kNeedMore, consumed};
  if (ec) {
    error_ = grammar_->error.message.empty() ? Describe(ec) : grammar_->error;
    return {Progress::kFailed, consumed};
  }
  return {when_ok, consumed};
}

RequestParser::Step RequestParser::ParseHeader(std::span<const std::byte> bytes) {
  if (bytes.empty()) return {Progress::kNeedMore, 0};
  started_ = true;
  const Step step = Put(bytes, Progress::kHeaderDone);
  if (step.progress != Progress::kHeaderDone) return step;
  if (!grammar_->is_header_done()) return {Progress::kNeedMore, step.consumed};
  grammar_->Finish();
  return step;
}

RequestParser::Step RequestParser::ParseChunks(std::span<const std::byte> bytes, BodySink& sink) {
  if (bytes.empty()) return {Progress::kNeedMore, 0};
  grammar_->sink = &sink;
  grammar_->eager(true);
  const Step step = Put(bytes, Progress::kDone);
  if (step.progress == Progress::kDone && !grammar_->is_done()) {
    return {Progress::kNeedMore, step.consumed};
  }
  return step;
}

}  // namespace hadron::net
