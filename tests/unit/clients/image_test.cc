#include "cli/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <cstdint>
#include <string>

#include "cli/read_file.h"

namespace hadron::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string MakePng(unsigned width, unsigned height, unsigned format,
                    const std::vector<std::uint8_t>& pixels) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = format;
  std::string file(100'000, '\0');
  png_alloc_size_t size = file.size();
  EXPECT_NE(png_image_write_to_memory(&image, file.data(), &size, 0, pixels.data(), 0, nullptr), 0);
  file.resize(size);
  return file;
}

TEST(ParsePgm, ReadsThePlainForm) {
  const auto image = ParsePgm("P2 # comment\n# another\n3 2\n16\n0 1 2\n3 4 16\n");
  ASSERT_TRUE(image.ok()) << image.message();
  EXPECT_EQ(image->width, 3U);
  EXPECT_EQ(image->height, 2U);
  EXPECT_EQ(image->white, 16);
  EXPECT_THAT(image->pixels, ElementsAre(0, 1, 2, 3, 4, 16));
}

TEST(ParsePgm, ReadsTheBinaryForms) {
  EXPECT_THAT(ParsePgm(std::string("P5 2 1 255\n\x00\xFF", 13))->pixels, ElementsAre(0, 255));
  EXPECT_THAT(ParsePgm(std::string("P5 2 1 1000\n\x01\x02\x03\xE8", 16))->pixels,
              ElementsAre(258, 1000));
}

TEST(ParsePgm, ReadsTheSamples) {
  for (char digit = '0'; digit <= '9'; ++digit) {
    const auto file =
        ReadFile(std::string(HADRON_SOURCE_DIR "/clients/cli/samples/digit_") + digit + ".pgm");
    ASSERT_TRUE(file.ok()) << file.message();
    const auto image = ParseImage(*file);
    ASSERT_TRUE(image.ok()) << image.message();
    EXPECT_EQ(image->pixels.size(), 64U);
    EXPECT_EQ(image->white, 16);
  }
}

TEST(ParsePgm, RefusesHostileFiles) {
  for (const std::string file :
       {"", "P5", "P2", "P3 1 1 255 0", "P2 0 1 255", "P2 1 1 0 0", "P2 1 1 70000 0", "P2 1 1 9 10",
        "P2 2 2 9 1 2 3", "P2 -1 1 9 1", "P2 99999999999999999999 1 9", "P2 5000 1 9 1",
        "P5 4096 4096 255 short", "P5 2 1 1000 abc", "P2 #", "P2 1 1 9 x", "P2 1 1", "P2 #\n#"}) {
    EXPECT_FALSE(ParsePgm(file).ok()) << file;
  }
}

TEST(ParsePng, ReadsGreyAndColour) {
  const auto grey = ParseImage(MakePng(2, 2, PNG_FORMAT_GRAY, {0, 85, 170, 255}));
  ASSERT_TRUE(grey.ok()) << grey.message();
  EXPECT_EQ(grey->white, 255);
  EXPECT_THAT(grey->pixels, ElementsAre(0, 85, 170, 255));
  const auto colour = ParseImage(MakePng(2, 1, PNG_FORMAT_RGB, {255, 255, 255, 0, 0, 0}));
  ASSERT_TRUE(colour.ok());
  EXPECT_THAT(colour->pixels, ElementsAre(255, 0));
  const auto clear =
      ParseImage(MakePng(2, 1, PNG_FORMAT_RGBA, {255, 255, 255, 0, 255, 255, 255, 255}));
  ASSERT_TRUE(clear.ok());
  EXPECT_THAT(clear->pixels, ElementsAre(0, 255));
}

TEST(ParsePng, RefusesHostileFiles) {
  const std::string good = MakePng(4, 4, PNG_FORMAT_GRAY, std::vector<std::uint8_t>(16, 9));
  for (std::size_t length = 0; length + 12 < good.size(); ++length) {
    EXPECT_FALSE(ParsePng(good.substr(0, length)).ok()) << length;
  }
  std::string huge = good;  // the header claims 65536 x 4
  huge[17] = '\1';
  EXPECT_FALSE(ParsePng(huge).ok());
  std::string damaged = good;
  damaged[good.size() - 25] ^= 0x55;
  EXPECT_FALSE(ParsePng(damaged).ok());
  EXPECT_THAT(ParseImage("GIF89a").message(), HasSubstr("neither"));
}

TEST(Apply, AveragesAreasWhenItShrinks) {
  const Image image{.width = 4, .height = 2, .white = 8, .pixels = {0, 2, 4, 4, 2, 4, 8, 8}};
  EXPECT_THAT(Apply({.width = 2, .height = 1}, image).pixels, ElementsAre(2, 6));
  const Image row{.width = 3, .height = 1, .white = 9, .pixels = {0, 3, 9}};
  EXPECT_THAT(Apply({.width = 2, .height = 1}, row).pixels, ElementsAre(1, 7));
}

TEST(Apply, RepeatsPixelsWhenItGrows) {
  const Image image{.width = 1, .height = 1, .white = 9, .pixels = {5}};
  EXPECT_THAT(Apply({.width = 2, .height = 2}, image).pixels, ElementsAre(5, 5, 5, 5));
}

TEST(Apply, InvertsThenScales) {
  const Image image{.width = 2, .height = 1, .white = 255, .pixels = {0, 51}};
  const Image seen = Apply({.invert = true, .scale = 16.0}, image);
  EXPECT_EQ(seen.white, 16);
  ASSERT_EQ(seen.pixels.size(), 2U);
  EXPECT_FLOAT_EQ(seen.pixels[0], 16);
  EXPECT_FLOAT_EQ(seen.pixels[1], 12.8F);
}

}  // namespace
}  // namespace hadron::cli
