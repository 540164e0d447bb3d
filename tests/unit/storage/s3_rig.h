#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "storage/s3/factory.h"
#include "support/s3_origin.h"

namespace hadron::storage::test {

using hadron::test::ImposterReply;
using hadron::test::ImposterRequest;
using hadron::test::S3Error;
using hadron::test::S3Origin;

/// An environment of its own for a test.
inline Environment Variables(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

inline S3Options QuickOptions() {
  S3Options options;
  options.environment =
      Variables({{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"}, {"AWS_SECRET_ACCESS_KEY", "verysecret"}});
  options.part_bytes = 1'000'000;
  options.connections = 4;
  options.retry_base = std::chrono::milliseconds(1);
  options.stall_timeout = std::chrono::seconds(60);  // a busy machine is no fault of the server
  return options;
}

/// An origin and a store over it.
class S3Rig {
 public:
  explicit S3Rig(S3Options options = QuickOptions(), const std::string& prefix = "") {
    auto made = OpenS3Store(origin.url() + prefix, options, clock_);
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.message());
    store_ = std::move(made).value();
  }
  ObjectStore& store() { return *store_; }

  S3Origin origin;

 private:
  base::SystemClock clock_;
  std::unique_ptr<ObjectStore> store_;
};

}  // namespace hadron::storage::test
