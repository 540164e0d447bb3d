#include "protocol/rest/infer_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "unit/protocol/fake_models.h"

namespace hadron::protocol {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 30;

TEST(InferHeader, ReadsEveryField) {
  auto header = ParseInferHeader(
      R"({"id":"a\u00e9","model_name":{"ignored":[1]},
          "parameters":{"s":"x","i":-3,"u":18446744073709551615,"d":1.5,"b":true,
                        "binary_data_output":true},
          "inputs":[{"name":"A","shape":[1,2],"datatype":"FP32","data":[1,2]},
                    {"name":"B","shape":[3],"datatype":"UINT8",
                     "parameters":{"binary_data_size":3,"other":null}}],
          "outputs":[{"name":"C"},
                     {"name":"D","parameters":{"binary_data":false,"classification":3}}]})",
      kPlenty);
  ASSERT_TRUE(header.ok()) << header.message();
  EXPECT_EQ(header->id, "a\xC3\xA9");
  EXPECT_TRUE(header->binary_data_output);
  ASSERT_EQ(header->parameters.size(), 5U);
  EXPECT_EQ(std::get<std::int64_t>(header->parameters[1].second), -3);
  EXPECT_EQ(std::get<std::uint64_t>(header->parameters[2].second), ~std::uint64_t{0});
  EXPECT_EQ(std::get<double>(header->parameters[3].second), 1.5);
  EXPECT_EQ(ValuesOf<float>(*header->inputs[0].data), (std::vector<float>{1, 2}));
  EXPECT_EQ(header->inputs[1].binary_size, 3U);
  EXPECT_FALSE(header->inputs[1].data);
  EXPECT_FALSE(header->outputs[0].binary);
  EXPECT_EQ(header->outputs[1].binary, false);
  EXPECT_EQ(header->outputs[1].classification, 3U);
}

TEST(InferHeader, FieldsComeInAnyOrder) {
  std::string fields[] = {R"("name":"A")", R"("shape":[2])", R"("datatype":"INT16")",
                          R"("data":[[5],[-6]])"};
  std::sort(std::begin(fields), std::end(fields));
  do {
    const std::string text = R"({"inputs":[{)" + fields[0] + "," + fields[1] + "," + fields[2] +
                             "," + fields[3] + R"(}],"id":"after"})";
    auto header = ParseInferHeader(text, kPlenty);
    ASSERT_TRUE(header.ok()) << text << ": " << header.message();
    EXPECT_EQ(ValuesOf<std::int16_t>(*header->inputs[0].data), (std::vector<std::int16_t>{5, -6}));
    EXPECT_EQ(header->id, "after");
  } while (std::next_permutation(std::begin(fields), std::end(fields)));
}

TEST(IndexRequest, ReadsReady) {
  EXPECT_FALSE(*ParseIndexRequest(""));
  EXPECT_FALSE(*ParseIndexRequest("{}"));
  EXPECT_TRUE(*ParseIndexRequest(R"({"x":1,"ready":true})"));
  EXPECT_THAT(ParseIndexRequest(R"({"ready":"yes"})").message(),
              HasSubstr("Invalid value for 'ready': expected a boolean"));
  EXPECT_FALSE(ParseIndexRequest("[]").ok());
  EXPECT_FALSE(ParseIndexRequest("{").ok());
}

/// Hostile bytes end in an error or a header; sanitizers watch.
TEST(InferHeader, SurvivesMutations) {
  const std::string good =
      R"({"id":"1","parameters":{"p":1},"inputs":[{"name":"A","data":[[1.5,NaN],[2,3]],)"
      R"("shape":[2,2],"datatype":"FP32"},{"name":"B","shape":[1],"datatype":"BYTES",)"
      R"("data":["\u0041"]},{"name":"C","shape":[4],"datatype":"UINT8",)"
      R"("parameters":{"binary_data_size":4}}],"outputs":[{"name":"O","parameters":)"
      R"({"binary_data":true}}]})";
  ASSERT_TRUE(ParseInferHeader(good, kPlenty).ok());
  std::mt19937 random(5);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  constexpr std::string_view kSpice = "[]{},:\"\\0129-+.eNI x\x02\xFE";
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = good;
    for (std::size_t i = 1 + below(3); i > 0; --i) {
      text[below(text.size())] = kSpice[below(kSpice.size())];
    }
    if (below(5) == 0) text.resize(below(text.size() + 1));
    if (!text.empty() && below(5) == 0) text.erase(below(text.size()), 1 + below(30));
    accepted += ParseInferHeader(text, 1000).ok() ? 1 : 0;
  }
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, 20'000);
}

}  // namespace
}  // namespace hadron::protocol
