#include "storage/s3/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "storage/s3/xml.h"

namespace hadron::storage::s3 {
namespace {

using base::StatusCode;

struct CodeRow {
  std::string_view code;  ///< '*' at its end: everything that begins so
  Treatment treatment;
  StatusCode status;
  std::string_view remedy;
};

constexpr std::string_view kCheckKeys =
    "check access key and secret key, and that they belong to this endpoint";
constexpr std::string_view kMayRead = "let this key read and list the bucket";

constexpr std::array<CodeRow, 26> kCodes = {{
    {"SlowDown", Treatment::kThrottle, StatusCode::kUnavailable, ""},
    {"ServiceUnavailable", Treatment::kThrottle, StatusCode::kUnavailable, ""},
    {"Throttling*", Treatment::kThrottle, StatusCode::kUnavailable, ""},
    {"TooManyRequests*", Treatment::kThrottle, StatusCode::kUnavailable, ""},
    {"RequestLimitExceeded", Treatment::kThrottle, StatusCode::kUnavailable, ""},
    {"BandwidthLimitExceeded", Treatment::kThrottle, StatusCode::kUnavailable, ""},
    {"InternalError", Treatment::kRetry, StatusCode::kUnavailable, ""},
    {"RequestTimeout", Treatment::kRetry, StatusCode::kUnavailable, ""},
    {"PriorRequestNotComplete", Treatment::kRetry, StatusCode::kUnavailable, ""},
    {"BadDigest", Treatment::kRetry, StatusCode::kUnavailable, ""},
    {"RequestTimeTooSkewed", Treatment::kSkew, StatusCode::kPermissionDenied,
     "set the clock of this machine"},
    {"ExpiredToken*", Treatment::kExpired, StatusCode::kPermissionDenied,
     "the session token has expired: renew it"},
    {"TokenRefreshRequired", Treatment::kExpired, StatusCode::kPermissionDenied,
     "the session token has expired: renew it"},
    {"AuthorizationHeaderMalformed", Treatment::kRegion, StatusCode::kPermissionDenied,
     "set AWS_REGION to the bucket's region"},
    {"PermanentRedirect", Treatment::kRegion, StatusCode::kPermissionDenied,
     "set AWS_REGION to the bucket's region"},
    {"TemporaryRedirect", Treatment::kRegion, StatusCode::kPermissionDenied,
     "set AWS_REGION to the bucket's region"},
    {"IllegalLocationConstraintException", Treatment::kRegion, StatusCode::kPermissionDenied,
     "set AWS_REGION to the bucket's region"},
    {"SignatureDoesNotMatch", Treatment::kFinal, StatusCode::kPermissionDenied, kCheckKeys},
    {"InvalidAccessKeyId", Treatment::kFinal, StatusCode::kPermissionDenied, kCheckKeys},
    {"AccessDenied", Treatment::kFinal, StatusCode::kPermissionDenied, kMayRead},
    {"NoSuchBucket", Treatment::kFinal, StatusCode::kNotFound, "check the bucket's name"},
    {"NoSuchKey", Treatment::kFinal, StatusCode::kNotFound, ""},
    {"NoSuchUpload", Treatment::kFinal, StatusCode::kNotFound, ""},
    {"EntityTooLarge", Treatment::kFinal, StatusCode::kInvalidArgument, ""},
    {"NotImplemented", Treatment::kFinal, StatusCode::kUnimplemented, ""},
    {"InvalidRequest", Treatment::kFinal, StatusCode::kInvalidArgument, ""},
}};

struct StatusRow {
  int low;
  int high;
  Treatment treatment;
  StatusCode status;
  std::string_view remedy;
};

/// For answers without a code, and codes that nobody knows.
constexpr std::array<StatusRow, 12> kStatuses = {{
    {300, 399, Treatment::kRegion, StatusCode::kPermissionDenied,
     "check endpoint, region and --s3-addressing"},
    {401, 401, Treatment::kFinal, StatusCode::kPermissionDenied, kCheckKeys},
    {403, 403, Treatment::kFinal, StatusCode::kPermissionDenied, kMayRead},
    {404, 404, Treatment::kFinal, StatusCode::kNotFound, ""},
    {407, 407, Treatment::kFinal, StatusCode::kPermissionDenied, "the proxy wants to know you"},
    {408, 408, Treatment::kRetry, StatusCode::kUnavailable, ""},
    {412, 412, Treatment::kFinal, StatusCode::kUnavailable, "the object has been replaced"},
    {429, 429, Treatment::kThrottle, StatusCode::kUnavailable, ""},
    {500, 502, Treatment::kRetry, StatusCode::kUnavailable, ""},
    {503, 503, Treatment::kThrottle, StatusCode::kUnavailable, ""},
    {504, 508, Treatment::kRetry, StatusCode::kUnavailable, ""},
    {509, 509, Treatment::kThrottle, StatusCode::kUnavailable, ""},
}};

const CodeRow* FindCode(std::string_view code) {
  const auto fits = [&](const CodeRow& row) {
    return row.code.ends_with('*') ? code.starts_with(row.code.substr(0, row.code.size() - 1))
                                   : code == row.code;
  };
  const auto* found = std::ranges::find_if(kCodes, fits);
  return found == kCodes.end() ? nullptr : found;
}

const StatusRow* FindStatus(int status) {
  const auto* found = std::ranges::find_if(
      kStatuses, [&](const StatusRow& row) { return status >= row.low && status <= row.high; });
  return found == kStatuses.end() ? nullptr : found;
}

std::string Header(const net::HttpHeaders& headers, std::string_view name) {
  return std::string(headers.Find(name).value_or(""));
}

}  // namespace

ServiceError ReadError(int status, const net::HttpHeaders& headers, std::string_view body) {
  ServiceError error;
  error.status = status;
  error.region = Header(headers, "x-amz-bucket-region");
  error.request_id = Header(headers, "x-amz-request-id");
  const auto root = ParseXml(body);
  if (root.ok() && root->name == "Error") {
    error.code = root->Text("Code");
    error.message = root->Text("Message");
    if (error.region.empty()) error.region = root->Text("Region");
  } else if (body.find("<html") != std::string_view::npos ||
             body.find("<HTML") != std::string_view::npos) {
    error.message = "the answer is a web page: a proxy may be in the way";
  }
  const CodeRow* by_code = FindCode(error.code);
  const StatusRow* by_status = FindStatus(status);
  if (by_code != nullptr) {
    error.treatment = by_code->treatment;
  } else if (by_status != nullptr) {
    error.treatment = by_status->treatment;
  }
  if (error.treatment == Treatment::kRegion && error.region.empty()) {
    error.treatment = Treatment::kFinal;
  }
  return error;
}

base::Status ToStatus(const ServiceError& error, const ErrorContext& context) {
  const CodeRow* by_code = FindCode(error.code);
  const StatusRow* by_status = FindStatus(error.status);
  std::string text = fmt::format("{}: {} answers {}", context.what, context.endpoint, error.status);
  if (!error.code.empty()) text += " " + base::EscapeControl(error.code.substr(0, 100));
  if (!error.message.empty()) {
    text += fmt::format(" ({})", base::EscapeControl(error.message.substr(0, 300)));
  }
  const StatusCode code = by_code != nullptr     ? by_code->status
                          : by_status != nullptr ? by_status->status
                                                 : StatusCode::kInternal;
  if (code == StatusCode::kPermissionDenied) {
    text += fmt::format(", access key {}", context.key_hint);
  }
  if (!error.region.empty()) {
    text += fmt::format(", region {}", base::EscapeControl(error.region.substr(0, 64)));
  }
  if (!error.request_id.empty()) {
    text += fmt::format(", request {}", base::EscapeControl(error.request_id.substr(0, 100)));
  }
  const std::string_view remedy = by_code != nullptr     ? by_code->remedy
                                  : by_status != nullptr ? by_status->remedy
                                                         : std::string_view();
  if (!remedy.empty()) text += fmt::format("; {}", remedy);
  return {code, std::move(text)};
}

}  // namespace hadron::storage::s3
