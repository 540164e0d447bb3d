#include "base/md5.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace hadron::base {
namespace {

std::string Md5Of(std::initializer_list<std::string_view> pieces) {
  auto md5 = Md5::Create();
  if (!md5.ok()) return md5.message();
  for (const std::string_view piece : pieces) (*md5)->Update(AsBytes(piece));
  return (*md5)->FinishHex();
}

TEST(Md5, HashesTheVectorsOfItsStandard) {
  EXPECT_EQ(Md5Of({}), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(Md5Of({"abc"}), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(Md5Of({"message ", "", "digest"}), "f96b697d7cb7938d525a2f31aaf161d0");
}

}  // namespace
}  // namespace hadron::base
