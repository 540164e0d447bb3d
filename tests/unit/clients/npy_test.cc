#include "cli/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/bytes.h"
#include "cli/read_file.h"

namespace hadron::cli {
namespace {

using testing::HasSubstr;

std::string Npy(const std::string& header, const std::string& content, char major = 1) {
  std::string file = "\x93NUMPY";
  file += major;
  file += '\0';
  file += static_cast<char>(header.size() & 0xFF);
  file += static_cast<char>(header.size() >> 8);
  if (major > 1) file += std::string(2, '\0');
  return file + header + content;
}

std::string Header(const std::string& descr, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }   \n";
}

TEST(ParseNpy, ReadsTypesAndShapes) {
  const auto array = ParseNpy(Npy(Header("<i2", "(2, 3)"), std::string(12, '\1')));
  ASSERT_TRUE(array.ok()) << array.message();
  EXPECT_EQ(array->type, tensor::DataType::kInt16);
  EXPECT_EQ(array->shape, (tensor::Shape{2, 3}));
  EXPECT_EQ(base::AsArray<std::int16_t>(array->bytes)[5], 0x0101);

  EXPECT_EQ(ParseNpy(Npy(Header("<f8", "()"), std::string(8, '\0')))->shape, tensor::Shape{});
  EXPECT_EQ(ParseNpy(Npy(Header("|b1", "(3,)"), std::string(3, '\1')))->type,
            tensor::DataType::kBool);
}

TEST(ParseNpy, ReadsTheLaterFormats) {
  EXPECT_TRUE(ParseNpy(Npy(Header("|u1", "(2,)"), "ab", 2)).ok());
  EXPECT_TRUE(ParseNpy(Npy(Header("|u1", "(0, 5)"), "", 3)).ok());
}

TEST(ParseNpy, ReadsWhatNumpyWrote) {
  const auto file = ReadFile(HADRON_SOURCE_DIR "/tests/data/digits_images.npy");
  ASSERT_TRUE(file.ok()) << file.message();
  const auto array = ParseNpy(*file);
  ASSERT_TRUE(array.ok()) << array.message();
  EXPECT_EQ(array->type, tensor::DataType::kFp32);
  EXPECT_EQ(array->shape, (tensor::Shape{360, 1, 8, 8}));
}

TEST(ParseNpy, RefusesHostileFiles) {
  const std::vector<std::string> files = {
      "",
      "\x93NUMPY",
      "PK\3\4 an npz file",
      Npy("", ""),
      Npy(Header("<f4", "(2,)"), "1234567"),
      Npy(Header("<f4", "(2,)"), "123456789"),
      Npy(Header("<f4", "(9223372036854775807, 9223372036854775807)"), ""),
      Npy(Header("<f4", "(-1,)"), ""),
      Npy(Header("<f4", "(1.5,)"), "1234"),
      Npy(Header("<f4", "(2,"), "12345678"),
      Npy(Header(">f4", "(1,)"), "1234"),
      Npy(Header("<c8", "(1,)"), "12345678"),
      Npy(Header("|O", "(1,)"), "12345678"),
      Npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "1234"),
      Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}", "1234"),
      Npy("{'descr': '<f4', 'shape': (1,)}", "1234"),
      Npy("{'descr': '", ""),
      Npy(Header("<f4", "(1,)"), "1234", 9),
      Npy(Header("<f4", "(1,)"), "1234").substr(0, 20),
  };
  for (const std::string& file : files) {
    const auto array = ParseNpy(file);
    EXPECT_FALSE(array.ok()) << file;
  }
}

TEST(ParseNpy, MessagesSayWhatToDo) {
  EXPECT_THAT(ParseNpy(Npy(Header(">f4", "(1,)"), "1234")).message(), HasSubstr("astype"));
  EXPECT_THAT(ParseNpy(Npy(Header("<f4", "(2,)"), "1234")).message(), HasSubstr("FP32"));
}

}  // namespace
}  // namespace hadron::cli
