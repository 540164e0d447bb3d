#include "protocol/status_map.h"

#include <gtest/gtest.h>

namespace hadron::protocol {
namespace {

using base::RefusalCause;
using base::Status;
using base::StatusCode;

TEST(StatusMap, MapsEveryCode) {
  const struct {
    StatusCode code;
    int http;
    int grpc;
  } rows[] = {
      {StatusCode::kCancelled, 400, 1},         {StatusCode::kUnknown, 400, 2},
      {StatusCode::kInvalidArgument, 400, 3},   {StatusCode::kNotFound, 404, 5},
      {StatusCode::kAlreadyExists, 400, 6},     {StatusCode::kPermissionDenied, 403, 7},
      {StatusCode::kResourceExhausted, 503, 8}, {StatusCode::kUnimplemented, 501, 12},
      {StatusCode::kInternal, 500, 13},         {StatusCode::kUnavailable, 503, 14},
      {StatusCode::kUnauthenticated, 401, 16},
  };
  for (const auto& row : rows) {
    const Status status(row.code, "x");
    EXPECT_EQ(HttpStatus(status), row.http) << base::StatusCodeName(row.code);
    EXPECT_EQ(GrpcStatus(status), row.grpc) << base::StatusCodeName(row.code);
  }
  EXPECT_EQ(HttpStatus({}), 200);
  EXPECT_EQ(GrpcStatus({}), 0);
}

TEST(StatusMap, ATenantsOwnLimitIs429) {
  EXPECT_EQ(HttpStatus(base::ResourceExhausted("x", RefusalCause::kQuota)), 429);
}

TEST(StatusMap, RefusalsThatPassCarryRetryAfter) {
  EXPECT_TRUE(RetryAfterSeconds(base::Unavailable("x", RefusalCause::kQueue)));
  EXPECT_TRUE(RetryAfterSeconds(base::Unavailable("x", RefusalCause::kDeadline)));
  EXPECT_TRUE(RetryAfterSeconds(base::ResourceExhausted("x")));
  EXPECT_FALSE(RetryAfterSeconds(base::Unavailable("x", RefusalCause::kDraining)));
  EXPECT_FALSE(RetryAfterSeconds(base::Unavailable("x")));
  EXPECT_FALSE(RetryAfterSeconds({}));
}

}  // namespace
}  // namespace hadron::protocol
