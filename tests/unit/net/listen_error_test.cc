#include "net/listen_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace hadron::net {
namespace {

using testing::HasSubstr;

TEST(HostPort, PutsIpv6InBrackets) {
  EXPECT_EQ(HostPort("0.0.0.0", 8000), "0.0.0.0:8000");
  EXPECT_EQ(HostPort("::1", 8000), "[::1]:8000");
  EXPECT_EQ(HostPort("[::]", 8000), "[::]:8000");
}

TEST(ListenFailure, NamesTheRemedy) {
  EXPECT_THAT(ListenFailure("0.0.0.0", 80, EACCES, "--http").message(),
              HasSubstr("cannot listen on 0.0.0.0:80: permission denied"));
  EXPECT_THAT(ListenFailure("0.0.0.0", 80, EACCES, "--http").message(),
              HasSubstr("choose --http-port"));
  EXPECT_THAT(ListenFailure("192.0.2.1", 8001, EADDRNOTAVAIL, "--grpc").message(),
              HasSubstr("choose --grpc-address"));
  EXPECT_THAT(ListenFailure("0.0.0.0", 8000, ENOBUFS, "--http").message(),
              HasSubstr("cannot listen on 0.0.0.0:8000: "));
}

TEST(PortOwner, IsUnknownForAFreePort) { EXPECT_FALSE(PortOwner(1)); }

}  // namespace
}  // namespace hadron::net
