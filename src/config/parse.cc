#include "config/parse.h"

#include <fmt/format.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>
#include <string>

#include "config/wire/values.h"
#include "model_config.pb.h"

namespace hadron::config {
namespace {

/// The schema nests 7 levels; what goes deeper is no configuration.
constexpr int kMaxDepth = 32;

base::Status TooLarge(std::string_view what, std::size_t bytes) {
  return base::InvalidArgument(
      fmt::format("{}: {} bytes are more than a model configuration may "
                  "have ({})",
                  what, bytes, kMaxConfigBytes));
}

/// Keeps the first error; without a collector protobuf writes to standard error.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (text_.empty()) text_ = fmt::format("{}:{}: {}", line + 1, column + 1, message);
  }
  void AddWarning(int, google::protobuf::io::ColumnNumber, const std::string&) override {}
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Checks syntax and depth before protobuf sees the text: its own messages have no line, and its
/// parser recurses.
class JsonSyntax final : public nlohmann::json_sax<nlohmann::json> {
 public:
  const std::string& error() const { return error_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(std::int64_t) override { return true; }
  bool number_unsigned(std::uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(nlohmann::json::binary_t&) override { return true; }
  bool key(std::string&) override { return true; }
  bool start_object(std::size_t) override { return Enter(); }
  bool start_array(std::size_t) override { return Enter(); }
  bool end_object() override { return Leave(); }
  bool end_array() override { return Leave(); }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::json::exception& failure) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: ..."
    const std::string_view text = failure.what();
    const auto at = text.find("] ");
    error_ = text.substr(at == std::string_view::npos ? 0 : at + 2);
    return false;
  }

 private:
  bool Enter() {
    if (++depth_ <= kMaxDepth) return true;
    error_ = fmt::format("nests deeper than {} levels", kMaxDepth);
    return false;
  }
  bool Leave() {
    --depth_;
    return true;
  }
  int depth_ = 0;
  std::string error_;
};

base::Status CheckJsonSyntax(std::string_view text) {
  JsonSyntax syntax;
  if (nlohmann::json::sax_parse(text, &syntax)) return base::OkStatus();
  return base::InvalidArgument(syntax.error());
}

base::Status ReadJson(std::string_view text, ::inference::ModelConfig* message) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(text.data(), text.size()), message, options);
  if (status.ok()) return base::OkStatus();
  const auto what = status.message();
  return base::InvalidArgument(std::string(what.data(), what.size()));
}

}  // namespace

base::StatusOr<RawConfig> ParsePbtxt(std::string_view text, std::string_view filename) {
  if (text.size() > kMaxConfigBytes) return TooLarge(filename, text.size());
  auto message = std::make_unique<::inference::ModelConfig>();
  google::protobuf::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  FirstError errors;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.SetRecursionLimit(kMaxDepth);
  if (!parser.Parse(&input, message.get())) {
    return base::InvalidArgument(fmt::format("{}:{}", filename, errors.text()));
  }
  base::Status status = wire::CheckValues(*message);
  if (!status.ok()) return std::move(status).With(filename);
  return RawConfig(std::move(message));
}

base::StatusOr<RawConfig> ParseJson(std::string_view text) {
  constexpr std::string_view kWhat = "model configuration in JSON";
  if (text.size() > kMaxConfigBytes) return TooLarge(kWhat, text.size());
  auto message = std::make_unique<::inference::ModelConfig>();
  base::Status status = CheckJsonSyntax(text);
  if (status.ok()) status = ReadJson(text, message.get());
  if (status.ok()) status = wire::CheckValues(*message);
  if (!status.ok()) return std::move(status).With(kWhat);
  return RawConfig(std::move(message));
}

}  // namespace hadron::config
