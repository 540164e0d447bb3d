#include "report/svg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hadron::report {
namespace {

using ::testing::HasSubstr;

TEST(XmlEscape, KeepsTextAndEscapesMarkup) {
  EXPECT_EQ(XmlEscape("Größe 1×2 → 日本 😀"), "Größe 1×2 → 日本 😀");
  EXPECT_EQ(XmlEscape("<a b=\"c\" d='e'>&amp;"),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;");
}

TEST(XmlEscape, ReplacesWhatXmlCannotHold) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(XmlEscape(std::string("a\0b\x1F\x7F", 5)), "a" + bad + "b" + bad + bad);
  EXPECT_EQ(XmlEscape("\xFF"), bad);
  EXPECT_EQ(XmlEscape("\xC3"), bad) << "cut short";
  EXPECT_EQ(XmlEscape("\xC0\xAF"), bad + bad) << "overlong";
  EXPECT_EQ(XmlEscape("\xED\xA0\x80"), bad + bad + bad) << "surrogate";
  EXPECT_EQ(XmlEscape("\xEF\xBF\xBF"), bad + bad + bad) << "no character of XML";
  EXPECT_EQ(XmlEscape("\xF5\x80\x80\x80"), bad + bad + bad + bad) << "beyond Unicode";
}

TEST(SvgWriter, WritesOneDocument) {
  SvgWriter svg(100, 50);
  svg.Rect({1, 2}, 30, 20, "#eeeeee", "#000000", "a <tip>");
  svg.Text({3, 4}, "x & y", {.bold = true});
  svg.Line({{0, 0}, {0, 10}}, "#555555", true);
  const std::string text = std::move(svg).Finish();
  EXPECT_TRUE(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg "));
  EXPECT_TRUE(text.ends_with("</svg>\n"));
  EXPECT_THAT(text, HasSubstr("<title>a &lt;tip&gt;</title>"));
  EXPECT_THAT(text, HasSubstr(">x &amp; y</text>"));
  EXPECT_THAT(text, HasSubstr("<polyline points=\"0.0,0.0 0.0,10.0\""));
  EXPECT_THAT(text, HasSubstr("<path d=\"M0.0 10.0"));
}

TEST(SvgWriter, LeavesOutALineWithoutLength) {
  SvgWriter svg(10, 10);
  svg.Line({{1, 1}}, "#555555", true);
  EXPECT_EQ(std::move(svg).Finish().find("polyline"), std::string::npos);
}

}  // namespace
}  // namespace hadron::report
